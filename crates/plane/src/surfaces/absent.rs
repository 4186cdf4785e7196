//! Surfaces of Azure that are not served yet: errors only, each in the form that its clients read.
//!
//! Source: a vault's error object, Microsoft Learn, "Key Vault REST API error codes". A client that gets no such
//! object reports that it could not read the error.

use bonafide_types::World;
use bonafide_wire::{Answer, Outcome, Reply, Request, Route, Surface, Unserved};
use http::StatusCode;
use serde_json::json;
use std::convert::Infallible;

/// Longest text of a caller that is repeated, in characters. Source: ours.
const SHOWN_CHARS_MAX: usize = 200;

/// The data of a vault, any path of a host `{vault}.vault.{domain}`.
pub(crate) struct Absent<'a> {
    pub(crate) world: World<'a>,
}

/// The vault that the `Host` of a request names: `demo` of `demo.vault.localhost:8443`.
pub(crate) fn vault(head: &Request) -> Option<&str> {
    let (name, zone) = head.header("host")?.split_once('.')?;
    let (label, domain) = zone.split_once('.')?;
    (!name.is_empty() && !domain.is_empty() && label.eq_ignore_ascii_case("vault")).then_some(name)
}

impl Surface for Absent<'_> {
    type Need = Infallible;

    fn routes() -> Vec<&'static Route> {
        Vec::new()
    }

    fn handle(&self, request: &Request) -> Outcome<Infallible> {
        Outcome::Answer(self.reply(request).into())
    }

    fn refuse(&self, _head: &Request, why: Unserved) -> Answer {
        self.refusal(why).into()
    }
}

impl Absent<'_> {
    /// The answer to a request: nothing is there.
    fn reply(&self, head: &Request) -> Reply {
        let name = shown(vault(head).unwrap_or_default());
        let message = format!("The vault '{name}' was not found. The data of vaults is not served here.");
        of_vault(&self.world, StatusCode::NOT_FOUND, "VaultNotFound", &message)
    }

    /// The refusal of a request that the shell turns away.
    fn refusal(&self, why: Unserved) -> Reply {
        let message = format!("The request is not served: {why}.");
        let reply = of_vault(&self.world, why.status(), "BadParameter", &message);
        if why.is_for_now() { reply.with("retry-after", "1") } else { reply }
    }
}

fn of_vault(world: &World<'_>, status: StatusCode, code: &str, message: &str) -> Reply {
    let request = world.entropy.guid().to_string();
    Reply::json(status, &json!({ "error": { "code": code, "message": message } })).with("x-ms-request-id", &request)
}

/// A caller's text, short enough to repeat.
fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS_MAX).collect()
}
