//! The ids by which one request is found again: ours, and the one that its client gave it.

use bonafide_types::Entropy;
use bonafide_wire::{Reply, Request};
use uuid::Uuid;

/// Longest client request id that is sent back, in bytes. Source: ours; clients send GUIDs.
const CLIENT_REQUEST_ID_BYTES_MAX: usize = 128;
/// Characters of a GUID as clients write it.
const GUID_CHARS: usize = 36;

/// The ids of one request.
pub(crate) struct Ids {
    request: String,
    client: String,
    logged: Uuid,
}

impl Ids {
    /// A new request id, which also stands for the client's where the client gave none.
    pub(crate) fn of(request: &Request, entropy: &dyn Entropy) -> Self {
        let id: Uuid = entropy.guid();
        let given = request.header("client-request-id");
        let client = given.filter(|text| !text.is_empty() && text.len() <= CLIENT_REQUEST_ID_BYTES_MAX);
        let guid = client.filter(|text| text.len() == GUID_CHARS).and_then(|text| Uuid::try_parse(text).ok());
        Self {
            request: id.to_string(),
            logged: guid.unwrap_or(id),
            client: client.map_or_else(|| id.to_string(), str::to_owned),
        }
    }

    /// `request-id`.
    pub(crate) fn request(&self) -> &str {
        &self.request
    }

    /// `client-request-id`.
    pub(crate) fn client(&self) -> &str {
        &self.client
    }

    /// The id in the log: the client's if it is a GUID, otherwise ours. Another text can be anything, a secret for instance.
    pub(crate) fn logged(&self) -> Uuid {
        self.logged
    }

    /// The header fields of every reply. `x-ms-request-id` is **ours**: the log has it, as of every surface.
    pub(crate) fn mark(&self, reply: Reply) -> Reply {
        reply
            .with("request-id", &self.request)
            .with("x-ms-request-id", &self.request)
            .with("client-request-id", &self.client)
            .with("cache-control", "no-cache")
            .with("x-content-type-options", "nosniff")
    }
}
