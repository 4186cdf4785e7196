//! `bonafide host join`

use crate::data_dir::DataDir;
use crate::shell::sh_quoted;
use crate::{DataDirOption, Failure, block_on, print, say};
use bonafide_crypto::thumbprint;
use bonafide_files::{read_named, read_named_secret};
use bonafide_host::{HostsOrigin, JoinOrder, KnownBy, join};
use bonafide_types::Secret;
use clap::{ArgGroup, Args};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Longest token, in bytes. Source: ours; one has 43.
const TOKEN_BYTES_MAX: u64 = 4_096;

#[derive(Args)]
#[command(group(ArgGroup::new("invitation").required(true).args(["token", "token_file"])))]
pub(super) struct Options {
    /// Address of the control plane's hosts listener, as in https://id.example.org:8444 (repeatable: where one does not
    /// answer, the next is tried)
    #[arg(long = "url", value_name = "URL", required = true)]
    urls: Vec<HostsOrigin>,
    /// The one-use token that `bonafide host token create` printed; - reads it from standard input. Who lists processes sees
    /// it here, for as long as it can be used
    // One in 64 tokens begins with a hyphen.
    #[arg(long, value_name = "TOKEN", allow_hyphen_values = true)]
    token: Option<String>,
    /// File with the token, for you alone
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// File with the control plane's authority, its ca.pem [default: the authorities of the system]
    #[arg(long, value_name = "FILE", conflicts_with = "ca_sha256")]
    ca: Option<PathBuf>,
    /// SHA-256 of that authority's certificate, in hexadecimal
    #[arg(long, value_name = "HEX", value_parser = digest)]
    ca_sha256: Option<[u8; 32]>,
}

/// A digest as `openssl x509 -fingerprint -sha256` and `sha256sum` print it.
fn digest(text: &str) -> Result<[u8; 32], String> {
    let digits: String = text.chars().filter(|char| *char != ':').collect();
    let bytes = thumbprint::parse_hex(&digits.to_ascii_lowercase()).and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| {
        "give the 64 hexadecimal digits that `openssl x509 -in ca.pem -noout -fingerprint -sha256` prints".to_owned()
    })
}

pub(super) fn run(option: &DataDirOption, options: Options) -> Result<(), Failure> {
    let known_by = match (&options.ca, options.ca_sha256) {
        (Some(path), _) => KnownBy::Authorities(authorities(path)?),
        (None, Some(digest)) => KnownBy::Digest(digest),
        (None, None) => KnownBy::System,
    };
    let token = token(&options)?;
    let (dir, _begun) = DataDir::create_for_host(option)?;
    let order = JoinOrder { origins: options.urls, known_by, token };
    let joined = block_on(join(&dir.host, order))??;
    print(&format!("{}\n", joined.host));
    if let Some(aside) = joined.aside {
        say(&format!("this machine was another host before, whose files are now in {}", aside.display()));
    }
    let (path, _) = option.choice();
    say(&format!(
        "this machine is a host until {}, and renews that while its agent runs: bonafide host run --data-dir {}",
        joined.ends_at.second(),
        sh_quoted(&path.display().to_string())
    ));
    Ok(())
}

fn authorities(path: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    let found = CertificateDer::pem_slice_iter(&read_named(path)?).collect::<Result<Vec<_>, _>>().unwrap_or_default();
    if found.is_empty() {
        return Err(format!("{} has no certificate (PEM): give the ca.pem of the control plane", path.display()).into());
    }
    Ok(found.into_iter().map(|der| der.to_vec()).collect())
}

fn token(options: &Options) -> Result<Secret<String>, Failure> {
    let text = match (&options.token_file, options.token.as_deref()) {
        (Some(path), _) => String::from_utf8_lossy(read_named_secret(path)?.expose()).into_owned(),
        (None, Some("-") | None) => {
            let mut text = String::new();
            std::io::stdin().take(TOKEN_BYTES_MAX).read_to_string(&mut text)?;
            text
        }
        (None, Some(token)) => token.to_owned(),
    };
    match text.trim() {
        "" => Err("the token is empty: `bonafide host token create --host NAME` prints one".into()),
        token => Ok(Secret::new(token.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_begins_with_a_hyphen_is_one() {
        use clap::Parser;
        #[derive(Parser)]
        struct Line {
            #[command(flatten)]
            options: Options,
        }
        let line = ["join", "--url", "https://id.example.org:8444", "--token", "-0Az_"];
        assert_eq!(Line::try_parse_from(line).ok().unwrap().options.token.as_deref(), Some("-0Az_"));
    }

    #[test]
    fn op_06_a_digest_is_taken_in_both_spellings_and_nothing_else_is() {
        let hex = "ab".repeat(32);
        assert_eq!(digest(&hex).unwrap(), [0xab; 32]);
        assert_eq!(digest(&["AB"; 32].join(":")).unwrap(), [0xab; 32]);
        for wrong in ["", "ab", &hex[1..], &format!("{hex}ab"), &"zz".repeat(32)] {
            assert!(digest(wrong).is_err(), "{wrong}");
        }
    }
}
