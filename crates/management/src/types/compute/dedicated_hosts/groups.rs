//! `Microsoft.Compute/hostGroups`.

use super::HOST_TYPE;
use super::instance_view;
use crate::fault::Fault;
use crate::order::write::Write;
use crate::resource_type::{Identities, ResourceType, View};
use serde_json::{Map, Value, json};

pub(crate) static HOST_GROUPS: ResourceType = ResourceType {
    name: "Microsoft.Compute/hostGroups",
    // The first in which there are hosts (compute 2019-03-01 in azure-sdk-for-go 68.0.0).
    oldest: "2019-03-01",
    identities: Identities::None,
    location_required: true,
    check_name: |name| super::hosts::check_name("Microsoft.Compute/hostGroups", name),
    put,
    read_only: &["hosts", "instanceView"],
    view,
    ..ResourceType::PLAIN
};

/// Fault domains of a group, at most. Source: Azure's description of `platformFaultDomainCount`; where it is left out, which
/// Azure does not allow, there is one.
const FAULT_DOMAINS_MAX: u64 = 5;

fn put(write: &mut Write<'_, '_>) -> Result<(), Fault> {
    const COUNT: &[&str] = &["properties", "platformFaultDomainCount"];
    match write.new.body.member(COUNT) {
        None | Some(Value::Null) => write.new.body.set_member(COUNT, 1.into()),
        Some(count) if count.as_u64().is_some_and(|count| (1..=FAULT_DOMAINS_MAX).contains(&count)) => {}
        Some(_) => {
            let rule = format!("it is a number from 1 to {FAULT_DOMAINS_MAX}");
            return Err(Fault::PropertyInvalid { property: "properties.platformFaultDomainCount", rule });
        }
    }
    Ok(())
}

/// The hosts of a group are shown where it is asked for alone: a list would read all of all.
fn view(view: &View<'_>, properties: &mut Map<String, Value>) -> Result<(), Fault> {
    properties.insert("provisioningState".to_owned(), "Succeeded".into());
    if !view.is_get {
        return Ok(());
    }
    let (mut hosts, mut views) = (Vec::new(), Vec::new());
    for below in view.tx.below(view.uuid)? {
        let Some(host) = view.tx.resource(below)?.filter(|row| row.id.is_of(HOST_TYPE)) else { continue };
        hosts.push(json!({ "id": host.id.as_str() }));
        if view.expands("instanceView") {
            let mut of_host = instance_view::of(view, below, &host)?;
            of_host["name"] = host.id.name().into();
            views.push(of_host);
        }
    }
    properties.insert("hosts".to_owned(), hosts.into());
    if view.expands("instanceView") {
        properties.insert("instanceView".to_owned(), json!({ "hosts": views }));
    }
    Ok(())
}
