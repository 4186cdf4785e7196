//! The audiences that tokens can be asked for: an exact match with a registration, never a caller's own words.

mod pattern;
mod reserved;
#[cfg(test)]
mod tests;

use bonafide_types::{Audience, ClientId, Loggable};
use pattern::Pattern;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt::{self, Display, Formatter};

/// Resources known in every tenant, one line each.
const KNOWN: &str = include_str!("../../../data/audiences.txt");

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
