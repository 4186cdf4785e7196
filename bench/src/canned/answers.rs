//! Recorded answers, by what asked for them.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Characters of a UUID.
const UUID_CHARS: usize = 36;

/// A recorded answer.
#[derive(Debug, Clone)]
pub(crate) struct Canned {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The beginning of the last part of a name that az gives a deployment; letters and digits of chance follow, others in each
/// run (`vm_deploy_…` of azure-cli 2.91).
const NAMED_BY_CHANCE: &str = "_deploy_";

/// Answers in the order in which they came, for each method and target. A UUID that a request has before any answer names it
/// is the client's own, as the name of a new role assignment is, and another in each run: any stands for it. So it is with
/// the names of deployments.
#[derive(Debug, Default)]
pub(crate) struct Answers(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    named: HashSet<String>,
    own: HashSet<String>,
    answers: HashMap<String, VecDeque<Canned>>,
    missing: Vec<String>,
}

impl Answers {
    pub(crate) fn record(&self, method: &Method, target: &str, answer: Canned) {
        let mut inner = self.inner();
        let own: Vec<_> = uuids(target).map(str::to_lowercase).filter(|uuid| !inner.named.contains(uuid)).collect();
        inner.own.extend(own);
        let key = inner.key(method, target);
        inner.name(&String::from_utf8_lossy(&answer.body));
        inner.answers.entry(key).or_default().push_back(answer);
    }

    /// A UUID that the client knows without any answer.
    pub(crate) fn name(&self, text: &str) {
        self.inner().name(text);
    }

    /// A copy with all answers of the beginning.
    pub(crate) fn again(&self) -> Self {
        let inner = self.inner();
        let (named, own) = (inner.named.clone(), inner.own.clone());
        Self(Mutex::new(Inner { named, own, answers: inner.answers.clone(), missing: Vec::new() }))
    }

    /// The next answer; the last one again when there is no other, for who polls may ask more often than in the recording.
    pub(crate) fn next(&self, method: &Method, target: &str) -> Option<Canned> {
        let mut inner = self.inner();
        let key = inner.key(method, target);
        let Some(left) = inner.answers.get_mut(&key) else {
            inner.missing.push(key);
            return None;
        };
        if left.len() > 1 { left.pop_front() } else { left.front().cloned() }
    }

    /// Requests that the recording has no answer to.
    pub(crate) fn missing(&self) -> Vec<String> {
        self.inner().missing.clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.inner().answers.values().map(VecDeque::len).sum()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// A UUID of the client's own stays so when an answer repeats it.
    fn name(&mut self, text: &str) {
        let named: Vec<_> = uuids(text).map(str::to_lowercase).filter(|uuid| !self.own.contains(uuid)).collect();
        self.named.extend(named);
    }

    fn key(&self, method: &Method, target: &str) -> String {
        let mut key = format!("{method} {target}");
        let own: Vec<String> =
            uuids(target).filter(|uuid| !self.named.contains(&uuid.to_lowercase())).map(str::to_owned).collect();
        for uuid in own {
            key = key.replace(&uuid, "*");
        }
        without_chance(&key)
    }
}

/// A target with one sign in place of what chance gave to names.
fn without_chance(key: &str) -> String {
    let mut parts = key.split(NAMED_BY_CHANCE);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |before, part| {
        let rest = part.trim_start_matches(|sign: char| sign.is_ascii_alphanumeric());
        format!("{before}{NAMED_BY_CHANCE}*{rest}")
    })
}

/// The UUIDs in a text.
fn uuids(text: &str) -> impl Iterator<Item = &str> {
    (0..text.len()).filter_map(move |at| text.get(at..at + UUID_CHARS).filter(|part| is_uuid(part)))
}

fn is_uuid(text: &str) -> bool {
    text.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canned(body: &str) -> Canned {
        Canned { status: StatusCode::OK, headers: HeaderMap::new(), body: body.to_owned().into() }
    }

    #[test]
    fn answers_come_in_their_order_and_the_last_one_again() {
        let answers = Answers::default();
        for body in ["one", "two"] {
            answers.record(&Method::GET, "/a?b=c", canned(body));
        }
        let replayed = answers.again();
        let next = || replayed.next(&Method::GET, "/a?b=c").map(|answer| answer.body);
        assert_eq!([next(), next(), next()], [Some("one".into()), Some("two".into()), Some("two".into())]);
        assert!(replayed.next(&Method::PUT, "/a?b=c").is_none());
        assert_eq!(replayed.missing(), ["PUT /a?b=c"]);
        assert_eq!((answers.count(), answers.missing().len()), (2, 0));
    }

    #[test]
    fn a_deployment_that_az_named_by_chance_stands_for_any() {
        let answers = Answers::default();
        let target = |chance: &str| format!("/g/deployments/vm_deploy_{chance}?api-version=1");
        answers.record(&Method::PUT, &target("sHXqiYXqt44"), canned("made"));
        let next = |target: String| answers.next(&Method::PUT, &target).map(|answer| answer.body);
        assert_eq!(next(target("POPBBIy9Jxo")), Some("made".into()));
        assert_eq!(next("/g/deployments/other_deploy_POPBBIy9Jxo?api-version=1".to_owned()), None);
    }

    #[test]
    fn a_uuid_that_no_answer_named_stands_for_any() {
        let (ours, theirs, other) = (
            "00000000-0000-4000-8000-000000000001",
            "00000000-0000-4000-8000-000000000002",
            "00000000-0000-4000-8000-000000000003",
        );
        let answers = Answers::default();
        answers.name(ours);
        answers.record(&Method::PUT, &format!("/s/{ours}/r/{theirs}"), canned(theirs));
        answers.record(&Method::GET, &format!("/s/{ours}/r/{theirs}"), canned("seen"));
        let next = |method, target: String| answers.next(&method, &target).map(|answer| answer.body);
        assert_eq!(next(Method::PUT, format!("/s/{ours}/r/{other}")), Some(theirs.to_owned().into()));
        // In the answer that is replayed it is that of the recording.
        assert_eq!(next(Method::GET, format!("/s/{ours}/r/{theirs}")), Some("seen".into()));
        assert_eq!(next(Method::PUT, format!("/s/{other}/r/{other}")), None);
    }
}
