//! Surfaces of Azure that are not served yet: errors only, each in the form that its clients read.
//!
//! Sources: Graph's error object and code, Microsoft Learn, "Microsoft Graph error responses"; a vault's
//! error object, Microsoft Learn, "Key Vault REST API error codes". A client that gets no such object
//! reports that it could not read the error.

use bonafide_types::World;
use bonafide_wire::{Answer, Outcome, Reply, Request, Route, Surface, Unserved, path};
use http::StatusCode;
use serde_json::json;
use std::convert::Infallible;

/// Longest text of a caller that is repeated, in characters. Source: ours.
const SHOWN_CHARS_MAX: usize = 200;

/// A surface that is not served yet.
pub(crate) struct Absent<'a> {
    pub(crate) kind: Kind,
    pub(crate) world: World<'a>,
}

/// The surfaces that are not served yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Microsoft Graph: `/v1.0/…` and `/beta/…`.
    Graph,
    /// The data of a vault: any path of a host `{vault}.vault.{domain}`.
    Vault,
}

/// Whether a path is Graph's.
pub(crate) fn is_graph(head: &Request) -> bool {
    matches!(path::first_segment(&head.path).to_ascii_lowercase().as_str(), "v1.0" | "beta")
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

    fn refuse(&self, head: &Request, why: Unserved) -> Answer {
        self.refusal(head, why).into()
    }
}

impl Absent<'_> {
    /// The answer to a request: nothing is there.
    fn reply(&self, head: &Request) -> Reply {
        match self.kind {
            Kind::Graph => {
                let rest: Vec<String> = path::segments(&head.path).unwrap_or_default().into_iter().skip(1).collect();
                let message = format!(
                    "Resource '{}' does not exist or one of its queried reference-property objects are not present. Microsoft Graph is not served here.",
                    shown(&rest.join("/"))
                );
                graph(&self.world, head, StatusCode::NOT_FOUND, "Request_ResourceNotFound", &message)
            }
            Kind::Vault => {
                let name = shown(vault(head).unwrap_or_default());
                let message = format!("The vault '{name}' was not found. The data of vaults is not served here.");
                of_vault(&self.world, StatusCode::NOT_FOUND, "VaultNotFound", &message)
            }
        }
    }

    /// The refusal of a request that the shell turns away.
    fn refusal(&self, head: &Request, why: Unserved) -> Reply {
        let (status, message) = (why.status(), format!("The request is not served: {why}."));
        let reply = match self.kind {
            Kind::Graph => graph(&self.world, head, status, "Request_BadRequest", &message),
            Kind::Vault => of_vault(&self.world, status, "BadParameter", &message),
        };
        if why == Unserved::Busy { reply.with("retry-after", "1") } else { reply }
    }
}

fn graph(world: &World<'_>, head: &Request, status: StatusCode, code: &str, message: &str) -> Reply {
    let request = world.entropy.guid().to_string();
    let client = head.header("client-request-id").map_or_else(|| request.clone(), shown);
    let inner = json!({ "date": world.now.to_string(), "request-id": request, "client-request-id": client });
    let body = json!({ "error": { "code": code, "message": message, "innerError": inner } });
    Reply::json(status, &body).with("request-id", &request).with("client-request-id", &client)
}

fn of_vault(world: &World<'_>, status: StatusCode, code: &str, message: &str) -> Reply {
    let request = world.entropy.guid().to_string();
    Reply::json(status, &json!({ "error": { "code": code, "message": message } })).with("x-ms-request-id", &request)
}

/// A caller's text, short enough to repeat.
fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS_MAX).collect()
}
