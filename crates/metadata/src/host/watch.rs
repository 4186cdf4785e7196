//! Watching what is to run on this host.

use super::Refused;
use crate::agent::Agent;
use bonafide_types::{Entropy, ObjectId};
use bonafide_wire::hosts::{DESIRED_PATH, Desired};
use http::StatusCode;
use std::collections::HashSet;
use std::time::Duration;

/// Longest pause after a failure, doubled up to the second figure. Source: ours.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// The place in the control plane's changes up to which a host has applied them.
pub struct Watch {
    cursor: Option<String>,
    pause: Duration,
}

/// The reason why the control plane's answer cannot be applied.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The control plane refused.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The answer cannot be read.
    #[error(transparent)]
    Malformed(#[from] serde_json::Error),
}

impl Default for Watch {
    fn default() -> Self {
        Self { cursor: None, pause: PAUSE.0 }
    }
}

impl Watch {
    /// The path to ask: for everything at first, and then for changes, waiting `wait_seconds` for one.
    pub fn path(&self, wait_seconds: u64) -> String {
        match &self.cursor {
            None => DESIRED_PATH.to_owned(),
            Some(after) => format!("{DESIRED_PATH}?after={after}&wait={wait_seconds}"),
        }
    }

    /// The place itself: the next request says that everything up to there was taken over.
    pub fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// The changes since `cursor` are asked for again.
    pub fn go_back_to(&mut self, cursor: Option<String>) {
        self.cursor = cursor;
    }

    /// True for an answer that says that nothing has changed.
    pub fn is_quiet(&self, status: StatusCode, body: &[u8]) -> bool {
        let desired = serde_json::from_slice::<Desired>(body).ok().filter(|_| status == StatusCode::OK);
        desired.is_some_and(|desired| {
            self.cursor.is_some() && !desired.complete && desired.workloads.is_empty() && desired.removed.is_empty()
        })
    }

    /// Applies an answer to `agent`. Where something changed it returns the identities that are placed here now:
    /// keys of others are to be removed.
    ///
    /// # Errors
    /// [`WatchError`]; the agent is as it was, and the same changes are asked for again.
    pub fn apply(
        &mut self,
        status: StatusCode,
        body: &[u8],
        agent: &Agent,
    ) -> Result<Option<HashSet<ObjectId>>, WatchError> {
        if status != StatusCode::OK {
            return Err(Refused::read(body).into());
        }
        let mut desired: Desired = serde_json::from_slice(body)?;
        if let Some(nonce) = desired.nonce.take() {
            agent.login_nonce().hear(nonce);
        }
        self.cursor = Some(desired.cursor.clone());
        self.pause = PAUSE.0;
        if !desired.complete && desired.workloads.is_empty() && desired.removed.is_empty() {
            return Ok(None);
        }
        agent.apply(desired);
        let workloads = agent.workloads();
        let identities = workloads.iter().flat_map(|workload| &workload.identities);
        Ok(Some(identities.map(|identity| identity.principal_id).collect()))
    }

    /// The pause after a failure: any up to the longest, which is longer after each one. So the many agents that lost a
    /// control plane at once do not come back at once (OV-06).
    pub fn pause(&mut self, entropy: &dyn Entropy) -> Duration {
        let longest = self.pause;
        self.pause = (longest * 2).min(PAUSE.1);
        entropy.part_of(longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::Options;
    use bonafide_crypto::SystemEntropy;
    use serde_json::json;

    #[test]
    fn everything_is_asked_for_once_and_then_changes() {
        let (mut watch, agent) = (Watch::default(), Agent::new(Options::default()));
        assert_eq!(watch.path(30), DESIRED_PATH);
        let mut answer = |complete: bool, cursor: &str| {
            let body = json!({ "cursor": cursor, "complete": complete, "workloads": [], "removed": [] }).to_string();
            watch.apply(StatusCode::OK, body.as_bytes(), &agent).unwrap()
        };
        assert_eq!(answer(true, "7"), Some(HashSet::new()));
        assert_eq!(answer(false, "8"), None);
        assert_eq!(watch.path(30), format!("{DESIRED_PATH}?after=8&wait=30"));
        assert!(watch.apply(StatusCode::FORBIDDEN, b"", &agent).is_err());
        assert!(watch.apply(StatusCode::OK, b"{}", &agent).is_err());
        assert_eq!(watch.path(30), format!("{DESIRED_PATH}?after=8&wait=30"));
    }

    #[test]
    fn ov_06_pauses_double_until_an_answer_comes_and_a_thousand_agents_do_not_come_back_together() {
        const LONGEST: [u128; 8] = [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000];
        let mut together = [[0; 10]; LONGEST.len()];
        for _ in 0..1_000 {
            let mut watch = Watch::default();
            for (longest, together) in LONGEST.iter().zip(&mut together) {
                let pause = watch.pause(&SystemEntropy).as_micros();
                assert!(pause < longest * 1_000, "{pause}");
                together[usize::try_from(10 * pause / (longest * 1_000)).unwrap()] += 1;
            }
        }
        // A tenth of the agents in each tenth of the pause, or nearly.
        assert!(together.iter().flatten().all(|agents| (40..180).contains(agents)), "{together:?}");
        let (mut watch, agent) = (Watch::default(), Agent::new(Options::default()));
        for _ in 0..8 {
            watch.pause(&SystemEntropy);
        }
        let body = br#"{"cursor":"1","complete":false,"workloads":[],"removed":[]}"#;
        watch.apply(StatusCode::OK, body, &agent).unwrap();
        assert!(watch.pause(&SystemEntropy) < PAUSE.0);
    }
}
