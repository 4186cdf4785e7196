//! `Microsoft.Compute/hostGroups/hosts`.

use super::{HOST_TYPE, decide, instance_view, join_token, workloads};
use crate::fault::Fault;
use crate::order::write::Write;
use crate::resource_type::{Identities, ResourceType, View};
use bonafide_core::lifecycle;
use bonafide_core::placement::host_of;
use serde_json::{Map, Value, json};

pub(crate) static HOSTS: ResourceType = ResourceType {
    name: HOST_TYPE,
    oldest: "2019-03-01",
    identities: Identities::None,
    location_required: true,
    check_name: |name| check_name(HOST_TYPE, name),
    put,
    read_only: &["hostId", "virtualMachines", "provisioningTime", "provisioningState", "instanceView", "timeCreated"],
    status_address: true,
    actions: &[
        join_token::CREATE,
        workloads::PLACE,
        workloads::DISPLACE,
        workloads::LIST,
        decide::ENABLE,
        decide::DISABLE,
    ],
    view,
    ..ResourceType::PLAIN
};

/// A name of a group or a host. Source: ours; Azure says nothing of either.
pub(super) fn check_name(type_name: &str, name: &str) -> Result<(), Fault> {
    let right = name.len() <= 80 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    let rule = "1 to 80 letters, digits, dots, dashes and underscores";
    if right {
        Ok(())
    } else {
        Err(Fault::NameInvalid { name: name.to_owned(), type_name: type_name.to_owned(), rule })
    }
}

/// `sku`, which Azure asks for, may be left out: it is a choice of Azure's hardware.
fn put(write: &mut Write<'_, '_>) -> Result<(), Fault> {
    const DOMAIN: &[&str] = &["properties", "platformFaultDomain"];
    match write.new.body.member(DOMAIN) {
        None | Some(Value::Null) => write.new.body.set_member(DOMAIN, 0.into()),
        Some(domain) if domain.is_u64() => {}
        Some(_) => {
            let rule = "it is a number from 0 on".to_owned();
            return Err(Fault::PropertyInvalid { property: "properties.platformFaultDomain", rule });
        }
    }
    Ok(lifecycle::register_host(write.tx, &write.proof()?, write.uuid, &write.new)?)
}

fn view(view: &View<'_>, properties: &mut Map<String, Value>) -> Result<(), Fault> {
    let row = view.tx.host(host_of(view.uuid))?;
    properties.insert("hostId".to_owned(), view.uuid.to_string().into());
    if view.is_get {
        let machines = workloads::machines(view.tx, host_of(view.uuid))?;
        properties
            .insert("virtualMachines".to_owned(), machines.iter().map(|id| json!({ "id": id.as_str() })).collect());
    }
    let text = |at: bonafide_types::Timestamp| at.arm().replace('Z', "+00:00");
    if let Some(joined_at) = row.as_ref().and_then(|row| row.joined_at) {
        properties.insert("provisioningTime".to_owned(), text(joined_at).into());
    }
    properties.insert("provisioningState".to_owned(), "Succeeded".into());
    if view.version.at_least("2021-11-01") {
        properties.insert("timeCreated".to_owned(), text(view.resource.created_at).into());
    }
    if view.expands("instanceView") {
        properties.insert("instanceView".to_owned(), instance_view::of(view, view.uuid, view.resource)?);
    }
    Ok(())
}
