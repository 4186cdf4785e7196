//! Commands that no request brings: those of the first start, in the name of the operator.

use crate::Cx;
use crate::command::{Command, Conditions};
use crate::fault::Fault;
use crate::order::body;
use crate::outcome::Outcome;
use crate::perform::perform;
use crate::route;
use bonafide_core::tokens::Caller;
use bonafide_types::{ApiVersion, ResourceId, ResourceUuid};
use bonafide_wire::Parameters;
use http::Method;
use serde_json::Value;

/// The refusal of a command, as the wire has it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refused {
    /// The status.
    pub status: u16,
    /// The code of the error.
    pub code: String,
    /// The error.
    pub message: String,
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        let (status, code, message) = fault.parts();
        Self { status, code, message }
    }
}

/// Creates or replaces a resource in somebody's name: the same order of checks as for a request, and the same
/// audit record. The resource is returned as it would be shown.
///
/// # Errors
/// [`Refused`].
pub fn put(cx: &Cx<'_>, by: Caller, id: &ResourceId, version: &str, body: &Value) -> Result<Value, Refused> {
    put_with_key(cx, by, (id, None), version, body)
}

/// The same of a resource that gets this internal key, if it is new: a host that was there before its resource.
///
/// # Errors
/// [`Refused`].
pub fn put_with_key(
    cx: &Cx<'_>,
    by: Caller,
    (id, uuid): (&ResourceId, Option<ResourceUuid>),
    version: &str,
    body: &Value,
) -> Result<Value, Refused> {
    let version: ApiVersion = version.parse().map_err(|_| Fault::ApiVersionMissing)?;
    // The same reading as of a request, so that nothing gets past the checks by its spelling.
    let body = body::read(body.to_string().as_bytes());
    let path = id.to_string();
    let (verb, target) = route::read(&Method::PUT, &path)?;
    let (query, conditions) = (Parameters::default(), Conditions::default());
    let correlation = cx.world.entropy.guid();
    let command = Command { verb, target, path, query, version, by, correlation, conditions, uuid, body };
    Ok(match perform(cx, &command)? {
        Outcome::Shown(shown) | Outcome::Created(shown) => shown.body,
        Outcome::Begun(begun) => begun.shown.body,
        Outcome::Running(body) => body,
        Outcome::Done | Outcome::Nothing | Outcome::Accepted(_) => Value::Null,
    })
}
