//! The parameters of a token request.

use crate::dialect::{Dialect, SelectorKind, Version};
use crate::dialects;
use crate::refusal::{QueryError, Refusal};
use crate::token::{ReplyKind, Token};
use bonafide_types::{Audience, ClientId, ObjectId, ResourceId, Timestamp};
use bonafide_wire::{Parameters, Reply};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Longest `xms_cc` parameter, in bytes. Source: ours; the one known value is `cp1`.
const CAPABILITIES_BYTES_MAX: usize = 256;
/// Queries that one metadata endpoint remembers having read. Source: ours; 64 identities or resources in turn.
const QUERIES_REMEMBERED_MAX: usize = 64;
/// Longest query that is remembered, in bytes. Source: ours.
const QUERY_REMEMBERED_BYTES_MAX: usize = 1_024;

/// The identity that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selector {
    /// None is named.
    Default,
    Client(ClientId),
    Principal(ObjectId),
    Resource(ResourceId),
    /// The value cannot be the id of any identity, so it is the id of none that is assigned.
    Nobody,
}

/// A token request, read.
pub(crate) struct TokenQuery {
    pub(crate) audience: Audience,
    pub(crate) selector: Selector,
    pub(crate) capabilities: Option<String>,
    /// `bypass_cache=true`: a cached token will not do.
    pub(crate) forced: bool,
    pub(crate) version: &'static Version,
    pub(crate) reply_kind: ReplyKind,
}

/// Names that mean an identity in some dialect or version of Azure's, or to its SDKs, whether or not it is served here.
const ELSEWHERE: [&str; 6] = ["clientid", "objectid", "principalid", "mi-res-id", "msi-res-id", "identity_id"];

impl TokenQuery {
    /// Reads the query of a token request; the version comes first, then the rest.
    pub(crate) fn parse(dialect: &'static Dialect, query: &str) -> Result<Self, Refusal> {
        let parameters = Parameters::parse(query)?;
        let (number, version) = dialect.version(&parameters)?;
        let selector = selector(&parameters, version.selectors)?;
        let forced = match parameters.get("bypass_cache").filter(|text| !text.is_empty()) {
            None => false,
            Some(text) if text.eq_ignore_ascii_case("true") => true,
            Some(_) => return Err(QueryError::BypassCache.into()),
        };
        let capabilities = parameters.get("xms_cc").filter(|text| !text.is_empty());
        if capabilities.is_some_and(|text| {
            text.len() > CAPABILITIES_BYTES_MAX || !text.bytes().all(|byte| byte.is_ascii_graphic())
        }) {
            return Err(QueryError::Capabilities.into());
        }
        let given = |name| parameters.get(name).filter(|text| !text.is_empty());
        if given("response_type").is_some_and(|text| text != "token") {
            return Err(Refusal::ResponseType);
        }
        let missing = || if given("scope").is_some() { Refusal::Scope } else { Refusal::ResourceMissing };
        let resource = given("resource").ok_or_else(missing)?;
        let audience = Audience::parse(resource).map_err(|_| Refusal::ResourceMalformed)?;
        Ok(Self {
            audience,
            selector,
            capabilities: capabilities.map(str::to_owned),
            forced,
            version,
            reply_kind: dialects::reply_kind(dialect, number),
        })
    }
}

impl TokenQuery {
    /// The reply that hands out `token`.
    pub(crate) fn reply(&self, token: &Token, now: Timestamp) -> Reply {
        (self.version.reply)(token.body(self.reply_kind, self.version.render, now))
    }
}

/// Token requests that were read before: a workload asks for the same few tokens over and over. Only
/// what was read without fault is remembered, and reading depends on the query alone. Ordered: for
/// a handful of queries comparing is cheaper than hashing.
#[derive(Default)]
pub(crate) struct Remembered(RwLock<BTreeMap<Box<str>, Arc<TokenQuery>>>);

impl Remembered {
    /// [`TokenQuery::parse`], perhaps from memory.
    pub(crate) fn parse(&self, dialect: &'static Dialect, query: &str) -> Result<Arc<TokenQuery>, Refusal> {
        if let Some(known) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(query) {
            return Ok(Arc::clone(known));
        }
        let parsed = Arc::new(TokenQuery::parse(dialect, query)?);
        if query.len() <= QUERY_REMEMBERED_BYTES_MAX {
            let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= QUERIES_REMEMBERED_MAX {
                known.clear();
            }
            known.insert(query.into(), Arc::clone(&parsed));
        }
        Ok(parsed)
    }
}

/// The selector, if there is one: an empty one is none. azidentity, Velero and the secrets store's driver send
/// `client_id=` when nothing is configured, and Azure takes it so.
fn selector(parameters: &Parameters, known: &'static [(&'static str, SelectorKind)]) -> Result<Selector, QueryError> {
    let mut found: Option<(&'static str, SelectorKind, &str)> = None;
    for (name, value) in parameters.iter().filter(|(_, value)| !value.is_empty()) {
        let Some((name, kind)) = known.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) else {
            foreign_selector(name).map_or(Ok(()), |name| Err(QueryError::ForeignSelector(name)))?;
            continue;
        };
        if let Some((first, ..)) = found {
            return Err(QueryError::TwoSelectors(first, name));
        }
        found = Some((name, *kind, value));
    }
    Ok(match found {
        None => Selector::Default,
        Some((_, SelectorKind::Client, value)) => value.parse().map_or(Selector::Nobody, Selector::Client),
        Some((_, SelectorKind::Principal, value)) => value.parse().map_or(Selector::Nobody, Selector::Principal),
        Some((_, SelectorKind::Resource, value)) => {
            ResourceId::parse(value).map_or(Selector::Nobody, Selector::Resource)
        }
    })
}

/// The name, if it means an identity in another dialect or version. To ignore it would be to answer for
/// another identity than the caller means (MD-04). Other unknown parameters are ignored, as Azure does.
fn foreign_selector(name: &str) -> Option<&'static str> {
    let elsewhere = dialects::selectors().map(|(name, _)| name).chain(ELSEWHERE);
    elsewhere.into_iter().find(|selector| selector.eq_ignore_ascii_case(name))
}
