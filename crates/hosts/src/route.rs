//! Which path means what.

use crate::fault::Fault;
use bonafide_types::ObjectId;
use bonafide_wire::hosts::{CredentialRequest, DESIRED_WAIT_SECONDS_MAX, JoinRequest, RenewRequest};
use bonafide_wire::{Parameters, Request, path};
use http::Method;
use serde::de::DeserializeOwned;

/// A request, read.
pub(crate) enum Call {
    Join(JoinRequest),
    Renew(RenewRequest),
    Deployment,
    Desired(Option<String>, u64),
    Register(ObjectId, CredentialRequest),
}

/// What is served, one line for each arm of [`route`].
pub const ROUTES: &[&str] = &[
    "POST /hosts/v1/join",
    "POST /hosts/v1/renew",
    "GET /hosts/v1/deployment",
    "GET /hosts/v1/desired",
    "PUT /hosts/v1/identities/{principal}/credential",
];

pub(crate) fn route(request: &Request) -> Result<Call, Fault> {
    let segments = path::segments(&request.path).map_err(|_| Fault::NotFound)?;
    let words: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (&request.method, words.as_slice()) {
        (&Method::POST, ["hosts", "v1", "join"]) => Ok(Call::Join(body(request)?)),
        (&Method::POST, ["hosts", "v1", "renew"]) => Ok(Call::Renew(body(request)?)),
        (&Method::GET, ["hosts", "v1", "deployment"]) => Ok(Call::Deployment),
        (&Method::GET, ["hosts", "v1", "desired"]) => {
            let query = Parameters::parse(&request.query).map_err(|error| Fault::Malformed(error.to_string()))?;
            let wait = query.get("wait").unwrap_or("0").parse::<u64>();
            let wait = wait.map_err(|_| Fault::Malformed("'wait' is not a number of seconds".into()))?;
            Ok(Call::Desired(query.get("after").map(str::to_owned), wait.min(DESIRED_WAIT_SECONDS_MAX)))
        }
        (&Method::PUT, ["hosts", "v1", "identities", principal, "credential"]) => {
            let principal = principal.parse().map_err(|_| Fault::NotFound)?;
            Ok(Call::Register(principal, body(request)?))
        }
        _ => Err(Fault::NotFound),
    }
}

fn body<T: DeserializeOwned>(request: &Request) -> Result<T, Fault> {
    serde_json::from_slice(&request.body).map_err(|error| Fault::Malformed(error.to_string()))
}
