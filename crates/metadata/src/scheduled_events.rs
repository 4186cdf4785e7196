//! `/metadata/scheduledevents`. Nothing is announced: what an operator does to a machine takes effect at once, and this
//! control plane moves no machine by itself (docs/wire/instance.md, "Scheduled events").

use crate::azures::signed;
use crate::dialect::Asked;
use crate::refusal::{DocumentError, Refusal};
use bonafide_wire::{Parameters, Reply};
use http::StatusCode;
use serde_json::{Value, json};

/// The path.
pub(crate) const PATH: &str = "/metadata/scheduledevents";

/// Its versions, which are not those of the other documents. Source: "Azure Metadata Service: Scheduled Events",
/// learn.microsoft.com, "Version".
const VERSIONS: [&str; 7] =
    ["2017-03-01", "2017-08-01", "2017-11-01", "2019-01-01", "2019-04-01", "2019-08-01", "2020-07-01"];

/// The events of a machine.
pub(crate) fn list(asked: &Asked<'_>) -> Result<Reply, Refusal> {
    check_version(asked.query)?;
    Ok(signed(Reply::json(StatusCode::OK, &json!({ "DocumentIncarnation": 1, "Events": [] }))))
}

/// Approves events: there is none, so none of those that are named.
pub(crate) fn start(asked: &Asked<'_>) -> Result<Reply, Refusal> {
    check_version(asked.query)?;
    let body: Value = serde_json::from_slice(asked.body).map_err(|_| DocumentError::StartRequests)?;
    let requests = body["StartRequests"].as_array().ok_or(DocumentError::StartRequests)?;
    match requests.as_slice() {
        [] => Ok(signed(Reply::empty(StatusCode::OK))),
        named if named.iter().all(|request| request["EventId"].is_string()) => Err(DocumentError::NoSuchEvent.into()),
        _ => Err(DocumentError::StartRequests.into()),
    }
}

fn check_version(query: &str) -> Result<(), Refusal> {
    let parameters = Parameters::parse(query)?;
    let is_known = parameters.get("api-version").is_some_and(|asked| VERSIONS.contains(&asked));
    if is_known { Ok(()) } else { Err(Refusal::ApiVersion) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked<'r>(query: &'r str, body: &'r [u8]) -> Asked<'r> {
        Asked { workload: None, query, body }
    }

    #[test]
    fn each_of_its_own_versions_has_the_empty_document() {
        for version in VERSIONS {
            let reply = list(&asked(&format!("api-version={version}"), b"")).unwrap();
            assert_eq!(reply.body, r#"{"DocumentIncarnation":1,"Events":[]}"#);
        }
        for query in ["", "api-version=2021-02-01", "api-version=2020-07-01-preview"] {
            assert_eq!(list(&asked(query, b"")).unwrap_err(), Refusal::ApiVersion);
        }
    }

    #[test]
    fn an_approval_names_events_and_there_is_none() {
        let start = |body: &[u8]| start(&asked("api-version=2020-07-01", body)).map(|reply| reply.status.as_u16());
        assert_eq!(start(br#"{"StartRequests":[]}"#), Ok(200));
        assert_eq!(start(br#"{"StartRequests":[{"EventId":"x"}]}"#), Err(DocumentError::NoSuchEvent.into()));
        for body in [&b""[..], b"StartRequests=1", b"{}", br#"{"StartRequests":{}}"#, br#"{"StartRequests":[{}]}"#] {
            assert_eq!(start(body), Err(DocumentError::StartRequests.into()));
        }
    }
}
