//! Identifiers that no application of a tenant can have, because they read like those of a service.

use super::Audiences;
use bonafide_types::Audience;

impl Audiences {
    /// True for what `resolve` finds, and for an identifier that only reads like it: with a port, dots or slashes at the
    /// end, or at a path below the same host. No application of a tenant has one.
    pub fn reserves(&self, identifier: &Audience) -> bool {
        if self.resolve(identifier).is_some() {
            return true;
        }
        let key = identifier.lookup_key();
        let Some(asked) = Origin::parse(&key) else { return false };
        let [host, host_and_port] = asked.texts();
        self.exact.keys().filter_map(|known| Origin::parse(known)).any(|known| known.covers(&asked))
            || self.patterns.iter().any(|(pattern, _)| pattern.matches(&host) || pattern.matches(&host_and_port))
    }
}

/// The part of an identifier before its path, in one spelling.
#[derive(Debug, PartialEq, Eq)]
struct Origin<'a> {
    scheme: &'a str,
    host: &'a str,
    /// Without leading zeros; none where it is that of the scheme.
    port: Option<&'a str>,
}

impl<'a> Origin<'a> {
    /// That of a key (`Audience::lookup_key`).
    fn parse(key: &'a str) -> Option<Self> {
        let (scheme, rest) = key.split_once("://")?;
        let authority = rest.split('/').next()?;
        let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
        let port = port.trim_end_matches('.').trim_start_matches('0');
        Some(Self {
            scheme,
            host: host.trim_end_matches('.'),
            port: Some(port).filter(|port| !["", "443"].contains(port)),
        })
    }

    /// True when another one is of the same host; where this one says a port, at that port.
    fn covers(&self, other: &Self) -> bool {
        (self.scheme, self.host) == (other.scheme, other.host) && (self.port.is_none() || self.port == other.port)
    }

    fn texts(&self) -> [String; 2] {
        let host = format!("{}://{}", self.scheme, self.host);
        let host_and_port = format!("{host}:{}", self.port.unwrap_or_default());
        [host, host_and_port]
    }
}
