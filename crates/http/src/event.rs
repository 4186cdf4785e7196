//! The log beside requests: failures whose reason no reply tells. Each reason is logged at once; when it comes again
//! it is counted, and logged again after a minute, so that an outage does not flood the log.

use bonafide_types::printable;
use bonafide_wire::Record;
use serde_json::Map;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::time::{Duration, Instant};

/// Time during which a logged reason is only counted. Source: ours.
const QUIET: Duration = Duration::from_secs(60);
/// Reasons of one kind of event that are kept apart; further ones are left out while these are new.
/// Source: ours; peers choose among the reasons for which they are refused.
const REASONS_MAX: usize = 16;
/// Subjects that are kept apart for each of those reasons. Source: ours; workloads choose the resources that they ask
/// for.
const SUBJECTS_MAX: usize = 16;
/// Longest reason that is logged, in bytes. Source: ours.
pub(crate) const WHY_BYTES_MAX: usize = 512;

/// A failure whose reason no reply tells. Nothing in it is a secret or comes from a request, but for ids and
/// the name of a resource. docs/log.md says what each means.
#[derive(Debug, Clone)]
pub struct Event {
    name: &'static str,
    fields: Vec<(&'static str, String)>,
    apart: Box<str>,
}

impl Event {
    /// An event without fields.
    pub fn named(name: &'static str) -> Self {
        Self { name, fields: Vec::new(), apart: Box::default() }
    }

    /// The same event with one more field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.fields.push((name, value.to_string()));
        self
    }

    /// The same event with the fields of a record.
    #[must_use]
    pub(crate) fn with_record(mut self, record: &Record) -> Self {
        self.fields.extend(record.fields().iter().map(|(name, value)| (*name, value.to_string())));
        self
    }

    /// The same event, logged at once although the same reason was logged for others lately, unless it was
    /// for the same `subject`.
    #[must_use]
    pub fn apart(mut self, subject: &str) -> Self {
        self.apart = subject.into();
        self
    }
}

/// The reasons that were said lately.
#[derive(Default)]
pub(crate) struct Said(Vec<Reason>);

struct Reason {
    kind: &'static str,
    why: String,
    /// See [`Event::apart`].
    subject: Box<str>,
    said_at: Instant,
    unsaid: u64,
}

impl Said {
    /// The line of an event, if it is to be said now.
    pub(crate) fn line(&mut self, event: &Event, why: &str, now: Instant, time_micros: u64) -> Option<Vec<u8>> {
        let why = shown(why, WHY_BYTES_MAX);
        let repeated = self.repeated(event.name, &why, &event.apart, now)?;
        let mut line = Map::new();
        line.insert("timeMicros".to_owned(), time_micros.into());
        line.insert("event".to_owned(), event.name.into());
        line.extend(event.fields.iter().map(|(name, value)| ((*name).to_owned(), printable(value).into())));
        line.insert("why".to_owned(), why.into());
        if repeated > 0 {
            line.insert("repeated".to_owned(), repeated.into());
        }
        serde_json::to_vec(&line).ok()
    }

    /// The same for a request of a surface that met an outage: how many others of its reason were left out before it.
    pub(crate) fn of_surface(&mut self, surface: &'static str, why: &str, now: Instant) -> Option<u64> {
        self.repeated(surface, &shown(why, WHY_BYTES_MAX), "", now)
    }

    /// If the reason is to be logged now, the number of times that it was not since the last time.
    fn repeated(&mut self, kind: &'static str, why: &str, subject: &str, now: Instant) -> Option<u64> {
        let is_same = |known: &&mut Reason| known.kind == kind && known.why == why && *known.subject == *subject;
        if let Some(known) = self.0.iter_mut().find(is_same) {
            if now.duration_since(known.said_at) < QUIET {
                known.unsaid += 1;
                return None;
            }
            known.said_at = now;
            return Some(std::mem::take(&mut known.unsaid));
        }
        if !self.has_room(kind, why) {
            let old = |known: &Reason| known.kind == kind && now.duration_since(known.said_at) >= QUIET;
            self.0.retain(|known| !old(known));
            if !self.has_room(kind, why) {
                return None;
            }
        }
        self.0.push(Reason { kind, why: why.to_owned(), subject: subject.into(), said_at: now, unsaid: 0 });
        Some(0)
    }

    /// True when another subject of this reason may be kept. However many there are, another
    /// reason is still said.
    fn has_room(&self, kind: &'static str, why: &str) -> bool {
        let same_kind = || self.0.iter().filter(|known| known.kind == kind);
        match same_kind().filter(|known| known.why == why).count() {
            0 => same_kind().map(|known| known.why.as_str()).collect::<BTreeSet<_>>().len() < REASONS_MAX,
            subjects => subjects < SUBJECTS_MAX,
        }
    }
}

/// A text, short enough to log and without characters that steer a terminal or turn other text around.
pub fn shown(text: &str, bytes_max: usize) -> String {
    let text = &text[..text.floor_char_boundary(bytes_max)];
    printable(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bonafide_types::is_printable;
    use serde_json::{Value, json};

    fn said(all: &mut Said, event: &Event, why: &str, now: Instant) -> Option<Value> {
        all.line(event, why, now, 7).map(|line| serde_json::from_slice(&line).unwrap())
    }

    #[test]
    fn a_reason_is_said_at_once_and_then_once_a_minute_with_how_often_it_came() {
        let (mut all, start) = (Said::default(), Instant::now());
        let line = json!({ "timeMicros": 7, "event": "followFailed", "why": "no disk" });
        assert_eq!(said(&mut all, &Event::named("followFailed"), "no disk", start), Some(line));
        for _ in 0..300 {
            assert_eq!(said(&mut all, &Event::named("followFailed"), "no disk", start + QUIET / 2), None);
        }
        // Another reason, and another kind with the same, are news.
        assert!(said(&mut all, &Event::named("followFailed"), "no network", start + QUIET / 2).is_some());
        assert!(said(&mut all, &Event::named("upkeepFailed"), "no disk", start + QUIET / 2).is_some());
        let line = json!({ "timeMicros": 7, "event": "followFailed", "why": "no disk", "repeated": 300 });
        assert_eq!(said(&mut all, &Event::named("followFailed"), "no disk", start + QUIET), Some(line));
    }

    #[test]
    fn an_outage_is_said_once_a_minute_for_each_surface_with_how_often_it_was_met() {
        let (mut all, start) = (Said::default(), Instant::now());
        assert_eq!(all.of_surface("public", "no disk", start), Some(0));
        for _ in 0..300 {
            assert_eq!(all.of_surface("public", "no disk", start + QUIET / 2), None);
        }
        assert_eq!(all.of_surface("hosts", "no disk", start + QUIET / 2), Some(0));
        assert!(said(&mut all, &Event::named("followFailed"), "no disk", start + QUIET / 2).is_some());
        assert_eq!(all.of_surface("public", "no disk", start + QUIET), Some(300));
        let flood = (0..1_000).filter(|n| all.of_surface("public", &n.to_string(), start).is_some()).count();
        assert_eq!(flood, REASONS_MAX - 1);
    }

    #[test]
    fn a_flood_of_reasons_is_bounded_and_hides_no_other_event() {
        let (mut all, start) = (Said::default(), Instant::now());
        let refused = Event::named("connectionRefused").with("surface", "hosts");
        let flood = (0..1_000).filter(|n| said(&mut all, &refused, &n.to_string(), start).is_some()).count();
        assert_eq!(flood, REASONS_MAX);
        let alarm = Event::named("signatureCheckFailed");
        assert!(said(&mut all, &alarm, "withheld", start).is_some());
        assert!(said(&mut all, &refused, "new", start + QUIET).is_some());
    }

    fn no_token(resource: &str, is_refused: bool) -> Event {
        let event = Event::named("tokenFetchFailed").with("resource", resource);
        if is_refused { event.apart(resource) } else { event }
    }

    #[test]
    fn each_subject_that_is_kept_apart_is_logged_and_many_of_them_hide_no_other_reason() {
        let (mut all, start) = (Said::default(), Instant::now());
        let why = "login refused: invalid_resource [500011]";
        for resource in ["https://nobody.example", "https://other.example/"] {
            let line = said(&mut all, &no_token(resource, true), why, start).unwrap();
            assert_eq!((&line["event"], &line["resource"]), (&"tokenFetchFailed".into(), &resource.into()));
            assert_eq!(line.as_object().unwrap().len(), 4, "{line}");
            assert_eq!(said(&mut all, &no_token(resource, true), why, start), None);
        }
        let many = |n: &i32| no_token(&n.to_string(), true);
        let more = (0..1_000).filter(|n| said(&mut all, &many(n), why, start).is_some()).count();
        assert_eq!(more, SUBJECTS_MAX - 2);
        assert!(said(&mut all, &no_token("new", true), why, start + QUIET).is_some());
        // An outage is said once, with the resource that met it first.
        let line = said(&mut all, &no_token("https://nobody.example", false), "no control plane", start).unwrap();
        assert_eq!(line["resource"], "https://nobody.example");
        assert_eq!(said(&mut all, &no_token("https://other.example/", false), "no control plane", start), None);
    }

    #[test]
    fn au_04_a_reason_is_short_and_steers_no_terminal() {
        let why = format!("\u{1b}[2J\n\u{9b}\u{202e}\u{200b}\"{}", "ä".repeat(1_000));
        let event = Event::named("watchFailed").with("resource", "\u{202e}gpj.exe");
        let line = Said::default().line(&event, &why, Instant::now(), 7).unwrap();
        let text = String::from_utf8(line).unwrap();
        assert!(text.len() < 650 && text.chars().all(is_printable), "{text}");
    }
}
