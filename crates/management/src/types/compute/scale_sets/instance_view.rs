//! The states of all instances of a set, counted.

use crate::command::Call;
use crate::fault::Fault;
use crate::order::access::Access;
use crate::order::read;
use crate::outcome::Outcome;
use crate::resource_type::{Action, Run};
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
    for instance in tx.many(&INSTANCES_OF_SET, uuid, None, INSTANCES_MAX)? {
        if let Some(row) = tx.get(&RESOURCES, &instance)? {
            *counts.entry("ProvisioningState/succeeded".to_owned()).or_default() += 1;
            *counts.entry(format!("PowerState/{}", statuses::power(&row))).or_default() += 1;
        }
    }
    // As Azure has them: provisioning first.
    let summary: Vec<Value> =
        counts.iter().rev().map(|(code, count)| json!({ "code": code, "count": count })).collect();
    Ok(Outcome::shown(json!({
        "virtualMachine": { "statusesSummary": summary },
        "statuses": [statuses::provisioned(set)],
    })))
}
