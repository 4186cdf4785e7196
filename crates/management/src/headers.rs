//! The header fields of every reply.

use crate::fault::Trace;
use bonafide_types::{Entropy, World};
use bonafide_wire::{Reply, Request};
use uuid::Uuid;

/// The ids by which a request is found again: ours, and the ones its client gave it.
#[derive(Debug, Clone)]
pub(crate) struct Correlation {
    request: Uuid,
    correlation: Uuid,
    client: Option<String>,
}

/// Longest client request id that is sent back, in bytes. Source: ours; clients send GUIDs.
const CLIENT_REQUEST_ID_BYTES_MAX: usize = 128;

impl Correlation {
    pub(crate) fn of(request: &Request, entropy: &dyn Entropy) -> Self {
        let id = entropy.guid();
        let given = request.header("x-ms-correlation-request-id").and_then(|text| Uuid::try_parse(text).ok());
        let client = request
            .header("x-ms-client-request-id")
            .filter(|text| text.len() <= CLIENT_REQUEST_ID_BYTES_MAX)
            .map(str::to_owned);
        Self { request: id, correlation: given.unwrap_or(id), client }
    }

    /// Where the cause of a failure is found.
    pub(crate) fn trace<'a>(&self, log_file: Option<&'a str>) -> Trace<'a> {
        Trace { request: self.request, log_file }
    }

    /// The id that the audit record carries.
    pub(crate) fn id(&self) -> Uuid {
        self.correlation
    }

    /// Adds what Resource Manager sends with every answer (recordings of the SDKs, 2021 to 2026).
    pub(crate) fn mark(&self, reply: Reply, world: &World<'_>) -> Reply {
        let request = self.request.to_string();
        let routing = format!("LOCAL:{}:{request}", world.now.arm().replace(['-', ':', '.'], ""));
        let mut reply = reply
            .with("x-ms-request-id", &request)
            .with("x-ms-correlation-request-id", &self.correlation.to_string())
            .with("x-ms-routing-request-id", &routing)
            .with("cache-control", "no-cache")
            .with("pragma", "no-cache")
            .with("expires", "-1")
            .with("x-content-type-options", "nosniff");
        if let Some(client) = &self.client {
            reply = reply.with("x-ms-client-request-id", client);
        }
        reply
    }
}
