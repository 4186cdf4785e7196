//! The audiences that tokens can be asked for: an exact match with a registration, never a caller's own words.

use bonafide_types::{Audience, ClientId, Loggable};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt::{self, Display, Formatter};

/// Resources known in every tenant, one line each.
const KNOWN: &str = include_str!("../../data/audiences.txt");

/// The form of access tokens that a resource takes (`ver`). It follows from the resource, not
/// from the endpoint at which the token is asked for (docs/wire/tokens.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TokenVersion {
    /// `"1.0"`: `aud` is the resource as asked for.
    #[serde(rename = "v1")]
    V1,
    /// `"2.0"`: `aud` is the application id of the resource.
    #[serde(rename = "v2")]
    V2,
}

/// A resource that this installation itself offers, for instance its management endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The application that the resource is.
    pub app_id: Option<ClientId>,
    /// The form of tokens that it takes.
    pub version: TokenVersion,
    /// The names that tokens for it are asked with. `*` stands for exactly one DNS label at the left of a host.
    pub identifiers: Vec<String>,
}

/// A registration cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AudiencesError {
    /// A line of the built-in list has another form.
    #[error("'{0}' is not a line of the audience list")]
    Line(String),
    /// The identifier is empty, too long, has a stray `*` or a character that none has.
    #[error("'{0}' is not a resource identifier")]
    Identifier(String),
    /// A version 2 token names its resource by application id, so there must be one.
    #[error("'{0}' takes version 2 tokens but has no application id")]
    NoAppId(String),
}

/// The registration that a request for a token matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The claim `aud`.
    pub aud: String,
    /// The form of the token.
    pub version: TokenVersion,
    /// The application that the resource is.
    pub app_id: Option<ClientId>,
}

/// Prints the claim.
impl Display for Resolved {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.aud)
    }
}

impl Loggable for Resolved {}

/// The resources that are registered for every tenant of this installation.
#[derive(Debug, Default)]
pub struct Audiences {
    exact: HashMap<String, Entry>,
    patterns: Vec<(Pattern, Entry)>,
    by_app_id: HashMap<ClientId, TokenVersion>,
}

#[derive(Debug, Clone)]
struct Entry {
    /// As registered, without a trailing slash; for a pattern, not used.
    spelling: Box<str>,
    version: TokenVersion,
    app_id: Option<ClientId>,
}

impl Audiences {
    /// The resources known everywhere and those of this installation; of two with one identifier the
    /// installation's is valid.
    ///
    /// # Errors
    /// [`AudiencesError`] for a registration that cannot be read.
    pub fn new(installation: &[Registration]) -> Result<Self, AudiencesError> {
        let mut audiences = Self::default();
        for line in KNOWN.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let registration = read_line(line).ok_or_else(|| AudiencesError::Line(line.to_owned()))?;
            audiences.add(&registration)?;
        }
        for registration in installation {
            audiences.add(registration)?;
        }
        Ok(audiences)
    }

    fn add(&mut self, registration: &Registration) -> Result<(), AudiencesError> {
        let &Registration { app_id, version, .. } = registration;
        for identifier in &registration.identifiers {
            let wrong = || AudiencesError::Identifier(identifier.clone());
            let audience = Audience::parse(identifier).map_err(|_| wrong())?;
            if version == TokenVersion::V2 && app_id.is_none() {
                return Err(AudiencesError::NoAppId(identifier.clone()));
            }
            let spelling = identifier.strip_suffix('/').unwrap_or(identifier).into();
            let entry = Entry { spelling, version, app_id };
            if identifier.contains('*') {
                self.patterns.push((Pattern::parse(&audience.lookup_key()).ok_or_else(wrong)?, entry));
            } else {
                self.exact.insert(audience.lookup_key(), entry);
            }
        }
        if let Some(app_id) = app_id {
            self.by_app_id.insert(app_id, version);
        }
        Ok(())
    }

    /// Finds what was asked for, `None` when nothing registered for every tenant has this identifier.
    ///
    /// Case does not count and neither does one trailing slash, as with Azure. `aud` of a version 1
    /// token is the registered spelling with the slash as asked for, so that a resource, which
    /// compares exactly, gets what its clients wrote and nothing that they made up (JW-08).
    pub fn resolve(&self, asked: &Audience) -> Option<Resolved> {
        let key = asked.lookup_key();
        if let Some(entry) = self.exact.get(&key) {
            return Some(resolved(asked, &entry.spelling, entry.version, entry.app_id));
        }
        if let Some((app_id, version)) = self.by_app_id(asked) {
            return Some(Resolved { aud: app_id.to_string(), version, app_id: Some(app_id) });
        }
        let (_, entry) = self.patterns.iter().find(|(pattern, _)| pattern.matches(&key))?;
        Some(resolved(asked, &key, entry.version, entry.app_id))
    }

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

    fn by_app_id(&self, asked: &Audience) -> Option<(ClientId, TokenVersion)> {
        let app_id = asked.as_str().parse().ok()?;
        self.by_app_id.get(&app_id).map(|version| (app_id, *version))
    }
}

/// The `aud` of a token for a registration spelled `spelling`, a trailing slash aside.
pub(crate) fn resolved(asked: &Audience, spelling: &str, version: TokenVersion, app_id: Option<ClientId>) -> Resolved {
    let aud = match (version, app_id) {
        (TokenVersion::V2, Some(app_id)) => app_id.to_string(),
        _ if asked.as_str().ends_with('/') => format!("{spelling}/"),
        _ => spelling.to_owned(),
    };
    Resolved { aud, version, app_id }
}

fn read_line(line: &str) -> Option<Registration> {
    let mut columns = line.split('|').map(str::trim);
    let app_id = match columns.next()? {
        "-" => None,
        app_id => Some(app_id.parse().ok()?),
    };
    let version = match columns.next()? {
        "v1" => TokenVersion::V1,
        "v2" => TokenVersion::V2,
        _ => return None,
    };
    let _name = columns.next()?;
    let identifiers = columns.next()?.split_whitespace().map(str::to_owned).collect();
    columns.next().is_none().then_some(Registration { app_id, version, identifiers })
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

/// `https://*.blob.core.windows.net`: anchored at both ends, each `*` one DNS label.
#[derive(Debug)]
struct Pattern {
    scheme: Box<str>,
    labels: usize,
    suffix: Box<str>,
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, host) = text.split_once("://")?;
        let suffix = host.trim_start_matches("*.");
        let labels = (host.len() - suffix.len()) / 2;
        let right = labels > 0 && !suffix.is_empty() && !suffix.contains(['*', '/', '@', '?', '#']);
        right.then(|| Self { scheme: format!("{scheme}://").into(), labels, suffix: format!(".{suffix}").into() })
    }

    fn matches(&self, key: &str) -> bool {
        let Some(rest) = key.strip_prefix(&*self.scheme).and_then(|rest| rest.strip_suffix(&*self.suffix)) else {
            return false;
        };
        rest.split('.').count() == self.labels && rest.split('.').all(is_label)
    }
}

fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    static AUDIENCES: LazyLock<Audiences> = LazyLock::new(|| {
        let ours = Registration {
            app_id: Some("797f4846-ba00-4fd7-ba43-dac1f8f63013".parse().unwrap()),
            version: TokenVersion::V1,
            identifiers: vec!["https://localhost:8443/".to_owned(), "https://*.vault.localhost:8443".to_owned()],
        };
        Audiences::new(&[ours]).unwrap()
    });

    fn aud(asked: &str) -> Option<String> {
        AUDIENCES.resolve(&Audience::parse(asked).ok()?).map(|found| found.aud)
    }

    #[test]
    fn version_1_names_the_resource_as_asked_with_or_without_its_slash() {
        for asked in [
            "https://management.azure.com/",
            "https://management.azure.com",
            "https://management.core.windows.net/",
            "https://vault.azure.net",
            "https://vault.azure.net/",
            "https://analysis.windows.net/powerbi/api",
            "https://account1.blob.core.windows.net",
            "https://account1.blob.core.windows.net/",
            "https://c.westeurope.kusto.windows.net",
            "797f4846-ba00-4fd7-ba43-dac1f8f63013",
            "499b84ac-1321-427f-aa17-267ca6975798",
            "https://localhost:8443",
            "https://kv-1.vault.localhost:8443",
        ] {
            assert_eq!(aud(asked).as_deref(), Some(asked));
        }
    }

    #[test]
    fn version_2_names_the_resource_by_its_application_id() {
        let exchange = AUDIENCES.resolve(&Audience::parse("api://AzureADTokenExchange").unwrap()).unwrap();
        assert_eq!(
            (exchange.aud.as_str(), exchange.version),
            ("fb60f99c-7a34-4190-8149-302f77469936", TokenVersion::V2)
        );
    }

    #[test]
    fn case_is_the_registration_s_not_the_caller_s() {
        assert_eq!(aud("HTTPS://Vault.Azure.NET/").as_deref(), Some("https://vault.azure.net/"));
        assert_eq!(
            aud("https://ACCOUNT.blob.core.windows.net").as_deref(),
            Some("https://account.blob.core.windows.net")
        );
        assert_eq!(aud("api://azureadtokenexchange").as_deref(), Some("fb60f99c-7a34-4190-8149-302f77469936"));
    }

    #[test]
    fn jw_08_only_an_exact_registration_is_an_audience() {
        for asked in [
            "https://vault.azure.net@evil",
            "https://vault.azure.net@evil.example",
            "https://evil@vault.azure.net",
            "https://vault.azure.net//",
            "https://vault.azure.net/x",
            "https://vault.azure.net?x",
            "https://vault.azure.net#x",
            "https://vault.azure.net.evil.example",
            "https://vault.azure.net:443",
            "https://vault.azure.net.",
            "https://evil.example/https://vault.azure.net",
            "http://vault.azure.net",
            "vault.azure.net",
            "//vault.azure.net",
            "https:/vault.azure.net",
            "https://vault.azure.net\t",
            "\thttps://vault.azure.net",
            "https://vault.azure.net\n",
            " https://vault.azure.net",
            "https://vault.azure.net%2f",
            "https://vault.azure.ne",
            "https://vault.azure.nett",
            "https://blob.core.windows.net",
            "https://.blob.core.windows.net",
            "https://a.b.blob.core.windows.net",
            "https://a@b.blob.core.windows.net",
            "https://a/.blob.core.windows.net",
            "https://a.blob.core.windows.net.evil",
            "https://a.blob.core.windows.net/x",
            "https://evil/.vault.localhost:8443",
            "https://*.blob.core.windows.net",
            "https://-a.blob.core.windows.net",
            "https://a_b.blob.core.windows.net",
            "https://a.b.c.kusto.windows.net",
            "{797f4846-ba00-4fd7-ba43-dac1f8f63013}",
            "797f4846-ba00-4fd7-ba43-dac1f8f63013/",
            "797f4846ba004fd7ba43dac1f8f63013",
            "api://AzureADTokenExchange.evil",
            "https://nobody.example",
            "",
        ] {
            assert_eq!(aud(asked), None, "{asked:?}");
        }
    }

    #[test]
    fn a_registration_that_could_match_too_much_is_refused() {
        for identifier in
            ["https://*", "*", "https://*.", "https://a.*.b", "https://*.a/*", "https://a*.b", "*.a.b", "", "a b"]
        {
            let registration =
                Registration { app_id: None, version: TokenVersion::V1, identifiers: vec![identifier.to_owned()] };
            assert!(Audiences::new(&[registration]).is_err(), "{identifier}");
        }
        let no_app = Registration { app_id: None, version: TokenVersion::V2, identifiers: vec!["api://x".to_owned()] };
        assert_eq!(Audiences::new(&[no_app]).unwrap_err(), AudiencesError::NoAppId("api://x".to_owned()));
    }

    #[test]
    fn another_spelling_of_a_registered_host_and_what_lies_below_it_are_reserved() {
        for (asked, is_reserved) in [
            ("https://management.azure.com:443", true),
            ("https://management.azure.com:0443/", true),
            ("https://management.azure.com:8443", true),
            ("https://management.azure.com//", true),
            ("https://management.azure.com./", true),
            ("https://Management.Azure.com.:443//x", true),
            ("https://graph.microsoft.com/v1.0", true),
            ("https://analysis.windows.net", true),
            ("https://account.blob.core.windows.net:443/x", true),
            ("https://localhost:8443/orders", true),
            ("https://localhost:08443", true),
            ("https://kv.vault.localhost:8443//", true),
            ("api://AzureADTokenExchange/x", true),
            ("https://localhost:5001", false),
            ("https://localhost", false),
            ("https://management.azure.com.example", false),
            ("https://orders.example/management.azure.com", false),
            ("api://orders", false),
        ] {
            assert_eq!(AUDIENCES.reserves(&Audience::parse(asked).unwrap()), is_reserved, "{asked}");
        }
    }

    proptest! {
        #[test]
        fn jw_08_whatever_surrounds_a_registered_name_spoils_it(before in "\\PC{0,6}", after in "\\PC{0,6}") {
            let asked = format!("{before}https://vault.azure.net{after}");
            if before.is_empty() && (after.is_empty() || after == "/") {
                prop_assert!(aud(&asked).is_some());
            } else {
                prop_assert_eq!(aud(&asked), None);
            }
        }

        #[test]
        fn jw_08_every_audience_issued_is_made_of_registered_text(asked in "https://[a-z0-9.@/*:-]{0,20}\\.blob\\.core\\.windows\\.net/?") {
            if let Some(aud) = aud(&asked) {
                let label = aud.strip_prefix("https://").unwrap().trim_end_matches('/').strip_suffix(".blob.core.windows.net").unwrap();
                prop_assert!(is_label(label));
            }
        }
    }
}
