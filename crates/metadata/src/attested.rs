//! `GET /metadata/attested/document`: a proof, signed by the installation, that its holder speaks for a machine
//! (docs/wire/instance.md, "Attested document"). The control plane signs; the agent passes the question on.

use crate::azures::{signed, version};
use crate::dialect::{Asked, Told};
use crate::host::HostRequest;
use crate::refusal::{DocumentError, Refusal};
use bonafide_wire::hosts::{AttestedRequest, attested_path};
use bonafide_wire::{Parameters, Reply};
use bytes::Bytes;
use http::{Method, StatusCode};

/// The path.
pub(crate) const PATH: &str = "/metadata/attested/document";

/// The oldest api-version that has it. Source: "Azure Instance Metadata Service", learn.microsoft.com, "Attested data".
const OLDEST: &str = "2018-10-01";
/// Longest nonce, in characters. Source: Azure/azure-rest-api-specs, `imds.json` 2023-07-01 (the text says ten digits).
const NONCE_CHARS_MAX: usize = 32;

/// Reads a request for the document.
pub(crate) fn ask(asked: &Asked<'_>) -> Result<(HostRequest, Told), Refusal> {
    let parameters = Parameters::parse(asked.query)?;
    let asked_version = version(&parameters)?;
    if asked_version < OLDEST {
        return Err(Refusal::ApiVersion);
    }
    let nonce = parameters.get("nonce").filter(|nonce| !nonce.is_empty()).map(str::to_owned);
    if nonce.as_ref().is_some_and(|nonce| !is_nonce(nonce)) {
        return Err(DocumentError::Nonce.into());
    }
    let workload = asked.workload.ok_or(DocumentError::Away)?.id;
    let body = serde_json::to_vec(&AttestedRequest { version: asked_version.to_owned(), nonce });
    let body = body.map_err(|_| DocumentError::Away)?;
    Ok((HostRequest::json(Method::POST, attested_path(workload), body), told))
}

fn is_nonce(text: &str) -> bool {
    text.len() <= NONCE_CHARS_MAX && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The answer of the control plane, as it is: it is what the signature is in.
fn told(status: StatusCode, body: &[u8]) -> Result<Reply, Refusal> {
    if status != StatusCode::OK {
        return Err(DocumentError::Away.into());
    }
    let body = Bytes::copy_from_slice(body);
    Ok(signed(Reply::bytes(StatusCode::OK, "application/json; charset=utf-8", body).with("cache-control", "no-store")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bonafide_wire::hosts::Workload;
    use serde_json::Value;

    fn asked(query: &str) -> Result<Value, Refusal> {
        let workload: Workload = serde_json::from_value(serde_json::json!({
            "id": "00000001-0000-4000-8000-000000000000", "resourceId": "/subscriptions/00000002-0000-4000-8000-000000000000",
            "tenantId": "00000003-0000-4000-8000-000000000000", "location": "westeurope", "identities": [],
        }))
        .unwrap();
        let (request, _) = ask(&Asked { workload: Some(&workload), query })?;
        assert_eq!((request.method, request.path), (Method::POST, attested_path(workload.id)));
        Ok(serde_json::from_slice(&request.body).unwrap())
    }

    #[test]
    fn a_nonce_is_passed_on_as_it_was_sent_or_left_out() {
        let body = asked("api-version=2018-10-01&nonce=1234567890").unwrap();
        assert_eq!(body, serde_json::json!({"version": "2018-10-01", "nonce": "1234567890"}));
        for none in ["api-version=2025-04-07", "api-version=2025-04-07&nonce="] {
            assert_eq!(asked(none).unwrap(), serde_json::json!({"version": "2025-04-07"}));
        }
        assert!(asked(&format!("api-version=2025-04-07&nonce={}", "a".repeat(32))).is_ok());
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_no_nonce() {
        let long = "a".repeat(33);
        for nonce in [long.as_str(), "a-b", "a%20b", "a%22%2C%22b", "%C3%A9", "a+b"] {
            assert_eq!(asked(&format!("api-version=2025-04-07&nonce={nonce}")), Err(DocumentError::Nonce.into()));
        }
        assert!(matches!(asked("api-version=2025-04-07&nonce=1&NONCE=2"), Err(Refusal::Query(_))));
        for version in ["", "2018-04-02", "2018-10-02"] {
            assert_eq!(asked(&format!("api-version={version}&nonce=1")), Err(Refusal::ApiVersion), "{version}");
        }
    }
}
