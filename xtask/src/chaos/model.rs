//! The model: for each key the value that was acknowledged last, and those that a request of unknown outcome may have
//! left. A key has one writer, so its requests follow one another.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::{Duration, Instant};

/// Longest time after which a request whose answer never came may still be carried out by the process that it was sent
/// to, which reads a body for so long. Source: `BODY_SECONDS_MAX` of the limits, twice.
const LATE: Duration = Duration::from_secs(30);
/// Entries of a key's history that are kept.
const HISTORY: usize = 40;

/// The value of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    /// There is no such resource.
    Absent,
    /// The resource was written by the request with this number.
    Present(u64),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("absent"),
            Self::Present(number) => write!(f, "{number}"),
        }
    }
}

/// The outcome of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was acknowledged.
    Done(u16),
    /// It was refused, and changed nothing.
    Refused(u16),
    /// It may have been carried out, or may still be.
    Unknown(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(status) => write!(f, "done ({status})"),
            Self::Refused(status) => write!(f, "refused ({status})"),
            Self::Unknown(why) => write!(f, "unknown ({why})"),
        }
    }
}

/// A value that a request of unknown outcome may have left.
#[derive(Debug, Clone, Copy)]
struct Open {
    value: Value,
    /// The process that it was sent to.
    life: u64,
    asked_at: Instant,
}

impl Open {
    fn may_come_late(&self, life: u64) -> bool {
        self.life == life && self.asked_at.elapsed() < LATE
    }
}

#[derive(Debug, Clone)]
struct Key {
    settled: Value,
    /// Since when it is settled, and nothing is open.
    since: Instant,
    open: Vec<Open>,
    history: VecDeque<String>,
}

/// A value that the model does not allow, with the history of its key.
#[derive(Debug, Clone)]
pub(super) struct Wrong(pub(super) String);

/// All keys.
#[derive(Debug, Clone)]
pub(super) struct Model {
    keys: BTreeMap<String, Key>,
    started: Instant,
}

impl Model {
    pub(super) fn new() -> Self {
        Self { keys: BTreeMap::new(), started: Instant::now() }
    }

    fn key(&mut self, name: &str) -> &mut Key {
        let fresh =
            || Key { settled: Value::Absent, since: Instant::now(), open: Vec::new(), history: VecDeque::new() };
        self.keys.entry(name.to_owned()).or_insert_with(fresh)
    }

    fn remember(&mut self, name: &str, what: String) {
        let at = self.started.elapsed().as_secs_f64();
        let history = &mut self.key(name).history;
        if history.len() == HISTORY {
            history.pop_front();
        }
        history.push_back(format!("{at:9.3} s  {what}"));
    }

    /// A write has ended, which was sent to process `life` and would have left `value`.
    pub(super) fn ended(&mut self, name: &str, what: &str, value: Value, outcome: &Outcome, life: u64) {
        self.remember(name, format!("{what} {value}: {outcome}, process {life}"));
        let key = self.key(name);
        match outcome {
            Outcome::Refused(_) => {}
            Outcome::Done(_) => {
                key.open.retain(|open| open.may_come_late(life));
                (key.settled, key.since) = (value, Instant::now());
            }
            Outcome::Unknown(_) => {
                key.open.retain(|open| open.value != value);
                key.open.push(Open { value, life, asked_at: Instant::now() });
            }
        }
    }

    /// A key was read from process `life`; an error when it cannot have that value.
    pub(super) fn seen(&mut self, name: &str, value: Value, life: u64) -> Result<(), Wrong> {
        self.remember(name, format!("read {value}, process {life}"));
        if !self.may_be(name, value) {
            return Err(self.wrong(name, &format!("is {value}")));
        }
        let key = self.key(name);
        if key.settled != value {
            (key.settled, key.since) = (value, Instant::now());
        }
        key.open.retain(|open| open.value != value && open.may_come_late(life));
        Ok(())
    }

    /// Tells whether a key can have a value.
    pub(super) fn may_be(&mut self, name: &str, value: Value) -> bool {
        let key = self.key(name);
        key.settled == value || key.open.iter().any(|open| open.value == value)
    }

    /// The fault of a key, with its history.
    pub(super) fn wrong(&mut self, name: &str, what: &str) -> Wrong {
        let key = self.key(name);
        let allowed: Vec<String> = std::iter::once(key.settled)
            .chain(key.open.iter().map(|open| open.value))
            .map(|it| it.to_string())
            .collect();
        let history: Vec<&str> = key.history.iter().map(String::as_str).collect();
        Wrong(format!("{name} {what}, and may be {}\n      {}", allowed.join(" or "), history.join("\n      ")))
    }

    /// The value of a key and since when, if it can have no other.
    pub(super) fn definite(&self, name: &str) -> Option<(Value, Instant)> {
        let key = self.keys.get(name)?;
        key.open.is_empty().then_some((key.settled, key.since))
    }

    /// The keys so far.
    pub(super) fn names(&self) -> Vec<String> {
        self.keys.keys().cloned().collect()
    }

    /// The store was put back as it was at `then`: histories go on, values are those of then.
    pub(super) fn put_back(&mut self, then: &Self) {
        for name in self.names() {
            let (settled, open) =
                then.keys.get(&name).map_or((Value::Absent, Vec::new()), |key| (key.settled, key.open.clone()));
            self.remember(&name, format!("the backup was put back: {settled}"));
            let key = self.key(&name);
            (key.settled, key.open, key.since) = (settled, open, Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DONE: Outcome = Outcome::Done(200);

    fn unknown() -> Outcome {
        Outcome::Unknown("no answer".to_owned())
    }

    #[test]
    fn av_12_a_lost_write_a_revived_deletion_and_a_foreign_value_are_wrong() {
        let mut model = Model::new();
        model.ended("k", "PUT", Value::Present(1), &DONE, 1);
        assert!(model.seen("k", Value::Absent, 2).is_err());
        assert!(model.seen("k", Value::Present(7), 2).is_err());
        assert!(model.seen("k", Value::Present(1), 2).is_ok());
        model.ended("k", "DELETE", Value::Absent, &DONE, 2);
        let wrong = model.seen("k", Value::Present(1), 2).unwrap_err();
        assert!(wrong.0.contains("DELETE absent: done (200)"), "{}", wrong.0);
    }

    #[test]
    fn av_12_an_unknown_outcome_may_be_either_until_a_later_process_was_read() {
        let mut model = Model::new();
        model.ended("k", "PUT", Value::Present(1), &DONE, 1);
        model.ended("k", "PUT", Value::Present(2), &unknown(), 1);
        assert!(model.definite("k").is_none());
        // It may still come while the process lives.
        assert!(model.seen("k", Value::Present(1), 1).is_ok());
        assert!(model.seen("k", Value::Present(2), 1).is_ok());
        assert!(model.seen("k", Value::Present(1), 1).is_err());
        model.ended("k", "PUT", Value::Present(3), &unknown(), 1);
        assert!(model.seen("k", Value::Present(2), 2).is_ok());
        assert!(model.seen("k", Value::Present(3), 2).is_err(), "its process is gone");
    }

    #[test]
    fn av_12_a_refusal_changes_nothing() {
        let mut model = Model::new();
        model.ended("k", "PUT", Value::Present(1), &Outcome::Refused(429), 1);
        assert_eq!(model.definite("k").map(|(value, _)| value), Some(Value::Absent));
    }
}
