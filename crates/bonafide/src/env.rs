//! `bonafide env`

use crate::{DataDirOption, Failure, print};
use bonafide_server::{DataDir, Description, write_bundle};
use clap::{Args, ValueEnum};
use std::process::ExitCode;

#[derive(Args)]
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
            Shell::Sh => format!("export {name}='{}'\n", value.replace('\'', r"'\''")),
            Shell::Fish => format!("set -gx {name} '{}'\n", value.replace('\\', r"\\").replace('\'', r"\'")),
            Shell::Powershell => format!("$env:{name} = '{}'\n", value.replace('\'', "''")),
        })
        .collect();
    print(&lines);
    Ok(ExitCode::SUCCESS)
}

/// What SDKs and az need in order to find and trust this deployment.
pub(crate) fn variables(dir: &DataDir, description: &Description) -> Result<Vec<(&'static str, String)>, Failure> {
    let bundle = write_bundle(dir)?.display().to_string();
    let metadata = format!("{}/metadata/endpoints?api-version=2019-05-01", description.endpoints.management);
    Ok(vec![
        ("REQUESTS_CA_BUNDLE", bundle.clone()),
        ("SSL_CERT_FILE", bundle.clone()),
        ("CURL_CA_BUNDLE", bundle),
        ("NODE_EXTRA_CA_CERTS", description.ca_file.display().to_string()),
        ("AZURE_AUTHORITY_HOST", description.endpoints.login.clone()),
        ("ARM_CLOUD_METADATA_URL", metadata),
        ("AZURE_CORE_INSTANCE_DISCOVERY", "false".to_owned()),
    ])
}

/// Names that a system may not resolve by itself. `localhost` always does, so there are none while
/// there is no vault.
fn hosts(_description: &Description) -> String {
    "127.0.0.1 localhost\n".to_owned()
}
