//! Header fields that replies of the token service have (docs/wire/login.md).

use crate::Cx;
use crate::ids::Ids;
use bonafide_wire::Reply;

/// For replies that hold a token, and for refusals.
pub(crate) fn no_store(reply: Reply) -> Reply {
    reply.with("cache-control", "no-store, no-cache").with("pragma", "no-cache").with("expires", "-1")
}

/// For documents that anybody may read, from any origin.
pub(crate) fn public(reply: Reply, max_age_seconds: u64) -> Reply {
    reply
        .with("cache-control", &format!("max-age={max_age_seconds}, private"))
        .with("access-control-allow-origin", "*")
        .with("access-control-allow-methods", "GET, OPTIONS")
}

/// The header fields of every reply.
pub(crate) fn finish(reply: Reply, cx: &Cx<'_>, ids: &Ids) -> Reply {
    let mut reply = reply
        .with("x-content-type-options", "nosniff")
        .with("p3p", "CP=\"DSP CUR OTPi IND OTRi ONL FIN\"")
        .with("x-ms-request-id", &ids.trace.to_string())
        .with("client-request-id", &ids.correlation.to_string())
        .with("x-ms-ests-server", concat!("bonafide/", env!("CARGO_PKG_VERSION")));
    // A browser applies this field to every port of the host: on `localhost` it would shut out all
    // plain-HTTP programs of a developer.
    let host = cx.service.authority.host();
    if host.split(':').next() != Some("localhost") {
        reply = reply.with("strict-transport-security", "max-age=31536000; includeSubDomains");
    }
    reply
}
