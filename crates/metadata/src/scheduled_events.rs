//! `/metadata/scheduledevents`: what is going to happen to a machine, and its word that it may
//! (docs/wire/instance.md, "Scheduled events").

use crate::azures::signed;
use crate::refusal::{DocumentError, Refusal};
use bonafide_types::Timestamp;
use bonafide_wire::hosts::{EVENTS_START_MAX, EventKind, MachineEvent, MachineEvents};
use bonafide_wire::{Parameters, Reply, Request};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

/// The path.
pub(crate) const PATH: &str = "/metadata/scheduledevents";

/// Time after which a host says again that a machine asks, in seconds (12 hours): half of that for which it is told then.
const ASK_AGAIN_SECONDS: u64 = 43_200;
/// Time between two tries to say so, in seconds. Source: ours; a program that asks every second waits for a control plane that
/// is away once a minute at most.
const TRY_AGAIN_SECONDS: u64 = 60;

/// A version of its own. Source: "Azure Metadata Service: Scheduled Events", learn.microsoft.com, "Version".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Version(usize);

const VERSIONS: [&str; 7] =
    ["2017-03-01", "2017-08-01", "2017-11-01", "2019-01-01", "2019-04-01", "2019-08-01", "2020-07-01"];

impl Version {
    fn read(query: &str) -> Result<Self, Refusal> {
        let parameters = Parameters::parse(query)?;
        let asked = parameters.get("api-version");
        VERSIONS.iter().position(|version| asked == Some(version)).map(Self).ok_or(Refusal::ApiVersion)
    }

    fn is_since(self, version: &str) -> bool {
        VERSIONS[self.0] >= version
    }
}

/// A request for the events of a machine.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EventsAsked {
    pub(crate) version: Version,
    /// The events that may start; none in a request for the list.
    pub(crate) start: Option<Vec<Uuid>>,
}

impl EventsAsked {
    /// Reads a request. A body is JSON, whatever its `Content-Type`: the samples send it as a form.
    pub(crate) fn read(request: &Request) -> Result<Self, Refusal> {
        let version = Version::read(&request.query)?;
        let start = if request.method == Method::POST { Some(start_requests(&request.body)?) } else { None };
        Ok(Self { version, start })
    }

    /// The answer, where these are the events.
    pub(crate) fn answer(&self, events: Option<&MachineEvents>) -> Reply {
        signed(match self.start {
            Some(_) => Reply::empty(StatusCode::OK),
            None => Reply::json(StatusCode::OK, &document(self.version, events)),
        })
    }
}

fn start_requests(body: &[u8]) -> Result<Vec<Uuid>, Refusal> {
    let body: Value = serde_json::from_slice(body).map_err(|_| DocumentError::StartRequests)?;
    let requests = body["StartRequests"].as_array().ok_or(DocumentError::StartRequests)?;
    let ids = requests.iter().map(|request| request["EventId"].as_str());
    let ids: Vec<&str> = ids.collect::<Option<_>>().ok_or(DocumentError::StartRequests)?;
    if ids.len() > EVENTS_START_MAX {
        return Err(DocumentError::StartRequests.into());
    }
    // One that is no UUID is none of ours.
    let ids: Option<Vec<Uuid>> = ids.into_iter().map(|id| Uuid::try_parse(id).ok()).collect();
    Ok(ids.ok_or(DocumentError::NoSuchEvent)?)
}

/// The document of a version. One that does not know of a kind of events does not tell of it.
fn document(version: Version, events: Option<&MachineEvents>) -> Value {
    let Some(events) = events else { return json!({ "DocumentIncarnation": 1, "Events": [] }) };
    let known = events.events.iter().filter(|event| version.is_since(since(event.kind)));
    let shown: Vec<Value> = known.map(|event| show(version, &events.name, event)).collect();
    json!({ "DocumentIncarnation": events.incarnation, "Events": shown })
}

fn since(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Freeze | EventKind::Reboot | EventKind::Redeploy => "2017-03-01",
        EventKind::Preempt => "2017-11-01",
        EventKind::Terminate => "2019-01-01",
    }
}

/// In the order of Azure's examples. An id is in upper case there.
fn show(version: Version, name: &str, event: &MachineEvent) -> Value {
    let name = if version.is_since("2017-08-01") { name.to_owned() } else { format!("_{name}") };
    let not_before = Timestamp::from_unix_seconds(event.not_before).http();
    let mut shown = json!({
        "EventId": event.id.to_string().to_ascii_uppercase(),
        "EventStatus": if event.started { "Started" } else { "Scheduled" },
        "EventType": event.kind,
        "ResourceType": "VirtualMachine",
        "Resources": [name],
        "NotBefore": if event.started { String::new() } else { not_before },
    });
    if version.is_since("2019-04-01") {
        shown["Description"] = event.description.as_str().into();
    }
    if version.is_since("2019-08-01") {
        shown["EventSource"] = if event.by_user { "User" } else { "Platform" }.into();
    }
    if version.is_since("2020-07-01") {
        shown["DurationInSeconds"] = event.duration_seconds.into();
    }
    shown
}

/// True where the control plane knows well enough that the machine asks.
pub(crate) fn is_known_to_ask(events: Option<&MachineEvents>, now: Timestamp) -> bool {
    events.is_some_and(|events| {
        let asked_at = Timestamp::from_unix_seconds(events.asked_at);
        asked_at <= now.plus_seconds(TRY_AGAIN_SECONDS) && now < asked_at.plus_seconds(ASK_AGAIN_SECONDS)
    })
}

/// The last try to say that a machine asks.
#[derive(Default)]
pub(crate) struct LastTry(AtomicU64);

impl LastTry {
    /// True for the first to ask in a while.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        let (last, now) = (self.0.load(Ordering::Relaxed), now.unix_seconds());
        let is_due = now.abs_diff(last) >= TRY_AGAIN_SECONDS;
        is_due && self.0.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events() -> MachineEvents {
        let event = |n: u128, kind, started| MachineEvent {
            id: Uuid::from_u128(n),
            kind,
            not_before: 1_795_000_000,
            started,
            description: "It is.".to_owned(),
            by_user: kind != EventKind::Preempt,
            duration_seconds: -1,
        };
        MachineEvents {
            name: "vm1".to_owned(),
            incarnation: 7,
            asked_at: 1_795_000_000,
            events: vec![
                event(0xab, EventKind::Reboot, false),
                event(2, EventKind::Preempt, true),
                event(3, EventKind::Terminate, false),
            ],
        }
    }

    fn told(version: &str) -> Value {
        document(Version::read(&format!("api-version={version}")).unwrap(), Some(&events()))
    }

    #[test]
    fn each_version_tells_of_the_kinds_that_it_knows_in_its_own_form() {
        let kinds = |version: &str| told(version)["Events"].as_array().unwrap().len();
        assert_eq!(VERSIONS.map(kinds), [1, 1, 2, 3, 3, 3, 3]);
        let members = |version: &str| told(version)["Events"][0].as_object().unwrap().len();
        assert_eq!(VERSIONS.map(members), [6, 6, 6, 6, 7, 8, 9]);
        assert_eq!(told("2017-03-01")["Events"][0]["Resources"], json!(["_vm1"]));
        let newest = told("2020-07-01");
        assert_eq!(newest["DocumentIncarnation"], 7);
        assert_eq!(
            newest["Events"][0].to_string(),
            json!({
                "EventId": "00000000-0000-0000-0000-0000000000AB", "EventStatus": "Scheduled", "EventType": "Reboot",
                "ResourceType": "VirtualMachine", "Resources": ["vm1"], "NotBefore": "Wed, 18 Nov 2026 11:06:40 GMT",
                "Description": "It is.", "EventSource": "User", "DurationInSeconds": -1,
            })
            .to_string()
        );
        let preempt = &newest["Events"][1];
        assert_eq!((&preempt["EventStatus"], &preempt["NotBefore"]), (&json!("Started"), &json!("")));
        assert_eq!(preempt["EventSource"], "Platform");
    }

    #[test]
    fn a_machine_of_which_nothing_is_known_has_the_empty_document_in_each_of_its_own_versions() {
        for version in VERSIONS {
            let version = Version::read(&format!("api-version={version}")).unwrap();
            assert_eq!(document(version, None).to_string(), r#"{"DocumentIncarnation":1,"Events":[]}"#);
        }
        for query in ["", "api-version=2021-02-01", "api-version=2020-07-01-preview", "api-version=latest"] {
            assert_eq!(Version::read(query), Err(Refusal::ApiVersion));
        }
    }

    #[test]
    fn an_approval_names_events_by_their_ids_in_any_case() {
        let id = Uuid::from_u128(0xab);
        assert_eq!(start_requests(br#"{"StartRequests":[]}"#), Ok(vec![]));
        for text in [id.to_string(), id.to_string().to_uppercase()] {
            let body = json!({ "StartRequests": [{ "EventId": text }] }).to_string();
            assert_eq!(start_requests(body.as_bytes()), Ok(vec![id]));
        }
        let other = start_requests(br#"{"StartRequests":[{"EventId":"x"}]}"#);
        assert_eq!(other, Err(DocumentError::NoSuchEvent.into()));
        let many = json!({ "StartRequests": vec![json!({ "EventId": id }); EVENTS_START_MAX + 1] }).to_string();
        for body in [
            &b""[..],
            b"StartRequests=1",
            b"{}",
            br#"{"StartRequests":{}}"#,
            br#"{"StartRequests":[{}]}"#,
            many.as_bytes(),
        ] {
            assert_eq!(start_requests(body), Err(DocumentError::StartRequests.into()));
        }
    }

    #[test]
    fn the_control_plane_is_asked_at_first_after_half_a_day_and_once_a_minute_in_vain() {
        let at = |seconds: u64| Timestamp::from_unix_seconds(1_795_000_000 + seconds);
        assert!(!is_known_to_ask(None, at(0)));
        let events = events();
        assert!(is_known_to_ask(Some(&events), at(43_199)) && !is_known_to_ask(Some(&events), at(43_200)));
        let tries = LastTry::default();
        assert_eq!([0, 1, 59, 60, 61].map(|seconds| tries.is_due(at(seconds))), [true, false, false, true, false]);
    }
}
