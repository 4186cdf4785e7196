//! The place of the control plane, and the authorities by which it is known: told by who starts the agent, or kept since the
//! host joined.

use crate::files::HostFiles;
use crate::state::{StateError, context};
use bonafide_crypto::{Kek, seal};
use bonafide_files::{FilesError, Readers, io, read, write_private};
use bonafide_types::base64url;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// Addresses of a control plane, at most. Source: ours; each that is away costs an attempt.
const ORIGINS_MAX: usize = 8;

/// The hosts listener of a control plane, and how to verify it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlPlaneAddress {
    /// Its addresses: one after the other is tried, from the one that answered last.
    pub origins: Vec<HostsOrigin>,
    /// The authorities that its certificate may be of.
    pub trust: Trust,
}

/// The authorities that a server's certificate may be of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// These (DER).
    Authorities(Vec<Vec<u8>>),
    /// Those of the system.
    System,
}

/// One address of a hosts listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostsOrigin {
    /// The name in its certificate.
    pub name: String,
    /// Its port.
    pub port: u16,
    /// Its address, where that is known. Otherwise the name is looked up for each connection.
    pub at: Option<SocketAddr>,
}

/// The text is no address of a hosts listener.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no address of a hosts listener: give https://NAME:PORT, as in https://id.example.org:8444")]
pub struct HostsOriginError(String);

impl FromStr for HostsOrigin {
    type Err = HostsOriginError;

    fn from_str(text: &str) -> Result<Self, HostsOriginError> {
        let wrong = || HostsOriginError(text.chars().take(256).collect());
        let rest = text.strip_prefix("https://").ok_or_else(wrong)?;
        let (host, port) = rest.strip_suffix('/').unwrap_or(rest).rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?;
        let name = match host.strip_prefix('[').map(|host| host.strip_suffix(']').ok_or_else(wrong)).transpose()? {
            Some(address) => address.parse::<Ipv6Addr>().map_err(|_| wrong())?.to_string(),
            None if host.contains(':') => return Err(wrong()),
            None => host.to_ascii_lowercase(),
        };
        match rustls::pki_types::ServerName::try_from(name.as_str()) {
            Ok(_) => Ok(Self { name, port, at: None }),
            Err(_) => Err(wrong()),
        }
    }
}

impl HostsOrigin {
    /// Name and port, as in `Host`.
    pub(crate) fn authority(&self) -> String {
        match self.name.parse() {
            Ok(IpAddr::V6(address)) => format!("[{address}]:{}", self.port),
            _ => format!("{}:{}", self.name, self.port),
        }
    }
}

impl fmt::Display for HostsOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some(address) => address.fmt(f),
            None => f.write_str(&self.authority()),
        }
    }
}

/// The same as it is sealed: who can write to the folder alone leads the agent to no other control plane.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Kept {
    urls: Vec<String>,
    /// None of the system's.
    authorities: Option<Vec<String>>,
}

impl ControlPlaneAddress {
    /// The one that the host of these files joined; `None` where it never did.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn kept(files: &HostFiles, kek: &Kek) -> Result<Option<Self>, StateError> {
        let path = files.control_plane();
        let damaged = |reason: String| FilesError::Damaged {
            path: files.control_plane(),
            reason,
            remedy: "join again with `bonafide host join`",
        };
        let text = match read(&path, Readers::Owner) {
            Ok(text) => text,
            Err(FilesError::Io { error, .. }) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let sealed = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        let opened = seal::open(kek, &context("control-plane", "host"), &sealed)?;
        let kept: Kept = serde_json::from_slice(opened.expose()).map_err(|error| damaged(error.to_string()))?;
        let origins = kept.urls.iter().map(|url| url.parse()).collect::<Result<Vec<HostsOrigin>, _>>();
        let origins = origins.map_err(|error| damaged(error.to_string()))?;
        let trust = match kept.authorities {
            None => Trust::System,
            Some(texts) => {
                let authorities = texts.iter().map(|text| base64url::decode(text)).collect::<Result<Vec<_>, _>>();
                Trust::Authorities(authorities.map_err(|error| damaged(error.to_string()))?)
            }
        };
        Ok(Some(Self { origins, trust }))
    }

    /// Keeps it for the starts to come.
    pub(crate) fn keep(&self, files: &HostFiles, kek: &Kek) -> Result<(), StateError> {
        let authorities = match &self.trust {
            Trust::System => None,
            Trust::Authorities(all) => Some(all.iter().map(|der| base64url::encode(der)).collect()),
        };
        let urls = self.origins.iter().take(ORIGINS_MAX).map(|origin| format!("https://{}", origin.authority()));
        let kept = Kept { urls: urls.collect(), authorities };
        let path = files.control_plane();
        let text = serde_json::to_vec(&kept).map_err(|error| io(&path, error.into()))?;
        let sealed = seal::seal(kek, &context("control-plane", "host"), &text)?;
        let text = serde_json::to_vec(&sealed).map_err(|error| io(&path, error.into()))?;
        Ok(write_private(&path, &text)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::AgentState;
    use bonafide_files::{Chosen, Root};

    #[test]
    fn an_address_is_a_name_and_a_port() {
        for (text, authority) in [
            ("https://ID.example.org:8444", "id.example.org:8444"),
            ("https://192.0.2.7:8444/", "192.0.2.7:8444"),
            ("https://[2001:db8::7]:443", "[2001:db8::7]:443"),
        ] {
            assert_eq!(text.parse::<HostsOrigin>().unwrap().authority(), authority);
        }
        let wrong = ["", "id:8444", "http://id:8444", "https://id", "https://id:0", "https://:1", "https://a b:1"];
        for text in
            wrong.into_iter().chain(["https://id:8444/path", "https://::1:8444", "https://u@id:1", "https://id:x"])
        {
            assert!(text.parse::<HostsOrigin>().is_err(), "{text}");
        }
    }

    #[test]
    fn ha_05_a_control_plane_that_was_kept_is_found_again_and_one_that_was_put_there_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let files = HostFiles::create(&Root::create(&dir.path().join("data"), Chosen::Named).unwrap()).unwrap();
        let kek = AgentState::kek(&files).unwrap();
        assert_eq!(ControlPlaneAddress::kept(&files, &kek).unwrap(), None);
        let origin = |url: &str| url.parse::<HostsOrigin>().unwrap();
        for trust in [Trust::System, Trust::Authorities(vec![vec![1, 2], vec![3]])] {
            let origins = vec![origin("https://id.example.org:8444"), origin("https://[2001:db8::7]:8444")];
            let address = ControlPlaneAddress { origins, trust };
            address.keep(&files, &kek).unwrap();
            assert_eq!(ControlPlaneAddress::kept(&files, &kek).unwrap(), Some(address));
        }
        let other = tempfile::tempdir().unwrap();
        let others = HostFiles::create(&Root::create(&other.path().join("data"), Chosen::Named).unwrap()).unwrap();
        let planted = ControlPlaneAddress { origins: vec![origin("https://evil.example:1")], trust: Trust::System };
        planted.keep(&others, &AgentState::kek(&others).unwrap()).unwrap();
        std::fs::copy(others.control_plane(), files.control_plane()).unwrap();
        assert!(ControlPlaneAddress::kept(&files, &kek).is_err());
    }
}
