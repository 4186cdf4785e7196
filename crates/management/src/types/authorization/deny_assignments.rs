//! `{scope}/providers/Microsoft.Authorization/denyAssignments`: there are none, and none can be made. Azure makes them for
//! deployment stacks and managed applications, neither of which is served.

use super::role_assignments::check_scope;
use crate::command::Call;
use crate::fault::Fault;
use crate::filter;
use crate::order::access::Access;
use crate::outcome::Outcome;
use crate::resource_type::{ListRight, Own, ResourceType, Rows};
use bonafide_store::ReadTx;
use bonafide_types::Excerpt;
use serde_json::json;

pub(crate) static DENY_ASSIGNMENTS: ResourceType = ResourceType {
    name: "Microsoft.Authorization/denyAssignments",
    rows: Rows::Own(&Own { get: Some(get), list: Some((ListRight::Granted, list)), ..Own::NOTHING }),
    ..ResourceType::PLAIN
};

fn list(_tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    check_scope(access, call.own()?.0)?;
    // Of an empty list every filter that can be read chooses nothing.
    let _ = filter::read_any(call.command.query.get("$filter"))?;
    Ok(Outcome::shown(json!({ "value": [] })))
}

fn get(_tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let (scope, name) = call.own()?;
    check_scope(access, scope)?;
    Err(Fault::DenyAssignmentNotFound(Excerpt::of(name).into()))
}
