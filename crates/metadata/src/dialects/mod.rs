//! What differs between the dialects, one file each.

pub(crate) mod app_service;
pub(crate) mod imds;

use crate::caller::Dialect;
use crate::fault::Fault;
use crate::query::SelectorKind;
use crate::token::Token;
use bonafide_types::{Timestamp, World};
use bonafide_wire::Reply;

/// How a dialect reads a token request and writes its reply.
pub(crate) struct Rules {
    /// The oldest api-version that is served, `YYYY-MM-DD`.
    pub(crate) oldest: &'static str,
    /// The parameters that choose an identity.
    pub(crate) selectors: &'static [(&'static str, SelectorKind)],
    /// The reply that carries a refusal.
    pub(crate) fault: fn(&Fault, &World<'_>) -> Reply,
    /// The reply that carries a token.
    pub(crate) reply: fn(&Token, Timestamp) -> Reply,
}

impl Dialect {
    pub(crate) fn rules(&self) -> &'static Rules {
        match self {
            Self::Imds => &imds::RULES,
            Self::AppService { .. } => &app_service::RULES,
        }
    }
}
