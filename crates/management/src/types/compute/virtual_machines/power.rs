//! `start`, `powerOff`, `deallocate` and `restart`: a machine that is switched off has its identities on no
//! host, so that its endpoint serves no token.

use crate::fault::Fault;
use crate::order::write::Write;
use crate::resource_type::{Action, Run};
use crate::types::compute::extensions;
use bonafide_core::directory::Power;
use http::Method;

pub(super) const START: Action = switch("start", "start/action", |write| {
    write.new.power = Power::Running;
    extensions::restart(write)
});

pub(super) const POWER_OFF: Action = switch("powerOff", "powerOff/action", |write| {
    // One that has no place has none to keep.
    if write.new.power != Power::Deallocated {
        write.new.power = Power::Stopped;
    }
    Ok(())
});

pub(super) const DEALLOCATE: Action = switch("deallocate", "deallocate/action", |write| {
    write.new.power = Power::Deallocated;
    Ok(())
});

/// A machine that is switched off is started, not restarted.
pub(super) const RESTART: Action = switch("restart", "restart/action", |write| {
    if write.new.power.is_running() {
        return extensions::restart(write);
    }
    Err(Fault::NotAllowedNow { operation: "restart", id: write.new.id.clone(), state: "not running" })
});

const fn switch(
    name: &'static str,
    right: &'static str,
    change: fn(&mut Write<'_, '_>) -> Result<(), Fault>,
) -> Action {
    Action { method: Method::POST, name, right, run: Run::Change(change) }
}
