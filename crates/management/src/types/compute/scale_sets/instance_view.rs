//! The states of all instances of a set, counted.

use super::extension::worst;
use crate::command::Call;
use crate::fault::Fault;
use crate::order::access::Access;
use crate::order::read;
use crate::outcome::Outcome;
use crate::resource_type::{Action, Run};
use crate::types::compute::extensions::{Provisioning, of_instance, word};
use crate::types::compute::statuses;
use bonafide_core::directory::{INSTANCES_OF_SET, RESOURCES};
use bonafide_core::lifecycle::INSTANCES_MAX;
use bonafide_store::{Read, ReadTx};
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) const GET: Action =
    Action { method: Method::GET, name: "instanceView", right: "instanceView/read", run: Run::Read(get) };

fn get(tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let (uuid, set) = read::existing(call, access)?;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut of_extension: BTreeMap<String, BTreeMap<&str, usize>> = BTreeMap::new();
    for instance in tx.many(&INSTANCES_OF_SET, uuid, None, INSTANCES_MAX)? {
        if let Some(row) = tx.get(&RESOURCES, &instance)? {
            if let Some((extension, state)) = of_instance::state(tx, instance, &row, call.cx.world.now)? {
                let counts = of_extension.entry(extension.id.name().to_owned()).or_default();
                *counts.entry(code(&state)).or_default() += 1;
            }
            *counts.entry("ProvisioningState/succeeded".to_owned()).or_default() += 1;
            *counts.entry(format!("PowerState/{}", statuses::power(&row))).or_default() += 1;
        }
    }
    // As Azure has them: provisioning first.
    let summary: Vec<Value> =
        counts.iter().rev().map(|(code, count)| json!({ "code": code, "count": count })).collect();
    let mut view = json!({ "virtualMachine": { "statusesSummary": summary } });
    // Of other publishers' extensions nothing runs on an instance, and nothing is said.
    let extensions: Vec<Value> = of_extension.iter().map(|(name, counts)| summary_of(name, counts)).collect();
    if !extensions.is_empty() {
        view["extensions"] = extensions.into();
    }
    let state = worst(tx, (*uuid, set), call.cx.world.now)?;
    view["statuses"] = json!([statuses::provisioned_as(set, word(state.as_ref(), set))]);
    Ok(Outcome::shown(view))
}

/// The states of an extension on the instances (recording of azure-mgmt-compute 20.0.0).
fn summary_of(name: &str, counts: &BTreeMap<&str, usize>) -> Value {
    let summary: Vec<Value> = counts.iter().map(|(code, count)| json!({ "code": code, "count": count })).collect();
    json!({ "name": name, "statusesSummary": summary })
}

fn code(state: &Provisioning) -> &'static str {
    match state {
        Provisioning::Answers => "ProvisioningState/succeeded",
        Provisioning::Pending => "ProvisioningState/creating",
        Provisioning::Failed(_) | Provisioning::Stopped(_) => "ProvisioningState/failed",
    }
}
