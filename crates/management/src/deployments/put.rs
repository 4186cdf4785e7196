//! PUT and DELETE of a deployment.

use super::check::{planned, refusal};
use super::row::{
    DEPLOYMENTS, Deployment, HEADS, Head, OF_GROUP, PARTS, PER_GROUP_MAX, Part, forget_sealed, key, remove,
};
use super::sealed::{self, END, End};
use super::{DeploymentError, NAME, asked, show};
use crate::command::Call;
use crate::fault::Fault;
use crate::operations::{self, Failure};
use crate::order::access::Access;
use crate::order::place::check_open;
use crate::order::{audit, tags};
use crate::outcome::{Accepted, Begun, Outcome, StatusAddress};
use bonafide_core::access::Allowed;
use bonafide_crypto::thumbprint::sha256;
use bonafide_store::{Read, Tx};
use bonafide_template::Plan;
use bonafide_types::{Location, ResourceId, ResourceUuid};
use serde_json::{Map, Value, json};

/// Begins a deployment: it is planned, checked and stored, and its operation does the rest.
pub(super) fn put(tx: &mut Tx<'_>, call: &Call<'_>, access: &Access, _: &Allowed) -> Result<Outcome, Fault> {
    let (group, group_id, name) = asked(call, access)?;
    check_open(&access.place)?;
    let body = call.body()?;
    let tags = tags::read(body)?.unwrap_or_default();
    let (plan, failure) = match planned(tx, call, access) {
        Ok(plan) => {
            let failure = refusal(tx, call, name, &plan)?.map(|fault| fault.failure());
            (plan, failure)
        }
        // `az vm create --count 2` sends a template with a copy.
        Err(fault @ Fault::Deployment(DeploymentError::Later(_))) => (Plan::default(), Some(fault.failure())),
        Err(fault) => return Err(fault),
    };
    let key = key(group, name);
    let old = tx.get(&HEADS, &key)?;
    if let Some(old) = &old {
        check_ended(old)?;
        remove(tx, &key, old)?;
    } else {
        make_room(tx, group)?;
    }
    let deployment = store(tx, call, &group_id, (group, name), Asked { plan, tags, failure })?;
    audit::record(tx, call, &format!("{NAME}/write"), &format!("{group_id}/providers/{NAME}/{name}"))?;
    let shown = show::deployment(tx, &group_id, &deployment)?;
    let operation = Accepted {
        subscription: deployment.subscription,
        operation: deployment.operation,
        status: Some(StatusAddress::Below(format!("{group_id}/providers/{NAME}/{name}/operationStatuses"))),
    };
    Ok(Outcome::Begun(Begun { shown, is_new: old.is_none(), operation }))
}

/// Forgets a deployment that has ended. What it deployed stays.
pub(super) fn delete(tx: &mut Tx<'_>, call: &Call<'_>, access: &Access, _: &Allowed) -> Result<Outcome, Fault> {
    let (group, group_id, name) = asked(call, access)?;
    let key = key(group, name);
    let Some(row) = tx.get(&HEADS, &key)? else { return Ok(Outcome::Nothing) };
    check_ended(&row)?;
    remove(tx, &key, &row)?;
    audit::record(tx, call, &format!("{NAME}/delete"), &format!("{group_id}/providers/{NAME}/{name}"))?;
    Ok(Outcome::Nothing)
}

/// Cancels a deployment: what is made stays, and nothing more is made.
pub(super) fn cancel(tx: &mut Tx<'_>, call: &Call<'_>, access: &Access, _: &Allowed) -> Result<Outcome, Fault> {
    let (group, _, name) = asked(call, access)?;
    let key = key(group, name);
    let row = tx.get(&DEPLOYMENTS, &key)?;
    let mut row = row.ok_or_else(|| Fault::from(DeploymentError::NotFound(name.to_owned())))?;
    if row.ended_at.is_some() {
        return Err(DeploymentError::NotCancelable { name: row.name.clone(), state: show::state(&row) }.into());
    }
    let now = call.cx.world.now;
    operations::cancel(tx, now, row.subscription, row.operation)?;
    row.ended_at = Some(now);
    row.canceled = true;
    tx.put(&DEPLOYMENTS, &key, &row)?;
    forget_sealed(tx, row.uuid, row.count)?;
    Ok(Outcome::Nothing)
}

fn check_ended(row: &Head) -> Result<(), Fault> {
    match row.ended_at {
        Some(_) => Ok(()),
        None => Err(DeploymentError::Active { name: row.name.clone(), since: row.started_at }.into()),
    }
}

/// Removes the oldest deployment that has ended from a group that has as many as it may.
fn make_room(tx: &mut Tx<'_>, group: ResourceUuid) -> Result<(), Fault> {
    let keys = tx.many(&OF_GROUP, &group, None, PER_GROUP_MAX)?;
    if keys.len() < PER_GROUP_MAX {
        return Ok(());
    }
    for (_, key) in &keys {
        if let Some(row) = tx.get(&HEADS, key)?.filter(|row| row.ended_at.is_some()) {
            return Ok(remove(tx, key, &row)?);
        }
    }
    Err(DeploymentError::TooMany.into())
}

/// The part of a request that is stored.
struct Asked {
    plan: Plan,
    tags: Map<String, Value>,
    /// The reason why nothing will be deployed. Such a request is accepted, and its operation has failed: a client
    /// that is refused here cannot say why (azure-cli 2.91 reads the body of the refusal twice).
    failure: Option<Failure>,
}

/// Stores a deployment, its resources, and the operation that deploys them.
fn store(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    group_id: &ResourceId,
    (group, name): (ResourceUuid, &str),
    Asked { plan, tags, failure }: Asked,
) -> Result<Deployment, Fault> {
    let cx = call.cx;
    let subscription = group_id.subscription().ok_or(Fault::NoSuchRoute)?;
    let uuid = ResourceUuid::ordered(&cx.world);
    let count = plan.resources.len() as u64;
    for (at, planned) in (0..).zip(plan.resources) {
        if failure.is_none() {
            sealed::put(tx, cx, (uuid, at), &planned.body)?;
        }
        let after = planned.after.iter().map(|at| *at as u64).collect();
        let part = Part {
            id: planned.id,
            type_name: planned.type_name,
            name: planned.name,
            api_version: planned.api_version,
            location: planned.location.as_deref().and_then(Location::parse).map(|location| location.to_string()),
            after,
            uses_secure: planned.uses_secure,
            state: None,
        };
        tx.create(&PARTS, &(uuid, at), &part)?;
    }
    let begun = match &failure {
        Some(failure) => operations::Begun::Failed(failure.clone()),
        None => {
            sealed::put(tx, cx, (uuid, END), &End { outputs: plan.outputs })?;
            operations::Begun::OnBehalf(super::run::work(group, name, uuid))
        }
    };
    let operation = begun.store(tx, call, subscription)?;
    let parameters = plan.parameters.into_iter().map(|parameter| {
        let mut shown = json!({ "type": parameter.type_name });
        if let Some(value) = parameter.value {
            shown["value"] = value;
        }
        (parameter.name, shown)
    });
    let deployment = Deployment {
        uuid,
        name: name.to_owned(),
        subscription,
        operation,
        tags,
        parameters: parameters.collect(),
        template_hash: hash(call.body()?),
        correlation: call.command.correlation,
        count,
        started_at: cx.world.now,
        ended_at: failure.is_some().then_some(cx.world.now),
        outputs: None,
        failure,
        canceled: false,
    };
    tx.put(&DEPLOYMENTS, &key(group, name), &deployment)?;
    Ok(deployment)
}

/// The hash of a template, a decimal number as Azure's is. Source: ours; Azure's own function is not public.
pub(super) fn hash(body: &Map<String, Value>) -> String {
    let template = body.get("properties").and_then(|properties| properties.get("template"));
    let digest = sha256(template.map(Value::to_string).unwrap_or_default().as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(first).to_string()
}
