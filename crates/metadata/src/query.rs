//! The parameters of a token request.

use crate::dialects::Rules;
use crate::fault::Fault;
use bonafide_types::limits::{
    METADATA_CAPABILITIES_BYTES_MAX, METADATA_QUERIES_REMEMBERED_MAX, METADATA_QUERY_REMEMBERED_BYTES_MAX,
};
use bonafide_types::{ApiVersion, Audience, ClientId, ObjectId, ResourceId};
use bonafide_wire::{ParameterError, Parameters};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// What a selector parameter holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SelectorKind {
    Client,
    Principal,
    Resource,
}

/// Which identity is asked for.
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

/// Why the parameters of a token request are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum QueryError {
    #[error(transparent)]
    Parameters(#[from] ParameterError),
    #[error("the parameter '{0}' does not select an identity here")]
    ForeignSelector(&'static str),
    #[error("the parameters '{0}' and '{1}' exclude each other")]
    TwoSelectors(&'static str, &'static str),
    #[error("the only value of 'bypass_cache' is 'true'")]
    BypassCache,
    #[error("the parameter 'xms_cc' is not well formed")]
    Capabilities,
}

/// A token request, read.
#[derive(Debug)]
pub(crate) struct TokenQuery {
    pub(crate) audience: Audience,
    pub(crate) selector: Selector,
    pub(crate) capabilities: Option<String>,
    /// `bypass_cache=true`: a cached token will not do.
    pub(crate) forced: bool,
}

/// Names that mean an identity in some dialect. One that this dialect does not have is refused,
/// because to ignore it would be to answer for another identity than the caller means (MD-04).
/// Other unknown parameters are ignored, as Azure does.
const SELECTORS: [&str; 12] = [
    "client_id",
    "object_id",
    "principal_id",
    "mi_res_id",
    "msi_res_id",
    "clientid",
    "objectid",
    "principalid",
    "mi-res-id",
    "msi-res-id",
    "resource_id",
    "identity_id",
];

impl TokenQuery {
    /// Reads the query of a token request; the version comes first, then the rest.
    pub(crate) fn parse(rules: &Rules, query: &str) -> Result<Self, Fault> {
        let parameters = Parameters::parse(query)?;
        check_version(&parameters, rules.oldest)?;
        let selector = selector(&parameters, rules.selectors)?;
        let forced = match parameters.get("bypass_cache").filter(|text| !text.is_empty()) {
            None => false,
            Some(text) if text.eq_ignore_ascii_case("true") => true,
            Some(_) => return Err(QueryError::BypassCache.into()),
        };
        let capabilities = parameters.get("xms_cc").filter(|text| !text.is_empty());
        if capabilities.is_some_and(|text| {
            text.len() > METADATA_CAPABILITIES_BYTES_MAX || !text.bytes().all(|byte| byte.is_ascii_graphic())
        }) {
            return Err(QueryError::Capabilities.into());
        }
        let resource = parameters.get("resource").filter(|text| !text.is_empty()).ok_or(Fault::ResourceMissing)?;
        let audience = Audience::parse(resource).map_err(|_| Fault::ResourceMalformed)?;
        Ok(Self { audience, selector, capabilities: capabilities.map(str::to_owned), forced })
    }
}

/// Token requests that were read before: a workload asks for the same few tokens over and over. Only
/// what was read without fault is remembered, and reading depends on the query alone. In a map by order:
/// to compare a query with one or two others takes less than to hash it.
#[derive(Default)]
pub(crate) struct Remembered(RwLock<BTreeMap<Box<str>, Arc<TokenQuery>>>);

impl Remembered {
    /// [`TokenQuery::parse`], perhaps from memory.
    pub(crate) fn parse(&self, rules: &Rules, query: &str) -> Result<Arc<TokenQuery>, Fault> {
        if let Some(known) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(query) {
            return Ok(Arc::clone(known));
        }
        let parsed = Arc::new(TokenQuery::parse(rules, query)?);
        if query.len() <= METADATA_QUERY_REMEMBERED_BYTES_MAX {
            let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= METADATA_QUERIES_REMEMBERED_MAX {
                known.clear();
            }
            known.insert(query.into(), Arc::clone(&parsed));
        }
        Ok(parsed)
    }
}

/// A version is a date without suffix, at least `oldest`. Azure refuses dates that it does not
/// list; the documented rule is "2018-02-01 or greater", and so any later date will do here.
pub(crate) fn check_version(parameters: &Parameters, oldest: &str) -> Result<(), Fault> {
    let version = parameters.get("api-version").and_then(|text| text.parse::<ApiVersion>().ok());
    match version {
        Some(version) if version.at_least(oldest) && !version.is_preview() => Ok(()),
        _ => Err(Fault::ApiVersion),
    }
}

/// The selector, if there is one: an empty one is none. azidentity, Velero and the secrets store's driver send
/// `client_id=` when nothing is configured, and Azure takes it so.
fn selector(parameters: &Parameters, known: &'static [(&'static str, SelectorKind)]) -> Result<Selector, QueryError> {
    let mut found: Option<(&'static str, SelectorKind, &str)> = None;
    for (name, value) in parameters.iter().filter(|(_, value)| !value.is_empty()) {
        let Some(selector) = SELECTORS.iter().find(|selector| selector.eq_ignore_ascii_case(name)) else { continue };
        let Some((name, kind)) = known.iter().find(|(name, _)| name == selector) else {
            return Err(QueryError::ForeignSelector(selector));
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
