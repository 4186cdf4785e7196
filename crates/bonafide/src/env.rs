//! `bonafide env`

use crate::{DataDirOption, Failure, print};
use bonafide_server::{DataDir, Description, write_bundle};
use clap::{Args, ValueEnum};
use std::process::ExitCode;

const EXAMPLES: &str = r#"Take them over into a shell:
  sh, bash, zsh  eval "$(bonafide env)"
  fish           bonafide env --shell fish | source
  PowerShell     bonafide env --shell powershell | Out-String | Invoke-Expression"#;

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    #[command(flatten)]
    data_dir: DataDirOption,
    /// Whose syntax to print in
    #[arg(long, value_enum, default_value_t = Shell::Sh)]
    shell: Shell,
    /// Print lines for the hosts file instead
    #[arg(long)]
    hosts: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Shell {
    Sh,
    Fish,
    Powershell,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let dir = DataDir::at(&options.data_dir.data_dir)?;
    let description = Description::read(&dir)?;
    if options.hosts {
        print(&hosts(&description));
        return Ok(ExitCode::SUCCESS);
    }
    let lines: String = variables(&dir, &description)?
        .into_iter()
        .map(|(name, value)| match options.shell {
            Shell::Sh => format!("export {name}={}\n", sh_quoted(&value)),
            Shell::Fish => format!("set -gx {name} '{}'\n", value.replace('\\', r"\\").replace('\'', r"\'")),
            Shell::Powershell => format!("$env:{name} = '{}'\n", value.replace('\'', "''")),
        })
        .collect();
    print(&lines);
    Ok(ExitCode::SUCCESS)
}

/// One word for a POSIX shell, whatever is in it.
pub(crate) fn sh_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// What SDKs and az need in order to find and trust this deployment.
pub(crate) fn variables(dir: &DataDir, description: &Description) -> Result<Vec<(&'static str, String)>, Failure> {
    let bundle = write_bundle(dir)?.display().to_string();
    let metadata = format!("{}/metadata/endpoints?api-version=2019-05-01", description.endpoints.management);
    let origin = host_of(&description.endpoints.management);
    Ok(vec![
        ("REQUESTS_CA_BUNDLE", bundle.clone()),
        ("SSL_CERT_FILE", bundle.clone()),
        ("CURL_CA_BUNDLE", bundle),
        ("NODE_EXTRA_CA_CERTS", description.ca_file.display().to_string()),
        ("AZURE_AUTHORITY_HOST", description.endpoints.login.clone()),
        ("ARM_CLOUD_METADATA_URL", metadata),
        ("AZURE_CORE_INSTANCE_DISCOVERY", "false".to_owned()),
        ("NO_PROXY", without_proxy("NO_PROXY", "no_proxy", origin)),
        ("no_proxy", without_proxy("no_proxy", "NO_PROXY", origin)),
    ])
}

/// The hosts that are not reached through a proxy: those of the caller, and all of ours. A proxy cannot
/// reach this machine's loopback, and it would see the secret header. Clients differ in which spelling of
/// the variable they prefer, so each takes over the other's value where it has none.
fn without_proxy(name: &str, other: &str, origin: &str) -> String {
    let value = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    with_direct_hosts(&value(name).or_else(|| value(other)).unwrap_or_default(), origin)
}

fn with_direct_hosts(present: &str, origin: &str) -> String {
    // All hosts; curl and Python know it only when it stands alone.
    if present.trim() == "*" {
        return present.to_owned();
    }
    let mut hosts: Vec<&str> = present.split(',').map(str::trim).filter(|host| !host.is_empty()).collect();
    for host in ["127.0.0.1", "localhost", "169.254.169.254", origin] {
        if !hosts.iter().any(|known| known.eq_ignore_ascii_case(host)) {
            hosts.push(host);
        }
    }
    hosts.join(",")
}

/// The host of a base URL, an IPv6 address without its brackets.
fn host_of(url: &str) -> &str {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Names that a system may not resolve by itself. `localhost` always does, so there are none while
/// there is no vault.
fn hosts(_description: &Description) -> String {
    "127.0.0.1 localhost\n".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_callers_own_hosts_stay_and_ours_are_added_once() {
        let ours = "127.0.0.1,localhost,169.254.169.254";
        assert_eq!(with_direct_hosts("", "localhost"), ours);
        assert_eq!(with_direct_hosts(ours, "localhost"), ours);
        let added = with_direct_hosts("corp.example, LOCALHOST", "192.0.2.1");
        assert_eq!(added, "corp.example,LOCALHOST,127.0.0.1,169.254.169.254,192.0.2.1");
        assert_eq!(with_direct_hosts("*", "localhost"), "*");
    }

    #[test]
    fn a_host_is_read_from_its_url() {
        assert_eq!(host_of("https://localhost:8443"), "localhost");
        assert_eq!(host_of("https://[2001:db8::1]:8443"), "2001:db8::1");
    }
}
