//! Errors of the surfaces that are not served yet, each in the form that its clients read.
//!
//! Source: a vault's error object, Microsoft Learn, "Key Vault REST API error codes". A client that gets no such object
//! reports that it could not read the error.

use super::{Missing, vault};
use bonafide_http::clock;
use bonafide_wire::{Reply, Request, Unserved};
use http::StatusCode;
use serde_json::json;

/// Longest text of a caller that is repeated, in characters. Source: ours.
const SHOWN_CHARS_MAX: usize = 200;

impl Missing {
    /// The answer to a request: nothing is there.
    pub(crate) fn reply(self, head: &Request) -> Reply {
        match self {
            Self::Vault => {
                let name = shown(vault(head).unwrap_or_default());
                let message = format!("The vault '{name}' was not found. The data of vaults is not served here.");
                of_vault(StatusCode::NOT_FOUND, "VaultNotFound", &message)
            }
        }
    }

    /// The refusal of a request that the shell turns away.
    pub(crate) fn refusal(self, why: Unserved) -> Reply {
        let (status, message) = (why.status(), format!("The request is not served: {why}."));
        let reply = match self {
            Self::Vault => of_vault(status, "BadParameter", &message),
        };
        if why == Unserved::Busy { reply.with("retry-after", "1") } else { reply }
    }
}

fn of_vault(status: StatusCode, code: &str, message: &str) -> Reply {
    let request = clock::world().entropy.guid().to_string();
    Reply::json(status, &json!({ "error": { "code": code, "message": message } })).with("x-ms-request-id", &request)
}

/// A caller's text, short enough to repeat.
fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS_MAX).collect()
}
