//! The two requests of the forwarder in a guest with a kernel of its own (docs/wire/vm-extension.md): ours, and nothing in
//! them is a secret.

use super::described;
use crate::dialect::Asked;
use crate::refusal::Refusal;
use bonafide_wire::hosts::{ExtensionEndpoint, System};
use bonafide_wire::{Parameters, Reply};
use http::StatusCode;
use serde::Serialize;
use uuid::Uuid;

/// The path at which it asks which port it is to open.
pub(super) const EXTENSION_PATH: &str = "/bonafide/extension";
/// The path at which it says how that goes, over the port that it opened.
pub(super) const FORWARDER_PATH: &str = "/bonafide/forwarder";

/// The words of a forwarder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// True when its port answers; false when another program has that.
    pub answers: bool,
    /// The operating system that it runs on.
    pub system: System,
}

/// The words of a forwarder in a request with this path and query, unless it is another request.
pub fn heard(path: &str, query: &str) -> Option<Heard> {
    if path != FORWARDER_PATH {
        return None;
    }
    Some(read(query)?.1)
}

fn read(query: &str) -> Option<(Uuid, Heard)> {
    let parameters = Parameters::parse(query).ok()?;
    let run = parameters.get("run")?.parse().ok()?;
    let answers = match parameters.get("state")? {
        "answers" => true,
        "portTaken" => false,
        _ => return None,
    };
    let system = match parameters.get("system")? {
        "linux" => System::Linux,
        "windows" => System::Windows,
        _ => return None,
    };
    Some((run, Heard { answers, system }))
}

/// `GET /bonafide/extension`: the port and the run; no member where there is no extension.
pub(super) fn extension(asked: &Asked<'_>) -> Result<Reply, Refusal> {
    #[derive(Serialize)]
    struct Wanted {
        port: u16,
        run: Uuid,
    }
    #[derive(Serialize)]
    struct Nothing {}
    let wanted = asked.workload.and_then(|workload| workload.extension);
    Ok(match wanted {
        Some(ExtensionEndpoint { port, run, .. }) => Reply::json(StatusCode::OK, &Wanted { port: port.get(), run }),
        None => Reply::json(StatusCode::OK, &Nothing {}),
    })
}

/// `GET /bonafide/forwarder`: 204, if it speaks of the run that is asked for now.
pub(super) fn forwarder(asked: &Asked<'_>) -> Result<Reply, Refusal> {
    let Some((run, _)) = read(asked.query) else {
        return Ok(described(400, "invalid_request", "A forwarder says 'run', 'state' and 'system'"));
    };
    let is_of_now = asked.workload.and_then(|workload| workload.extension).is_some_and(|wanted| wanted.run == run);
    Ok(if is_of_now {
        Reply::empty(StatusCode::NO_CONTENT)
    } else {
        described(409, "other_run", "Another run is asked for now: ask for it at /bonafide/extension")
    })
}
