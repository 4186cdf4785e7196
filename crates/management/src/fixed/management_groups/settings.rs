//! `…/managementGroups/{root}/settings/default`: the settings of a tenant's hierarchy, and its backfill.
//!
//! Source: the package azure-mgmt-managementgroups 1.0.0 in azure-cli 2.91, whose SDK takes 200 alone.

use super::{found, id_of, sent};
use crate::command::Call;
use crate::fault::Fault;
use crate::order::access::Access;
use crate::order::conditions;
use crate::outcome::{Outcome, Shown};
use bonafide_core::access::{Allowed, management_groups};
use bonafide_core::directory::root_group_of;
use bonafide_store::{Absence, Read, ReadTx, Table, Tx};
use bonafide_types::{ManagementGroupUuid, TenantId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(super) const READ: &str = "Microsoft.Management/managementGroups/settings/read";
pub(super) const WRITE: &str = "Microsoft.Management/managementGroups/settings/write";
pub(super) const DELETE: &str = "Microsoft.Management/managementGroups/settings/delete";

const TYPE: &str = "Microsoft.Management/managementGroups/settings";

/// The settings of a tenant. Who makes a group needs the right where it is to lie, whatever they say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Settings {
    /// The group in which new subscriptions are to lie; `None` for the root group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    default_group: Option<ManagementGroupUuid>,
}

/// Settings by tenant. Without a row the root group takes new subscriptions, where fewest roles are held.
const SETTINGS: Table<TenantId, Settings> = Table::new("hierarchy-settings", Absence::Withholds);

/// The tenant of a call about its settings. They are those of the root group.
fn tenant(call: &Call<'_>, access: &Access) -> Result<TenantId, Fault> {
    let tenant = call.command.by.tenant;
    match found(call, access)? == root_group_of(tenant) {
        true => Ok(tenant),
        false => Err(Fault::HierarchySettingsElsewhere(tenant)),
    }
}

/// Lists the settings that were made: one or none.
pub(super) fn list(tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let tenant = tenant(call, access)?;
    let value: Vec<Value> = match tx.get(&SETTINGS, &tenant)? {
        Some(settings) => vec![show(tx, tenant, &settings)?],
        None => Vec::new(),
    };
    Ok(Outcome::shown(json!({ "value": value })))
}

pub(super) fn get(tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let tenant = tenant(call, access)?;
    let settings = tx.get(&SETTINGS, &tenant)?.ok_or(Fault::HierarchySettingsNotFound)?;
    shown(tx, tenant, &settings)
}

pub(super) fn etag(tx: &Tx<'_>, call: &Call<'_>, access: &Access) -> Result<Option<String>, Fault> {
    let tenant = tenant(call, access)?;
    Ok(tx.get(&SETTINGS, &tenant)?.map(|settings| tag(tenant, &settings)))
}

/// Makes the settings, or puts others in their place.
pub(super) fn put(tx: &mut Tx<'_>, call: &Call<'_>, access: &Access, _: &Allowed) -> Result<Outcome, Fault> {
    let tenant = tenant(call, access)?;
    write(tx, call, tenant, Settings::default())
}

/// Changes what is sent of the settings.
pub(super) fn patch(tx: &mut Tx<'_>, call: &Call<'_>, access: &Access, _: &Allowed) -> Result<Outcome, Fault> {
    let tenant = tenant(call, access)?;
    let old = tx.get(&SETTINGS, &tenant)?.ok_or(Fault::HierarchySettingsNotFound)?;
    write(tx, call, tenant, old)
}

/// Takes the settings away; those that are not there are gone already.
pub(super) fn delete(tx: &mut Tx<'_>, call: &Call<'_>, access: &Access, _: &Allowed) -> Result<Outcome, Fault> {
    tx.delete(&SETTINGS, &tenant(call, access)?)?;
    Ok(Outcome::Done)
}

fn write(tx: &mut Tx<'_>, call: &Call<'_>, tenant: TenantId, mut settings: Settings) -> Result<Outcome, Fault> {
    let sent = sent::read_settings(call.body()?)?;
    if sent.requires_authorization == Some(false) {
        return Err(Fault::GroupCreationOpened);
    }
    if let Some(name) = sent.default_group {
        let group = management_groups::named(tx, tenant, &name)?;
        settings.default_group = Some(group.ok_or(Fault::ManagementGroupNotFound(name))?);
    }
    tx.put(&SETTINGS, &tenant, &settings)?;
    shown(tx, tenant, &settings)
}

/// The etag of the settings. Source: ours; Azure has none.
fn tag(tenant: TenantId, settings: &Settings) -> String {
    conditions::etag_of_content(&json!([tenant, settings]))
}

fn shown(tx: &impl Read, tenant: TenantId, settings: &Settings) -> Result<Outcome, Fault> {
    Ok(Outcome::Shown(Shown { body: show(tx, tenant, settings)?, etag: Some(tag(tenant, settings)) }))
}

fn show(tx: &impl Read, tenant: TenantId, settings: &Settings) -> Result<Value, Fault> {
    // A group that was deleted takes no subscription: then it is the root group.
    let group = match settings.default_group {
        Some(group) => management_groups::name_of(tx, tenant, group)?,
        None => None,
    };
    Ok(json!({
        "id": format!("{}/settings/default", id_of(&tenant.to_string())),
        "type": TYPE,
        "name": "default",
        "properties": {
            "tenantId": tenant.to_string(),
            "requireAuthorizationForGroupCreation": true,
            "defaultManagementGroup": id_of(&group.unwrap_or_else(|| tenant.to_string())),
        },
    }))
}

/// The state of the backfill, by which Azure brings the subscriptions of an old tenant below its root group: here each lies
/// there from its first day on.
pub(super) fn backfill(_tx: &ReadTx<'_>, call: &Call<'_>, _access: &Access) -> Result<Outcome, Fault> {
    Ok(Outcome::shown(json!({ "tenantId": call.command.by.tenant.to_string(), "status": "Completed" })))
}
