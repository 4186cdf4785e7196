//! The state of an extension that serves tokens: what the hosts of its machine report, and nothing else.

use super::asked::{self, properties};
use crate::resource_type::Stored;
use crate::types::compute::system;
use bonafide_core::directory::Resource;
use bonafide_core::lifecycle::ExtensionHost;
use bonafide_core::placement::{ExtensionState, ExtensionStatus};
use bonafide_store::StoreError;
use bonafide_types::{ResourceUuid, Timestamp};
use uuid::Uuid;

/// Time within which a host is to report, in seconds. Source: ours; a host hears of a change at once, and opening a port
/// and resolving a name take a few seconds at most.
pub(super) const REPORT_SECONDS: u64 = 120;

/// The state of an extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Provisioning {
    /// A host reports that the endpoint answers.
    Answers,
    /// It answered, and a host reports that it stopped.
    Stopped(String),
    /// A host is to report.
    Pending,
    /// It does not serve tokens.
    Failed(Cause),
}

/// The reason why an extension does not serve tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The machine runs another operating system.
    OtherSystem,
    /// It was stored by a version that served no extension.
    NeverAsked,
    /// The machine is on no host.
    NoHost,
    /// No host of the machine serves the dialect.
    NotServed,
    /// No host reported in time.
    NoReport,
    /// The machine does not take it.
    Refused(String),
    /// The report of a host.
    Reported(ExtensionState, String),
}

/// The state of an extension that serves tokens.
pub(super) fn provisioning(
    tx: &dyn Stored,
    (uuid, machine): (ResourceUuid, &Resource),
    extension: &Resource,
    now: Timestamp,
) -> Result<Provisioning, StoreError> {
    let Some(asked) = extension.extension else {
        let wanted = asked::system(&properties(&extension.body)).ok().flatten();
        let is = system::of_machine(&machine.body);
        let differs = wanted.zip(is).is_some_and(|(wanted, is)| wanted != is);
        return Ok(Provisioning::Failed(if differs { Cause::OtherSystem } else { Cause::NeverAsked }));
    };
    Ok(state(&tx.extension_hosts(uuid)?, asked.run, extension.changed_at, now))
}

/// The state by the reports of all hosts of a machine on the run that was asked for at `since`.
fn state(hosts: &[ExtensionHost], run: Uuid, since: Timestamp, now: Timestamp) -> Provisioning {
    let reports: Vec<&ExtensionStatus> =
        hosts.iter().filter_map(|host| host.status.as_ref()).filter(|status| status.run == run).collect();
    if reports.iter().any(|report| report.state == ExtensionState::Answers) {
        return Provisioning::Answers;
    }
    let serving = hosts.iter().filter(|host| host.serves).count();
    // A host that says nothing more may have reported before: that is no reason to wait for it.
    let still_to_report = hosts.iter().filter(|host| host.serves && !host.has_reported(run)).count();
    if still_to_report > 0 && now < since.plus_seconds(REPORT_SECONDS) {
        return Provisioning::Pending;
    }
    match reports.first() {
        Some(report) if report.state == ExtensionState::Stopped => Provisioning::Stopped(report.detail.clone()),
        Some(report) => Provisioning::Failed(Cause::Reported(report.state, report.detail.clone())),
        None if hosts.is_empty() => Provisioning::Failed(Cause::NoHost),
        None if serving == 0 => Provisioning::Failed(Cause::NotServed),
        None => Provisioning::Failed(Cause::NoReport),
    }
}

impl Cause {
    /// The cause and the way out of it, in sentences.
    pub(crate) fn text(&self, machine: &str) -> String {
        let (cause, detail) = match self {
            Self::OtherSystem => (OTHER_SYSTEM.to_owned(), ""),
            Self::NeverAsked => {
                ("The extension was stored before extensions were served: write it once more.".to_owned(), "")
            }
            Self::NoHost => (
                format!(
                    "The machine '{machine}' is on no host: put it on one that serves the extension, and write the extension once more. {INSTEAD}"
                ),
                "",
            ),
            Self::NotServed => (
                format!("No host that runs the machine '{machine}' serves the endpoint of the extension. {INSTEAD}"),
                "",
            ),
            Self::NoReport => (
                format!(
                    "No host that runs the machine '{machine}' has reported within {REPORT_SECONDS} seconds: see that its agent runs, and restart the machine or write the extension once more."
                ),
                "",
            ),
            Self::Refused(refusal) => (refusal.clone(), ""),
            Self::Reported(state, detail) => (reported(*state).to_owned(), detail.as_str()),
        };
        if detail.is_empty() { cause } else { format!("{cause} The host says: {detail}") }
    }
}

/// The endpoint that needs no extension.
const INSTEAD: &str = "The metadata endpoint http://169.254.169.254/metadata/identity/oauth2/token gives the same tokens without an extension.";

pub(crate) const OTHER_SYSTEM: &str = "The extension is for another operating system than the machine's: delete it, and take ManagedIdentityExtensionForLinux on Linux and ManagedIdentityExtensionForWindows on Windows.";

fn reported(state: ExtensionState) -> &'static str {
    match state {
        ExtensionState::LoginNotResolved => {
            "The DNS lookup of the token service failed on the host: restart the machine, and try again."
        }
        ExtensionState::PortTaken => {
            "The port is taken by another process of the machine: stop that, or name another port in the settings, and write the extension once more."
        }
        ExtensionState::NoForwarder => {
            "The machine has a kernel of its own, and nothing in it passes requests on to its host: install the forwarder in it, and restart the machine."
        }
        ExtensionState::OtherSystem => OTHER_SYSTEM,
        ExtensionState::Answers | ExtensionState::Stopped | ExtensionState::Failed => {
            "The host could not serve the endpoint: restart the machine, or write the extension once more."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: Uuid = Uuid::from_u128(1);
    const ASKED: Timestamp = Timestamp::from_unix_seconds(1_000);

    fn host(serves: bool, report: Option<(u128, ExtensionState)>) -> ExtensionHost {
        let status = report.map(|(run, state)| ExtensionStatus {
            run: Uuid::from_u128(run),
            state,
            detail: String::new(),
            at: ASKED,
        });
        ExtensionHost { serves, status }
    }

    fn state_of(hosts: &[ExtensionHost], after_seconds: u64) -> Provisioning {
        state(hosts, RUN, ASKED, ASKED.plus_seconds(after_seconds))
    }

    #[test]
    fn an_extension_answers_only_where_a_host_reports_it_of_the_run_that_was_asked_for() {
        let answers = host(true, Some((1, ExtensionState::Answers)));
        let old = host(true, Some((2, ExtensionState::Answers)));
        let failed = host(true, Some((1, ExtensionState::PortTaken)));
        assert_eq!(state_of(std::slice::from_ref(&answers), 0), Provisioning::Answers);
        assert_eq!(state_of(&[failed.clone(), answers], 0), Provisioning::Answers);
        assert_eq!(state_of(std::slice::from_ref(&old), 0), Provisioning::Pending);
        assert_eq!(state_of(&[failed.clone(), old.clone()], 0), Provisioning::Pending);
        assert_eq!(state_of(&[old], REPORT_SECONDS), Provisioning::Failed(Cause::NoReport));
        let taken = Cause::Reported(ExtensionState::PortTaken, String::new());
        assert_eq!(state_of(&[failed], 0), Provisioning::Failed(taken));
    }

    #[test]
    fn nothing_is_waited_for_where_nobody_could_report() {
        assert_eq!(state_of(&[], 0), Provisioning::Failed(Cause::NoHost));
        assert_eq!(state_of(&[host(false, None)], 0), Provisioning::Failed(Cause::NotServed));
        let stopped = host(false, Some((1, ExtensionState::Stopped)));
        assert_eq!(state_of(&[stopped], 0), Provisioning::Stopped(String::new()));
        assert_eq!(state_of(&[host(true, None), host(false, None)], 0), Provisioning::Pending);
    }

    #[test]
    fn every_cause_says_what_helps() {
        use ExtensionState as State;
        let reports =
            [State::LoginNotResolved, State::PortTaken, State::NoForwarder, State::OtherSystem, State::Failed];
        let causes = reports.into_iter().map(|state| Cause::Reported(state, "x".to_owned()));
        let others = [Cause::OtherSystem, Cause::NeverAsked, Cause::NoHost, Cause::NotServed, Cause::NoReport];
        let mut texts: Vec<String> = causes.chain(others).map(|cause| cause.text("web")).collect();
        assert!(texts.iter().all(|text| text.contains("once more")
            || text.contains("restart")
            || text.contains("delete")
            || text.contains(INSTEAD)));
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), 10);
    }
}
