//! Every refusal, in every dialect.

use super::*;
use bonafide_types::{Entropy, Timestamp};
use serde_json::Value;

struct Zeros;

impl Entropy for Zeros {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

/// Statuses after which a client of some language repeats a request to `imds`, and makes every other token
/// of a .NET process wait meanwhile (docs/wire/imds.md, "Whether waiting helps").
const REPEATED: [u16; 12] = [404, 408, 410, 429, 500, 501, 502, 503, 504, 507, 508, 511];

/// The row of a fault in docs/wire/imds.md: its words, the statuses of `imds` and `app-service`, and whether
/// the same request can succeed later though nobody changes anything.
fn row(fault: &Fault) -> (&'static str, u16, u16, bool) {
    match fault {
        Fault::Guard(Refusal::Method) | Fault::Method => ("the method", 405, 405, false),
        Fault::Guard(Refusal::Target | Refusal::HostCount | Refusal::Host) => ("another address", 400, 400, false),
        Fault::Guard(Refusal::Forwarded | Refusal::Upgrade) => ("forwarded or upgraded", 400, 400, false),
        Fault::Guard(Refusal::Body) => ("a body", 400, 400, false),
        Fault::Path(PathError::Form | PathError::Character | PathError::Dot) => ("an unreadable path", 400, 400, false),
        Fault::NotFound => ("an unknown path", 404, 404, false),
        Fault::Unproven(Unproven::MetadataHeader | Unproven::IdentityHeader) => ("no header", 400, 401, false),
        Fault::ApiVersion => ("`api-version`", 400, 400, false),
        Fault::Query(
            QueryError::Parameters(_)
            | QueryError::ForeignSelector(_)
            | QueryError::TwoSelectors(..)
            | QueryError::BypassCache
            | QueryError::Capabilities,
        ) => ("a wrong parameter", 400, 400, false),
        Fault::ResourceMissing => ("no `resource`", 400, 400, false),
        Fault::ResourceMalformed => ("a malformed `resource`", 400, 400, false),
        Fault::Throttled => ("throttled", 429, 429, true),
        Fault::IdentityNotFound => ("an identity that is not here", 400, 400, false),
        Fault::NoDefaultIdentity => ("no identity at all", 400, 400, false),
        Fault::Ambiguous => ("several identities", 400, 400, false),
        Fault::Refused(_) => ("login refuses what is asked for", 400, 500, false),
        Fault::Upstream(_) => ("login gives no answer, or refuses this host", 500, 500, true),
        Fault::Unserved(why) => match why {
            Unserved::OtherUser => ("another user", 403, 403, false),
            Unserved::CertificateExpired => ("an expired client certificate", 401, 401, false),
            Unserved::TargetTooLong => ("a long target", 414, 414, false),
            Unserved::HeadTooLarge => ("a large head", 431, 431, false),
            Unserved::HeadMalformed => ("an unreadable head", 400, 400, false),
            Unserved::BodyTooLarge => ("a large body", 413, 413, false),
            Unserved::BodyTooSlow => ("a late body", 400, 400, false),
            Unserved::BodyBroken => ("a broken body", 400, 400, false),
            Unserved::Busy => ("a busy server", 503, 503, true),
            Unserved::Failed => ("a failure of the server", 500, 500, true),
        },
    }
}

/// One of each row of [`row`], which the compiler keeps complete.
fn every() -> Vec<Fault> {
    let refused = OAuthError {
        error: "invalid_resource".to_owned(),
        error_description: "AADSTS500011: words".to_owned(),
        error_codes: vec![500_011],
        timestamp: String::new(),
        trace_id: String::new(),
        correlation_id: String::new(),
        error_uri: None,
    };
    let guards = [
        Refusal::Method,
        Refusal::Target,
        Refusal::HostCount,
        Refusal::Host,
        Refusal::Forwarded,
        Refusal::Upgrade,
        Refusal::Body,
    ];
    let queries = [
        ParameterError::Encoding.into(),
        QueryError::ForeignSelector("clientid"),
        QueryError::TwoSelectors("client_id", "object_id"),
        QueryError::BypassCache,
        QueryError::Capabilities,
    ];
    let unserved = [
        Unserved::OtherUser,
        Unserved::CertificateExpired,
        Unserved::TargetTooLong,
        Unserved::HeadTooLarge,
        Unserved::HeadMalformed,
        Unserved::BodyTooLarge,
        Unserved::BodyTooSlow,
        Unserved::BodyBroken,
        Unserved::Busy,
        Unserved::Failed,
    ];
    let mut every = vec![
        Fault::NotFound,
        Fault::Method,
        Fault::ApiVersion,
        Fault::ResourceMissing,
        Fault::ResourceMalformed,
        Fault::Throttled,
        Fault::IdentityNotFound,
        Fault::NoDefaultIdentity,
        Fault::Ambiguous,
        Fault::Refused(Box::new(refused)),
        Fault::Upstream(Logs::default()),
    ];
    every.extend(guards.map(Fault::from));
    every.extend([PathError::Form, PathError::Character, PathError::Dot].map(Fault::Path));
    every.extend([Unproven::MetadataHeader, Unproven::IdentityHeader].map(Fault::Unproven));
    every.extend(queries.map(Fault::Query));
    every.extend(unserved.map(Fault::Unserved));
    every
}

fn said(words: fn(&Fault, &World<'_>) -> Reply, fault: &Fault) -> (u16, Reply, Value) {
    let reply = words(fault, &World { now: Timestamp::from_unix_seconds(1), entropy: &Zeros });
    let body = serde_json::from_slice(&reply.body).unwrap();
    (reply.status.as_u16(), reply, body)
}

#[test]
fn what_no_waiting_mends_is_never_a_status_that_clients_repeat() {
    for fault in every() {
        let (words, status, _, waiting_helps) = row(&fault);
        let is_repeated = REPEATED.contains(&status);
        assert!(is_repeated == waiting_helps || fault == Fault::NotFound, "{words}: {status}");
    }
}

#[test]
fn every_refusal_has_the_status_of_its_row_and_none_redirects() {
    for fault in every() {
        let (words, at_imds, at_app_service, _) = row(&fault);
        for (status, expected) in [(said(imds, &fault).0, at_imds), (said(app_service, &fault).0, at_app_service)] {
            assert_eq!(status, expected, "{words}");
            // MSAL follows, and takes the secret header with it.
            assert!((400..600).contains(&status), "{words}: {status}");
        }
    }
}

#[test]
fn every_refusal_has_a_body_that_clients_can_read() {
    let text = |body: &Value, name: &str| body[name].as_str().is_some_and(|text| !text.is_empty());
    for fault in every() {
        let (_, reply, body) = said(imds, &fault);
        assert!(text(&body, "error") && text(&body, "error_description"), "{fault:?}: {body}");
        assert_eq!(reply.headers["server"], "IMDS/150.870.65.512");
        let (status, _, body) = said(app_service, &fault);
        assert!(text(&body, "message") && text(&body, "correlationId"), "{fault:?}: {body}");
        assert_eq!(body["statusCode"], status);
    }
}

#[test]
fn the_document_has_every_row() {
    let document = include_str!("../../../../docs/wire/imds.md");
    for fault in every() {
        let (words, at_imds, at_app_service, waiting_helps) = row(&fault);
        let helps = if waiting_helps { "yes" } else { "no" };
        let row = format!("| {words} | {at_imds} | {at_app_service} | {helps} |");
        assert!(document.contains(&row), "{row}");
    }
}
