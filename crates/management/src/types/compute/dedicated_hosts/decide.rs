//! `enable` and `disable`. A host that is disabled is refused from its next request on, and its agent forgets its keys and
//! tokens; its placements stay, so that a host that is enabled again, and has joined anew, goes on with what it ran.
//! **Ours.**

use crate::fault::Fault;
use crate::order::write::Write;
use crate::resource_type::{Action, Beside, Run};
use bonafide_core::lifecycle;
use bonafide_core::placement::host_of;
use http::Method;
use serde_json::{Value, json};

pub(super) const ENABLE: Action =
    action("enable", "enable/action", &Beside { links: |_| Ok(Vec::new()), run: |write| decide(write, true) });

pub(super) const DISABLE: Action =
    action("disable", "disable/action", &Beside { links: |_| Ok(Vec::new()), run: |write| decide(write, false) });

const fn action(name: &'static str, right: &'static str, run: &'static Beside) -> Action {
    Action { method: Method::POST, name, right, run: Run::Beside(run) }
}

fn decide(write: &mut Write<'_, '_>, enabled: bool) -> Result<Value, Fault> {
    let (world, tenant, host) = (&write.call.cx.world, write.new.tenant, host_of(write.uuid));
    let decided = lifecycle::decide_host(write.tx, world, write.allowed, tenant, host, enabled)?;
    let decided = decided.ok_or_else(|| Fault::absent(&write.new.id))?;
    Ok(json!({ "hostId": host.to_string(), "enabled": decided.enabled }))
}
