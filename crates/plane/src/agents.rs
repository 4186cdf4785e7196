//! The agents that run in this process, as they tell of themselves.

use bonafide_types::Timestamp;
use std::sync::OnceLock;
use std::time::Duration;

/// Longest time without an answer of the control plane after which an agent counts as cut off, in seconds. Source: ours;
/// three waits for changes (`DESIRED_WAIT_SECONDS_MAX`).
const SILENCE_SECONDS_MAX: u64 = 90;

/// An agent's own account of itself.
#[derive(Debug, Clone)]
pub struct AgentReport {
    /// The name of its host.
    pub host: String,
    /// The end of its certificate; `None` while it has none.
    pub certificate_ends_at: Option<Timestamp>,
    /// The time since the control plane answered last; `None` before the first answer.
    pub silence: Option<Duration>,
    /// The use of its certificate.
    pub membership: Membership,
}

/// The use of an agent's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// It is valid.
    Valid,
    /// It has expired, is not valid yet, or there is none: the agent joins anew.
    Expired,
    /// The host is frozen.
    Frozen,
    /// The host is disabled.
    Disabled,
}

impl AgentReport {
    /// Its state in words; `ok` when it can get new tokens.
    pub(crate) fn word(&self) -> &'static str {
        match self.membership {
            Membership::Frozen => "frozen",
            Membership::Disabled => "disabled",
            Membership::Expired => "certificate expired",
            Membership::Valid if self.silence.is_none_or(|silence| silence.as_secs() > SILENCE_SECONDS_MAX) => {
                "no contact"
            }
            Membership::Valid => "ok",
        }
    }
}

/// Asks the agent of this process; `None` once it is gone.
type Probe = Box<dyn Fn() -> Option<AgentReport> + Send + Sync>;

/// The agent of this process, once it runs.
#[derive(Default)]
pub(crate) struct OwnAgent(OnceLock<Probe>);

impl OwnAgent {
    /// Tells how it is asked. The first one stays.
    pub(crate) fn set(&self, probe: Probe) {
        let _ = self.0.set(probe);
    }

    /// Its report, if there is one.
    pub(crate) fn report(&self) -> Option<AgentReport> {
        self.0.get().and_then(|probe| probe())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn av_07_an_agent_that_gets_no_new_tokens_does_not_say_that_it_is_well() {
        let report = |membership, silence: Option<u64>| AgentReport {
            host: "local".to_owned(),
            certificate_ends_at: None,
            silence: silence.map(Duration::from_secs),
            membership,
        };
        for (membership, silence, word) in [
            (Membership::Valid, Some(0), "ok"),
            (Membership::Valid, Some(SILENCE_SECONDS_MAX), "ok"),
            (Membership::Valid, Some(SILENCE_SECONDS_MAX + 1), "no contact"),
            (Membership::Valid, None, "no contact"),
            (Membership::Expired, Some(0), "certificate expired"),
            (Membership::Frozen, Some(0), "frozen"),
            (Membership::Disabled, Some(0), "disabled"),
        ] {
            assert_eq!(report(membership, silence).word(), word);
        }
    }
}
