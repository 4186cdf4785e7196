//! Reports of a host on the endpoint of an extension.

use crate::{Cx, Fault};
use bonafide_core::placement::{self, EXTENSION_STATUS, ExtensionStatus, HOSTS, Host, PLACEMENTS};
use bonafide_store::Read;
use bonafide_types::{HostId, ResourceUuid, printable};
use bonafide_wire::Reply;
use bonafide_wire::hosts::{DETAIL_CHARS_MAX, ExtensionReport, ExtensionState};
use http::StatusCode;

/// Takes down the state of an endpoint. Only a host that runs the workload is heard, and only about the run that is
/// asked for now: a report that was on its way says nothing of the next.
pub(crate) fn report(
    cx: &Cx<'_>,
    host: HostId,
    workload: ResourceUuid,
    report: &ExtensionReport,
) -> Result<Reply, Fault> {
    let detail: String = printable(&report.detail).chars().take(DETAIL_CHARS_MAX).collect();
    let new = ExtensionStatus { run: report.run, state: state(report.state), detail, at: cx.world.now };
    cx.store.write(|tx| {
        tx.get(&HOSTS, &host)?.filter(Host::may_speak).ok_or(Fault::UnknownHost(host))?;
        let key = (host, workload);
        let placement = tx.get(&PLACEMENTS, &key)?.ok_or(Fault::NotPlaced)?;
        placement.extension.filter(|extension| extension.run == new.run).ok_or(Fault::OtherRun)?;
        let is_known = tx.get(&EXTENSION_STATUS, &key)?.is_some_and(|old| ExtensionStatus { at: new.at, ..old } == new);
        if is_known {
            return Ok(());
        }
        Ok::<_, Fault>(tx.put(&EXTENSION_STATUS, &key, &new)?)
    })?;
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

fn state(said: ExtensionState) -> placement::ExtensionState {
    match said {
        ExtensionState::Answers => placement::ExtensionState::Answers,
        ExtensionState::Stopped => placement::ExtensionState::Stopped,
        ExtensionState::LoginNotResolved => placement::ExtensionState::LoginNotResolved,
        ExtensionState::PortTaken => placement::ExtensionState::PortTaken,
        ExtensionState::NoForwarder => placement::ExtensionState::NoForwarder,
        ExtensionState::OtherSystem => placement::ExtensionState::OtherSystem,
        ExtensionState::Failed => placement::ExtensionState::Failed,
    }
}
