//! The configuration file of `serve`. docs/guide/serve.md describes each member.

use crate::configuration::{self, ConfigurationError, Read, beside, changed, meaning, meanings};
use crate::options::{self, HOSTS_ADDRESS, LogChoice, PUBLIC_ADDRESS};
use crate::proxies::trusted_proxy;
use bonafide_http::TrustedProxy;
use bonafide_plane::{CertificateFiles, PlaneOptions, PublicName};
use serde::{Deserialize, Deserializer};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The members that are read anew on SIGHUP.
const RELOADED: [&str; 3] = ["resources", "throttle", "log"];

/// The members of the file.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Members {
    data_dir: PathBuf,
    #[serde(default = "public_address", deserialize_with = "address")]
    listen: SocketAddr,
    #[serde(default = "hosts_address", deserialize_with = "address")]
    hosts_listen: SocketAddr,
    #[serde(default, deserialize_with = "public_names")]
    public_names: Vec<PublicName>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default = "yes")]
    throttle: bool,
    #[serde(default, deserialize_with = "token_lifetime")]
    token_lifetime: Option<u32>,
    #[serde(default, deserialize_with = "trusted_proxies")]
    trusted_proxies: Vec<TrustedProxy>,
    #[serde(default)]
    log: LogChoice,
}

/// A configuration that can be used.
pub(super) struct Configuration {
    file: PathBuf,
    members: Members,
    table: toml::Table,
}

impl Configuration {
    /// Reads a file.
    pub(super) fn read(file: &Path) -> Result<Self, ConfigurationError> {
        let Read { members, table } = configuration::read::<Members>(file)?;
        let alone = match (&members.certificate, &members.key) {
            (Some(_), None) => Some(("certificate", "name its private key too (key = \"…\")")),
            (None, Some(_)) => Some(("key", "name the certificate too that it is of (certificate = \"…\")")),
            (Some(_), Some(_)) if members.public_names.is_empty() => {
                Some(("certificate", "name the server too that it is for (public-names = [\"…\"])"))
            }
            (Some(_), Some(_)) | (None, None) => None,
        };
        match alone {
            Some((member, reason)) => Err(ConfigurationError::Wrong {
                path: file.to_owned(),
                at: member.to_owned(),
                reason: reason.to_owned(),
            }),
            None => Ok(Self { file: file.to_owned(), members, table }),
        }
    }

    /// The data directory.
    pub(super) fn data_dir(&self) -> PathBuf {
        beside(&self.file, &self.members.data_dir)
    }

    /// The options of the control plane. It has no workloads of its own.
    pub(super) fn plane(&self) -> PlaneOptions {
        let members = self.members.clone();
        let files = members.certificate.zip(members.key);
        let files = files.map(|(certificate, key)| CertificateFiles {
            certificate: beside(&self.file, &certificate),
            key: beside(&self.file, &key),
        });
        PlaneOptions {
            listen: members.listen,
            hosts_listen: members.hosts_listen,
            hosts_may_move: false,
            public_names: members.public_names,
            certificate: files,
            new_authority: false,
            empty: true,
            resources: members.resources,
            throttle: members.throttle,
            token_lifetime: members.token_lifetime,
            reset_operator: false,
            trusted_proxies: members.trusted_proxies,
        }
    }

    /// True where only failures are logged, and only in the data directory.
    pub(super) fn is_quiet(&self) -> bool {
        self.members.log == LogChoice::Off
    }

    /// The members that differ from those of `before`, and count from the next start only.
    pub(super) fn for_the_next_start(&self, before: &Self) -> Vec<String> {
        changed(&self.table, &before.table, &RELOADED)
    }
}

fn public_address() -> SocketAddr {
    PUBLIC_ADDRESS
}

fn hosts_address() -> SocketAddr {
    HOSTS_ADDRESS
}

fn yes() -> bool {
    true
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    meaning(deserializer, options::address)
}

fn public_names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PublicName>, D::Error> {
    meanings(deserializer, |text| text.parse().map_err(|error: bonafide_plane::PublicNameError| error.to_string()))
}

fn token_lifetime<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    meaning(deserializer, options::token_lifetime).map(Some)
}

fn trusted_proxies<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<TrustedProxy>, D::Error> {
    meanings(deserializer, trusted_proxy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Configuration, String> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("serve.toml");
        std::fs::write(&file, text).unwrap();
        let said = |error: ConfigurationError| error.to_string().replace(&format!("{}, ", file.display()), "");
        Configuration::read(&file).map_err(said)
    }

    #[test]
    fn a_file_with_a_data_directory_alone_is_enough() {
        let read = read("data-dir = \"data\"").unwrap();
        assert_eq!(read.data_dir(), read.file.with_file_name("data"));
        let plane = read.plane();
        assert_eq!((plane.listen, plane.hosts_listen), (PUBLIC_ADDRESS, HOSTS_ADDRESS));
        assert!(plane.throttle && plane.empty && !read.is_quiet());
    }

    #[test]
    fn op_06_a_member_that_is_not_known_or_cannot_be_is_refused_by_its_line() {
        for (text, said) in [
            ("lsten = \"x\"", "line 2, lsten: unknown field `lsten`, expected one of `data-dir`, `listen`"),
            ("listen = \"8443\"", "line 2, listen: give an IP address and a port"),
            ("token-lifetime = \"1m\"", "line 2, token-lifetime: give a time from 5m to 24h"),
            ("public-names = [\"a b\"]", "line 2, public-names: 'a b' is no name of a server"),
            ("public-names = [\"azure.com\"]", "line 2, public-names: 'azure.com' is a name of Microsoft's"),
            ("trusted-proxies = [\"haproxy\"]", "line 2, trusted-proxies: give the proxy's IP address"),
            ("log = \"all\"", "line 2, log: unknown variant `all`, expected `requests` or `off`"),
            ("throttle = \"on\"", "line 2, throttle: invalid type"),
            ("certificate = \"a.pem\"", "certificate: name its private key too"),
            ("key = \"a.pem\"", "key: name the certificate too"),
            ("certificate = \"a\"\nkey = \"b\"", "certificate: name the server too"),
            ("[plane]\nlisten = \"x\"", "line 2: unknown field `plane`"),
        ] {
            let error = read(&format!("data-dir = \"d\"\n{text}\n")).err().unwrap();
            assert!(error.starts_with(said), "{text}: {error}");
        }
        assert!(read("").err().unwrap().starts_with("line 1: missing field `data-dir`"));
    }

    #[test]
    fn what_counts_from_the_next_start_only_is_told_from_what_is_reloaded() {
        let before = read("data-dir = \"d\"\nthrottle = true\nlisten = \"127.0.0.1:1\"").unwrap();
        let after =
            read("data-dir = \"d\"\nthrottle = false\nresources = [\"api://a\"]\ntoken-lifetime = \"1h\"").unwrap();
        assert_eq!(after.for_the_next_start(&before), ["listen", "token-lifetime"]);
        assert!(after.for_the_next_start(&after).is_empty());
    }
}
