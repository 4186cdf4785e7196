//! `start`, `powerOff`, `deallocate` and `restart`: a machine that is switched off has its identities on no
//! host, so that its endpoint serves no token.

use super::events;
use crate::fault::Fault;
use crate::order::write::Write;
use crate::resource_type::{Action, Run};
use crate::types::compute::extensions;
use bonafide_core::directory::Power;
use http::Method;

pub(crate) const START: Action = switch("start", "start/action", |write| {
    write.new.power = Power::Running;
    extensions::restart(write)
});

pub(crate) const POWER_OFF: Action = switch("powerOff", "powerOff/action", |write| {
    // One that has no place has none to keep.
    if write.new.power != Power::Deallocated {
        write.new.power = Power::Stopped;
    }
    Ok(())
});

pub(crate) const DEALLOCATE: Action = switch("deallocate", "deallocate/action", |write| {
    write.new.power = Power::Deallocated;
    Ok(())
});

/// A machine that is switched off is started, not restarted.
pub(crate) const RESTART: Action = switch("restart", "restart/action", |write| {
    if write.new.power.is_running() {
        return if events::restart(write)? { Ok(()) } else { extensions::restart(write) };
    }
    Err(Fault::NotAllowedNow { operation: "restart", id: write.new.id.clone(), state: "not running" })
});

/// Commands to what runs in a machine, where nothing of the control plane changes: it is made anew from the same
/// resource.
pub(crate) const REAPPLY: Action = switch("reapply", "reapply/action", |_| Ok(()));
pub(crate) const REDEPLOY: Action = switch("redeploy", "redeploy/action", events::redeploy);
pub(crate) const REIMAGE: Action = switch("reimage", "reimage/action", |_| Ok(()));
pub(crate) const REIMAGE_ALL: Action = switch("reimageAll", "reimageAll/action", |_| Ok(()));

/// A machine is generalized when it is off.
pub(crate) const GENERALIZE: Action = switch("generalize", "generalize/action", |write| {
    if write.new.power.is_running() {
        return Err(Fault::NotAllowedNow { operation: "generalize", id: write.new.id.clone(), state: "running" });
    }
    Ok(())
});

pub(crate) const SIMULATE_EVICTION: Action = Action {
    method: Method::POST,
    name: "simulateEviction",
    right: "simulateEviction/action",
    run: Run::Quietly(events::evict),
};

const fn switch(
    name: &'static str,
    right: &'static str,
    change: fn(&mut Write<'_, '_>) -> Result<(), Fault>,
) -> Action {
    Action { method: Method::POST, name, right, run: Run::Change(change) }
}
