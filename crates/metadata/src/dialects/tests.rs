//! Every refusal, in every dialect.

use super::*;
use crate::path::PathError;
use crate::refusal::{DocumentError, GuardError, Logs, QueryError, Refusal};
use crate::token::REPLY_KINDS_MAX;
use bonafide_types::{Entropy, Timestamp, World};
use bonafide_wire::ParameterError;
use bonafide_wire::token::OAuthError;
use serde_json::Value;

struct Zeros;

impl Entropy for Zeros {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

/// Statuses after which a client of some language repeats a request to `imds`, and makes every other token
/// of a .NET process wait meanwhile (docs/wire/imds.md, "Refusals that waiting can end").
const REPEATED: [u16; 12] = [404, 408, 410, 429, 500, 501, 502, 503, 504, 507, 508, 511];

/// Refusals whose status is Azure's own, though clients repeat it in vain.
const IS_AZURES: [&str; 2] = ["an unknown path", "no load balancer"];

/// The row of a refusal in docs/wire/imds.md: its words, the statuses of `imds`, `app-service` and `vm-extension`, and
/// whether the same request can succeed later though nobody changes anything.
fn row(refusal: &Refusal) -> (&'static str, u16, u16, u16, bool) {
    match refusal {
        Refusal::Method(_) => ("the method", 405, 405, 405, false),
        Refusal::Guard(GuardError::Target | GuardError::Host) => ("another address", 400, 400, 401, false),
        Refusal::Guard(GuardError::HostCount) => ("no `Host`, or two", 400, 400, 400, false),
        Refusal::Guard(GuardError::NotLoopback) => ("not over the workload's loopback", 400, 400, 400, false),
        Refusal::Guard(GuardError::Forwarded | GuardError::Upgrade) => ("forwarded or upgraded", 400, 400, 400, false),
        Refusal::Guard(GuardError::Http10) => ("HTTP/1.0", 400, 400, 400, false),
        Refusal::Guard(GuardError::Body) => ("a body", 400, 400, 400, false),
        Refusal::Guard(GuardError::Form) => ("a body that is no form", 400, 400, 400, false),
        Refusal::Path(PathError::Form | PathError::Character | PathError::Dot) => {
            ("an unreadable path", 400, 400, 401, false)
        }
        Refusal::NotFound => ("an unknown path", 404, 404, 401, false),
        Refusal::Unproven => ("no header", 400, 401, 400, false),
        Refusal::NoSession => ("no session where one is wanted", 401, 401, 401, false),
        Refusal::NotAllowed => ("not allowed by the rules of the binding", 403, 403, 403, false),
        Refusal::SessionLife => ("a session without a life", 400, 400, 400, false),
        Refusal::ApiVersion => ("`api-version`", 400, 400, 400, false),
        Refusal::Query(
            QueryError::Parameters(_)
            | QueryError::ForeignSelector(_)
            | QueryError::TwoSelectors(..)
            | QueryError::BypassCache
            | QueryError::Capabilities,
        ) => ("a wrong parameter", 400, 400, 400, false),
        Refusal::ResourceMissing => ("no `resource`", 400, 400, 400, false),
        Refusal::ResourceMalformed => ("a malformed `resource`", 400, 400, 400, false),
        Refusal::Scope => ("`scope` in its place", 400, 400, 400, false),
        Refusal::ResponseType => ("another `response_type`", 400, 400, 400, false),
        Refusal::Throttled => ("throttled", 429, 429, 429, true),
        Refusal::IdentityNotFound => ("an identity that is not here", 400, 400, 400, false),
        Refusal::Disabled => ("a disabled principal", 400, 400, 403, false),
        Refusal::NoIdentityAtAll | Refusal::NoDefaultIdentity => ("no identity at all", 400, 400, 400, false),
        Refusal::Ambiguous => ("several identities", 400, 400, 400, false),
        Refusal::Refused(_) => ("login refuses what is asked for", 400, 500, 400, false),
        Refusal::Upstream(_) => ("login gives no answer, or refuses this host", 500, 500, 500, true),
        Refusal::Updating => ("an identity that is not known yet", 404, 404, 404, true),
        Refusal::Document(error) if error.is_passing() => ("a document that is elsewhere", 500, 500, 500, true),
        // No stock client asks for it, and Azure's status is documented.
        Refusal::Document(DocumentError::NoLoadBalancer) => ("no load balancer", 404, 400, 400, false),
        Refusal::Document(_) => ("a wrong request for a document", 400, 400, 400, false),
        Refusal::DiskFull => ("a full disk", 503, 503, 503, true),
        Refusal::Unserved(why) => match why {
            Unserved::OtherUser => ("another user", 403, 403, 403, false),
            Unserved::CertificateExpired => ("an expired client certificate", 401, 401, 401, false),
            Unserved::TargetTooLong => ("a long target", 414, 414, 414, false),
            Unserved::HeadTooLarge => ("a large head", 431, 431, 431, false),
            Unserved::HeadMalformed => ("an unreadable head", 400, 400, 400, false),
            Unserved::BodyTooLarge => ("a large body", 413, 413, 413, false),
            Unserved::BodyTooSlow => ("a late body", 400, 400, 400, false),
            Unserved::BodyBroken => ("a broken body", 400, 400, 400, false),
            Unserved::Busy => ("a busy server", 503, 503, 503, true),
            Unserved::ShareTaken => ("too many requests at once", 429, 429, 429, true),
            Unserved::Failed => ("a failure of the server", 500, 500, 500, true),
        },
    }
}

/// One of each row of [`row`], which the compiler keeps complete.
fn every() -> Vec<Refusal> {
    let refused = OAuthError {
        error: "invalid_resource".to_owned(),
        error_description: "AADSTS500011: words".to_owned(),
        error_codes: vec![500_011],
        timestamp: String::new(),
        trace_id: String::new(),
        correlation_id: String::new(),
        error_uri: None,
        nonce: None,
    };
    let guards = [
        GuardError::Target,
        GuardError::HostCount,
        GuardError::Host,
        GuardError::NotLoopback,
        GuardError::Forwarded,
        GuardError::Upgrade,
        GuardError::Body,
        GuardError::Form,
    ];
    let queries = [
        ParameterError::Encoding.into(),
        QueryError::ForeignSelector("clientid"),
        QueryError::TwoSelectors("client_id", "object_id"),
        QueryError::BypassCache,
        QueryError::Capabilities,
    ];
    let mut every = vec![
        Refusal::NotFound,
        Refusal::Unproven,
        Refusal::Method(None),
        Refusal::NoSession,
        Refusal::SessionLife,
        Refusal::NotAllowed,
        Refusal::ApiVersion,
        Refusal::ResourceMissing,
        Refusal::ResourceMalformed,
        Refusal::Scope,
        Refusal::ResponseType,
        Refusal::Throttled,
        Refusal::IdentityNotFound,
        Refusal::NoIdentityAtAll,
        Refusal::NoDefaultIdentity,
        Refusal::Disabled,
        Refusal::Ambiguous,
        Refusal::Refused(Box::new(refused)),
        Refusal::Upstream(Logs::default()),
        Refusal::Updating,
        Refusal::DiskFull,
    ];
    let documents = [
        DocumentError::LeafAsJson,
        DocumentError::Format,
        DocumentError::Nonce,
        DocumentError::StartRequests,
        DocumentError::NoSuchEvent,
        DocumentError::NoApiVersion,
        DocumentError::Away,
    ];
    every.extend(documents.map(Refusal::Document));
    every.extend(guards.map(Refusal::Guard));
    every.extend([PathError::Form, PathError::Character, PathError::Dot].map(Refusal::Path));
    every.extend(queries.map(Refusal::Query));
    every.extend(Unserved::ALL.map(Refusal::Unserved));
    every
}

fn said(dialect: &Dialect, refusal: &Refusal) -> (u16, Reply, Value) {
    let reply = (dialect.refuse)(refusal, None, &World { now: Timestamp::from_unix_seconds(1), entropy: &Zeros });
    let body = serde_json::from_slice(&reply.body).unwrap();
    (reply.status.as_u16(), reply, body)
}

#[test]
fn md_05_every_path_that_is_served_is_canonical() {
    for route in routes() {
        assert_eq!(crate::path::canonical(route.path).as_deref(), Ok(route.path));
    }
}

#[test]
fn av_11_what_no_waiting_mends_is_never_a_status_that_clients_repeat() {
    for refusal in every() {
        let (words, at_imds, _, at_vm_extension, waiting_helps) = row(&refusal);
        for status in [at_imds, at_vm_extension] {
            let is_repeated = REPEATED.contains(&status);
            assert!(is_repeated == waiting_helps || IS_AZURES.contains(&words), "{words}: {status}");
        }
    }
}

#[test]
fn av_11_every_refusal_has_the_status_of_its_row_and_none_redirects() {
    for refusal in every() {
        let (words, at_imds, at_app_service, at_vm_extension, _) = row(&refusal);
        let rows = [(&IMDS, at_imds), (&APP_SERVICE, at_app_service), (&VM_EXTENSION, at_vm_extension)];
        for (dialect, expected) in rows {
            assert_eq!(said(dialect, &refusal).0, expected, "{words} at {}", dialect.name());
        }
        for status in ALL.iter().map(|dialect| said(dialect, &refusal).0) {
            // MSAL follows, and takes the secret header with it.
            assert!((400..600).contains(&status), "{words}: {status}");
        }
    }
}

#[test]
fn ov_02_callers_who_are_told_to_come_again_do_not_come_together_and_soon() {
    struct Number(u8);
    impl Entropy for Number {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }
    for dialect in ALL {
        let after = |number| {
            let world = World { now: Timestamp::from_unix_seconds(1), entropy: &Number(number) };
            let reply = (dialect.refuse)(&Refusal::Throttled, None, &world);
            reply.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap()
        };
        assert_eq!(std::collections::BTreeSet::from_iter((0..=255).map(after)), [1, 2].into());
    }
}

#[test]
fn md_15_every_refusal_has_a_body_that_clients_can_read() {
    let text = |body: &Value, name: &str| body[name].as_str().is_some_and(|text| !text.is_empty());
    for refusal in every() {
        let (_, reply, body) = said(&IMDS, &refusal);
        assert!(text(&body, "error") && text(&body, "error_description"), "{refusal:?}: {body}");
        assert_eq!(reply.headers["server"], "IMDS/150.870.65.512");
        let (_, _, at_vm_extension) = said(&VM_EXTENSION, &refusal);
        assert!(text(&at_vm_extension, "error") && text(&at_vm_extension, "error_description"), "{refusal:?}");
        let (status, _, body) = said(&APP_SERVICE, &refusal);
        assert!(text(&body, "message") && text(&body, "correlationId"), "{refusal:?}: {body}");
        assert_eq!(body["statusCode"], status);
    }
}

#[test]
fn the_document_has_every_row() {
    let document = include_str!("../../../../docs/wire/imds.md");
    for refusal in every() {
        let (words, at_imds, at_app_service, at_vm_extension, waiting_helps) = row(&refusal);
        let helps = if waiting_helps { "yes" } else { "no" };
        let row = format!("| {words} | {at_imds} | {at_app_service} | {at_vm_extension} | {helps} |");
        assert!(document.contains(&row), "{row}");
    }
}

#[test]
fn each_version_of_each_dialect_has_a_kind_of_reply_of_its_own() {
    let kinds: Vec<usize> = ALL
        .iter()
        .flat_map(|dialect| (0..dialect.versions.len()).map(|number| reply_kind(dialect, number).0))
        .collect();
    assert_eq!(kinds, (0..kinds.len()).collect::<Vec<_>>());
    assert!(kinds.len() <= REPLY_KINDS_MAX);
}

#[test]
fn a_dialect_is_known_by_its_name_alone() {
    for dialect in ALL {
        assert!(named(dialect.name()).is_some_and(|found| std::ptr::eq(found, *dialect)));
    }
    for name in ["", "IMDS", "imds ", "arc"] {
        assert!(named(name).is_none(), "{name}");
    }
}
