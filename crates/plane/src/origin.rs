//! The public origin, by which the installation is named: from configuration, never from a request.

use bonafide_crypto::ca::ServerName;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// The port that no URL has to name. Source: RFC 9110 section 4.2.2.
const HTTPS: u16 = 443;

/// A name by which clients reach the public origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicName {
    name: ServerName,
    /// The port at which they do, where that is not the listener's own: one that is mapped, or of a proxy.
    port: Option<u16>,
}

/// The reason why a text is no public name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublicNameError {
    /// It is not a name, or not a name of one place.
    #[error(
        "'{0}' is no name of a server: give a DNS name or an IP address, and the port where it is another than the \
         listener's, as in id.example.org, id.example.org:443 or [2001:db8::1]:443"
    )]
    Form(String),
    /// It is a name of somebody else's.
    #[error("'{0}' is a name of Microsoft's, or has one below it: give a name of your own")]
    OfMicrosoft(String),
}

impl PublicName {
    /// The name alone.
    pub fn name(&self) -> &ServerName {
        &self.name
    }

    /// The origin under this name, where the listener has the port `listening`.
    fn url(&self, listening: u16) -> String {
        let host = in_url(&self.name);
        match self.port.unwrap_or(listening) {
            HTTPS => format!("https://{host}"),
            port => format!("https://{host}:{port}"),
        }
    }
}

impl FromStr for PublicName {
    type Err = PublicNameError;

    fn from_str(text: &str) -> Result<Self, PublicNameError> {
        let wrong = || PublicNameError::Form(text.chars().take(256).collect());
        let (name, port) = split(text).ok_or_else(wrong)?;
        let name: ServerName = name.parse().map_err(|_| wrong())?;
        let is_of_one_place = match &name {
            ServerName::Dns(name) => !name.starts_with('*'),
            ServerName::Ip(address) => !address.is_unspecified() && !address.is_multicast(),
        };
        if !is_of_one_place {
            return Err(wrong());
        }
        if name.is_of_microsoft() {
            return Err(PublicNameError::OfMicrosoft(name.to_string()));
        }
        Ok(Self { name, port })
    }
}

impl fmt::Display for PublicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.name, self.port) {
            (name, None) => name.fmt(f),
            (ServerName::Ip(IpAddr::V6(address)), Some(port)) => write!(f, "[{address}]:{port}"),
            (name, Some(port)) => write!(f, "{name}:{port}"),
        }
    }
}

/// A name as the host of a URL.
fn in_url(name: &ServerName) -> String {
    match name {
        ServerName::Ip(IpAddr::V6(address)) => format!("[{address}]"),
        other => other.to_string(),
    }
}

/// Name and port of `NAME`, `NAME:PORT`, `ADDRESS` and `[ADDRESS]:PORT`.
fn split(text: &str) -> Option<(&str, Option<u16>)> {
    let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0 && text.len() <= 5);
    if let Some(rest) = text.strip_prefix('[') {
        let (address, rest) = rest.split_once(']')?;
        address.parse::<Ipv6Addr>().ok()?;
        return match rest.strip_prefix(':') {
            None if rest.is_empty() => Some((address, None)),
            None => None,
            Some(text) => Some((address, Some(port(text)?))),
        };
    }
    match text.split_once(':') {
        Some((name, text)) if !text.contains(':') => Some((name, Some(port(text)?))),
        _ => Some((text, None)),
    }
}

/// The origin of an installation, and all names under which it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// `https://host[:port]`.
    pub(crate) url: String,
    /// The names of configuration.
    pub(crate) public: Vec<ServerName>,
    /// Those that are served besides.
    pub(crate) own: Vec<ServerName>,
}

impl Origin {
    /// The origin of a listener at `listen` that is reached by these names; the first one is that of the installation.
    /// Without any it has the machine's loopback name where that leads here, otherwise the address that it listens on.
    pub(crate) fn new(public: &[PublicName], listen: SocketAddr) -> Result<Self, NotCertifiable> {
        let ip = listen.ip();
        let (is_main, is_every) = (ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST, ip.is_unspecified());
        let url = match public.first() {
            Some(first) => first.url(listen.port()),
            None if is_main || is_every => format!("https://localhost:{}", listen.port()),
            None if ip.is_loopback() => format!("https://{listen}"),
            None => return Err(NotCertifiable(listen)),
        };
        let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        let own = loopback.into_iter().chain(ip.is_loopback().then_some(ip)).map(ServerName::Ip);
        Ok(Self {
            url,
            public: public.iter().map(|public| public.name.clone()).collect(),
            own: std::iter::once(ServerName::Dns("localhost".to_owned())).chain(own).collect(),
        })
    }

    /// The hosts listener at this port, under the name of the installation.
    pub(crate) fn hosts_url(&self, port: u16) -> String {
        let host = self.public.first().map_or("localhost".to_owned(), in_url);
        format!("https://{host}:{port}")
    }

    /// All its names.
    pub(crate) fn names(&self) -> Vec<ServerName> {
        self.public.iter().chain(&self.own).cloned().collect()
    }
}

/// An address that no certificate can be for.
#[derive(Debug, thiserror::Error)]
#[error(
    "--listen {0}: the installation's own authority certifies loopback names and the public names only, so that trusting \
     it is harmless; name this machine as clients are to reach it (--public-name, or public-names of a configuration \
     file), or listen on 127.0.0.1 or another loopback address, or on 0.0.0.0 for every interface, under the name localhost"
)]
pub struct NotCertifiable(SocketAddr);

#[cfg(test)]
mod tests {
    use super::*;

    fn url(names: &[&str], listen: &str) -> String {
        let names: Vec<PublicName> = names.iter().map(|name| name.parse().unwrap()).collect();
        Origin::new(&names, listen.parse().unwrap()).unwrap().url
    }

    #[test]
    fn the_first_public_name_is_the_origin_and_has_the_listeners_port_unless_it_names_one() {
        for (names, listen, said) in [
            (&["ID.example.org", "other"][..], "0.0.0.0:8443", "https://id.example.org:8443"),
            (&["id.example.org:443"], "0.0.0.0:8443", "https://id.example.org"),
            (&["id.example.org"], "0.0.0.0:443", "https://id.example.org"),
            (&["localhost:18443"], "0.0.0.0:8443", "https://localhost:18443"),
            (&["192.0.2.7"], "192.0.2.7:8443", "https://192.0.2.7:8443"),
            (&["2001:db8::7"], "[::]:443", "https://[2001:db8::7]"),
            (&["[2001:db8::7]:9443"], "[::]:443", "https://[2001:db8::7]:9443"),
            (&[], "127.0.0.1:8443", "https://localhost:8443"),
            (&[], "0.0.0.0:443", "https://localhost:443"),
            (&[], "127.0.0.9:8443", "https://127.0.0.9:8443"),
        ] {
            assert_eq!(url(names, listen), said);
        }
        assert!(Origin::new(&[], "192.0.2.7:8443".parse().unwrap()).is_err());
    }

    #[test]
    fn op_06_what_is_no_name_of_a_server_is_refused() {
        let wrong =
            ["", "*", "*.example.org", "a b", "a/b", "a:0", "a:", "a:70000", "a:1:2", "[a]:1", "[::1", "[::1]x"];
        for text in wrong.into_iter().chain(["0.0.0.0", "::", "https://a", "a:00000443", "1.2.3", "a_b"]) {
            assert!(matches!(text.parse::<PublicName>(), Err(PublicNameError::Form(_))), "{text}");
        }
        for text in ["login.microsoftonline.com", "com", "Management.Azure.com:443"] {
            assert!(matches!(text.parse::<PublicName>(), Err(PublicNameError::OfMicrosoft(_))), "{text}");
        }
        for text in ["id.example.org:443", "192.0.2.7:1", "[2001:db8::7]:9443", "2001:db8::7", "bonafide"] {
            assert_eq!(text.parse::<PublicName>().unwrap().to_string(), text);
        }
    }
}
