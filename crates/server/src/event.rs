//! What the log says besides requests: failures whose reason no reply tells. Each reason is said at
//! once; when it comes again it is counted, and said again after a minute, so that an outage does not
//! flood the log.

use bonafide_types::{ClientId, ObjectId, ResourceUuid, TenantId};
use serde::Serialize;
use std::mem::{Discriminant, discriminant};
use std::time::{Duration, Instant};

/// How long a reason that was said is only counted. Source: ours.
const QUIET: Duration = Duration::from_secs(60);
/// Reasons of one kind of event that are kept apart; further ones are left out while these are new.
/// Source: ours; peers choose among the reasons for which they are refused.
const REASONS_MAX: usize = 16;
/// Longest reason, in bytes. Source: ours.
const WHY_BYTES_MAX: usize = 512;

/// What failed. Nothing in it is a secret or comes from a request, but for ids.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "camelCase")]
pub(crate) enum Event {
    /// The agent got no token from login. Who waited for it got a 500, or what is left of an old one.
    TokenFetchFailed { workload: ResourceUuid, tenant: TenantId, principal: ObjectId },
    /// The agent could not renew an identity's key; the old one counts until it expires.
    IdentityKeyNotRenewed { workload: ResourceUuid, principal: ObjectId },
    /// The agent could not renew its host's certificate.
    HostCertificateNotRenewed,
    /// The agent does not hear what is to run; what it knows stays in force.
    WatchFailed,
    /// The view does not follow the store.
    FollowFailed,
    /// Operations that nobody polls, and what deletions left, do not go on.
    UpkeepFailed,
    /// The public certificate could not be renewed.
    ServerCertificateNotRenewed,
    /// Login could not issue a token that nothing speaks against.
    TokenNotIssued { tenant: Option<TenantId>, client: Option<ClientId> },
    /// A signature did not verify and was withheld (JW-11). The machine's memory or processor is at
    /// fault, or keys are mixed up: look into it at once.
    SignatureCheckFailed { tenant: Option<TenantId>, client: Option<ClientId> },
    /// A connection ended before it could carry a request, or its client certificate names no host: it then
    /// counts as one without.
    ConnectionRefused { surface: &'static str, peer: String },
}

/// The reasons that were said lately.
#[derive(Default)]
pub(crate) struct Said(Vec<Reason>);

struct Reason {
    kind: Discriminant<Event>,
    why: String,
    said_at: Instant,
    unsaid: u64,
}

impl Said {
    /// The line of an event, if it is to be said now.
    pub(crate) fn line(&mut self, event: &Event, why: &str, now: Instant, time_micros: u64) -> Option<Vec<u8>> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Line<'a> {
            time_micros: u64,
            #[serde(flatten)]
            event: &'a Event,
            why: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            repeated: Option<u64>,
        }
        let why = shown(why, WHY_BYTES_MAX);
        let repeated = self.repeated(discriminant(event), &why, now)?;
        let line = Line { time_micros, event, why: &why, repeated: Some(repeated).filter(|times| *times > 0) };
        serde_json::to_vec(&line).ok()
    }

    /// How often it was left unsaid since it was said last, if it is to be said now.
    fn repeated(&mut self, kind: Discriminant<Event>, why: &str, now: Instant) -> Option<u64> {
        if let Some(known) = self.0.iter_mut().find(|known| known.kind == kind && known.why == why) {
            if now.duration_since(known.said_at) < QUIET {
                known.unsaid += 1;
                return None;
            }
            known.said_at = now;
            return Some(std::mem::take(&mut known.unsaid));
        }
        if self.0.iter().filter(|known| known.kind == kind).count() >= REASONS_MAX {
            let old = |known: &Reason| known.kind == kind && now.duration_since(known.said_at) >= QUIET;
            self.0.retain(|known| !old(known));
            if self.0.iter().filter(|known| known.kind == kind).count() >= REASONS_MAX {
                return None;
            }
        }
        self.0.push(Reason { kind, why: why.to_owned(), said_at: now, unsaid: 0 });
        Some(0)
    }
}

/// A text, short enough to log and without characters that steer a terminal.
pub(crate) fn shown(text: &str, bytes_max: usize) -> String {
    let text = &text[..text.floor_char_boundary(bytes_max)];
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn said(all: &mut Said, event: &Event, why: &str, now: Instant) -> Option<Value> {
        all.line(event, why, now, 7).map(|line| serde_json::from_slice(&line).unwrap())
    }

    #[test]
    fn a_reason_is_said_at_once_and_then_once_a_minute_with_how_often_it_came() {
        let (mut all, start) = (Said::default(), Instant::now());
        let line = json!({ "timeMicros": 7, "event": "followFailed", "why": "no disk" });
        assert_eq!(said(&mut all, &Event::FollowFailed, "no disk", start), Some(line));
        for _ in 0..300 {
            assert_eq!(said(&mut all, &Event::FollowFailed, "no disk", start + QUIET / 2), None);
        }
        // Another reason, and another kind with the same, are news.
        assert!(said(&mut all, &Event::FollowFailed, "no network", start + QUIET / 2).is_some());
        assert!(said(&mut all, &Event::UpkeepFailed, "no disk", start + QUIET / 2).is_some());
        let line = json!({ "timeMicros": 7, "event": "followFailed", "why": "no disk", "repeated": 300 });
        assert_eq!(said(&mut all, &Event::FollowFailed, "no disk", start + QUIET), Some(line));
    }

    #[test]
    fn a_flood_of_reasons_is_bounded_and_hides_no_other_event() {
        let (mut all, start) = (Said::default(), Instant::now());
        let refused = Event::ConnectionRefused { surface: "hosts", peer: "127.0.0.1:1".to_owned() };
        let flood = (0..1_000).filter(|n| said(&mut all, &refused, &n.to_string(), start).is_some()).count();
        assert_eq!(flood, REASONS_MAX);
        let alarm = Event::SignatureCheckFailed { tenant: None, client: None };
        assert!(said(&mut all, &alarm, "withheld", start).is_some());
        assert!(said(&mut all, &refused, "new", start + QUIET).is_some());
    }

    #[test]
    fn a_reason_is_short_and_steers_no_terminal() {
        let why = format!("\u{1b}[2J\n\u{9b}\"{}", "ä".repeat(1_000));
        let line = Said::default().line(&Event::WatchFailed, &why, Instant::now(), 7).unwrap();
        let text = String::from_utf8(line).unwrap();
        assert!(text.len() < 600 && !text.chars().any(char::is_control), "{text}");
    }
}
