//! What every resource type shares, once, in this order: id → type and api-version → caller and tenant
//! → RBAC (before existence: a stranger learns nothing) → parent and resource → body → ETag →
//! linked access → tags → identity block → the provider → audit, in one transaction.

pub(crate) mod access;
pub(crate) mod api_version;
pub(crate) mod audit;
pub(crate) mod body;
pub(crate) mod caller;
pub(crate) mod delete;
pub(crate) mod etag;
pub(crate) mod linked;
pub(crate) mod list;
pub(crate) mod path;
pub(crate) mod place;
pub(crate) mod read;
pub(crate) mod tags;
pub(crate) mod unserved;
pub(crate) mod write;
pub(crate) mod write_only;

use crate::Cx;
use crate::fault::Fault;
use crate::headers::Correlation;
use bonafide_core::tokens::Caller;
use bonafide_types::ApiVersion;
use bonafide_wire::{Parameters, Request};
use serde_json::{Map, Value};

/// A request whose caller is known, before anything was read from the store.
pub(crate) struct Input<'a> {
    pub(crate) cx: &'a Cx<'a>,
    pub(crate) request: &'a Request,
    pub(crate) query: Parameters,
    pub(crate) version: ApiVersion,
    pub(crate) caller: Caller,
    pub(crate) correlation: &'a Correlation,
    /// The body, or what is wrong with it: said only to who may write (see the order above).
    pub(crate) body: Result<Map<String, Value>, body::BodyError>,
}

impl Input<'_> {
    /// The body of a write.
    pub(crate) fn body(&self) -> Result<&Map<String, Value>, Fault> {
        self.body.as_ref().map_err(|error| error.clone().into())
    }
}
