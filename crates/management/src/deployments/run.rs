//! The steps of a deployment. Each is one command of the caller's and the advance of the deployment, in one transaction:
//! whatever happens between two of them, no resource is made twice, and none is left out.

use super::check::Part as Asked;
use super::row::{DEPLOYMENTS, Deployment, PARTS, State, Word, forget_sealed, key};
use super::runtime::AtStep;
use super::sealed::{self, END, End, SEALED};
use crate::command::Call;
use crate::fault::Fault;
use crate::operations::{self, Failure, Status, Step, StepError, Turn, Work, Worker, unreadable};
use crate::order::body;
use crate::outcome::Outcome;
use crate::perform::perform_in;
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::{OperationId, ResourceUuid, SubscriptionId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

/// Outputs of one deployment, in bytes. Source: ours; they are a part of its row.
const OUTPUTS_BYTES_MAX: usize = 512 * 1024;

pub(crate) static WORKER: Worker = Worker { kind: "deployment", step, give_up, takes_away: false };

/// The place that a deployment has come to.
#[derive(Serialize, Deserialize)]
struct Progress {
    group: ResourceUuid,
    name: String,
    deployment: ResourceUuid,
    /// The place of the next resource.
    next: u64,
    /// The operation that this one waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    waits: Option<(SubscriptionId, OperationId)>,
}

/// The work of a deployment that has not begun.
pub(super) fn work(group: ResourceUuid, name: &str, deployment: ResourceUuid) -> Work {
    let name = name.to_ascii_lowercase();
    Work::new(WORKER.kind, &Progress { group, name, deployment, next: 0, waits: None })
}

fn step(tx: &mut Tx<'_>, turn: &Turn<'_>, work: &mut Work) -> Result<Step, StepError> {
    let mut progress: Progress = work.state().ok_or_else(unreadable)?;
    let Some(deployment) = find(tx, &progress)? else {
        return Err(StepError::Failed(Failure::new("DeploymentNotFound", "The deployment is gone.")));
    };
    let part = tx.get(&PARTS, &(progress.deployment, progress.next))?;
    let taken = match progress.waits {
        Some(operation) => wait(tx, turn, &mut progress, operation),
        None if progress.next < deployment.count => deploy(tx, turn, &mut progress, &deployment),
        None => finish(tx, turn, &progress, deployment),
    };
    *work = Work::new(WORKER.kind, &progress);
    taken.map_err(|error| match (error, part.filter(|part| part.uses_secure)) {
        (StepError::Failed(failure), Some(part)) => {
            StepError::Failed(failed(without_text(&format!("The resource '{}'", part.name), &failure)))
        }
        (StepError::Failed(failure), None) => StepError::Failed(failed(failure)),
        (error @ StepError::Store(_), _) => error,
    })
}

fn find(tx: &impl Read, progress: &Progress) -> Result<Option<Deployment>, StoreError> {
    let row = tx.get(&DEPLOYMENTS, &key(progress.group, &progress.name))?;
    Ok(row.filter(|row| row.uuid == progress.deployment))
}

/// Has the caller make the next resource.
fn deploy(
    tx: &mut Tx<'_>,
    turn: &Turn<'_>,
    progress: &mut Progress,
    deployment: &Deployment,
) -> Result<Step, StepError> {
    let at = (progress.deployment, progress.next);
    let (part, residue) = (tx.get(&PARTS, &at)?, sealed::body(tx, turn.cx, at.0, at.1)?);
    let (Some(mut part), Some(residue)) = (part, residue) else { return Err(unreadable()) };
    let by = turn.caller()?;
    let subscription = deployment.subscription;
    let whole = residue.finish(&mut AtStep { tx: &*tx, cx: turn.cx, by: &by, subscription })?;
    // The same reading as of a request, so that nothing gets past the checks by its spelling.
    let sent = body::read(whole.to_string().as_bytes());
    let asked = Asked { id: &part.id, api_version: &part.api_version };
    let command = asked.command(by, deployment.correlation, sent)?;
    let outcome = perform_in(tx, &Call { cx: turn.cx, command: &command })?;
    let (word, status, waits) = match outcome {
        Outcome::Created(_) => (Word::Succeeded, "Created", None),
        Outcome::Begun(begun) => {
            let status = if begun.is_new { "Created" } else { "OK" };
            (Word::Running, status, Some(begun.operation.key()))
        }
        Outcome::Accepted(accepted) => (Word::Running, "Accepted", Some(accepted.key())),
        Outcome::Shown(_) | Outcome::Done | Outcome::Nothing | Outcome::Running(_) => (Word::Succeeded, "OK", None),
    };
    let now = turn.cx.world.now;
    part.state = Some(State { word, status: status.to_owned(), started_at: now, at: now, failure: None });
    tx.put(&PARTS, &at, &part)?;
    tx.delete(&SEALED, &at)?;
    progress.waits = waits;
    progress.next += u64::from(waits.is_none());
    Ok(Step::More)
}

/// Looks for the end of an operation that the last resource began.
fn wait(
    tx: &mut Tx<'_>,
    turn: &Turn<'_>,
    progress: &mut Progress,
    (subscription, id): (SubscriptionId, OperationId),
) -> Result<Step, StepError> {
    let at = (progress.deployment, progress.next);
    let operation = operations::find(tx, subscription, id)?;
    match operation.map(|operation| operation.status()) {
        Some(Status::Running) => return Ok(Step::WaitsFor((subscription, id))),
        Some(Status::Failed(failure)) => return Err(StepError::Failed(failure)),
        Some(Status::Canceled) => {
            let why = "The resource operation completed with terminal provisioning state 'Canceled'.";
            return Err(StepError::Failed(Failure::new("ResourceDeploymentFailure", why)));
        }
        // It was done so long ago that nothing is known of it any more.
        Some(Status::Succeeded) | None => {}
    }
    if let Some(mut part) = tx.get(&PARTS, &at)? {
        if let Some(state) = &mut part.state {
            state.word = Word::Succeeded;
            state.at = turn.cx.world.now;
        }
        tx.put(&PARTS, &at, &part)?;
    }
    progress.waits = None;
    progress.next += 1;
    Ok(Step::More)
}

/// Reads the outputs: the deployment is done.
fn finish(
    tx: &mut Tx<'_>,
    turn: &Turn<'_>,
    progress: &Progress,
    mut deployment: Deployment,
) -> Result<Step, StepError> {
    let end: End = sealed::open(tx, turn.cx, (progress.deployment, END))?.ok_or_else(unreadable)?;
    let by = turn.caller()?;
    let (mut outputs, mut bytes) = (Map::new(), 0);
    let mut runtime = AtStep { tx: &*tx, cx: turn.cx, by: &by, subscription: deployment.subscription };
    for output in &end.outputs {
        let (type_name, value) = output.finish(&mut runtime).map_err(|fault| match fault {
            fault if !output.uses_secure => StepError::from(fault),
            fault @ Fault::Store(_) => fault.into(),
            fault => StepError::Failed(without_text(&format!("The output '{}'", output.name), &fault.failure())),
        })?;
        let mut shown = json!({ "type": type_name });
        if let Some(value) = value {
            shown["value"] = value;
        }
        bytes += output.name.len() + shown.to_string().len();
        if bytes > OUTPUTS_BYTES_MAX {
            let why = format!("The outputs of the deployment have more than {OUTPUTS_BYTES_MAX} bytes.");
            return Err(StepError::Failed(Failure::new("DeploymentOutputsTooLarge", why)));
        }
        outputs.insert(output.name.clone(), shown);
    }
    deployment.outputs = Some(outputs);
    deployment.ended_at = Some(turn.cx.world.now);
    tx.put(&DEPLOYMENTS, &key(progress.group, &progress.name), &deployment)?;
    forget_sealed(tx, deployment.uuid, deployment.count)?;
    Ok(Step::Last)
}

/// Writes down what a deployment failed with: in itself, and in the resource whose turn it was.
fn give_up(tx: &mut Tx<'_>, turn: &Turn<'_>, work: &Work, failure: &Failure) -> Result<(), StoreError> {
    let Some(progress) = work.state::<Progress>() else { return Ok(()) };
    let Some(mut deployment) = find(tx, &progress)? else { return Ok(()) };
    let (now, at) = (turn.cx.world.now, (progress.deployment, progress.next));
    if let Some(mut part) = tx.get(&PARTS, &at)? {
        let started_at = part.state.as_ref().map_or(now, |state| state.started_at);
        let cause = failure.details.first().unwrap_or(failure).clone();
        let status = status_of(&cause).to_owned();
        part.state = Some(State { word: Word::Failed, status, started_at, at: now, failure: Some(cause) });
        tx.put(&PARTS, &at, &part)?;
    }
    deployment.ended_at = Some(now);
    deployment.failure = Some(failure.clone());
    tx.put(&DEPLOYMENTS, &key(progress.group, &progress.name), &deployment)?;
    forget_sealed(tx, deployment.uuid, deployment.count)
}

/// The status of a failed resource, as lists of operations say it.
fn status_of(failure: &Failure) -> &'static str {
    match failure.code.as_str() {
        "AuthorizationFailed" | "LinkedAuthorizationFailed" => "Forbidden",
        "ResourceNotFound" | "ResourceGroupNotFound" | "ParentResourceNotFound" | "InvalidResourceType" => "NotFound",
        code if code.contains("Conflict") || code == "ScopeLocked" || code.ends_with("Exists") => "Conflict",
        _ => "BadRequest",
    }
}

/// The failure of a deployment, whose cause is its first detail: the text that az prints.
fn failed(cause: Failure) -> Failure {
    let message = "At least one resource deployment operation failed. Please list deployment operations for details. Please see https://aka.ms/arm-deployment-operations for usage details.";
    Failure { details: vec![cause], ..Failure::new("DeploymentFailed", message) }
}

/// The failure of what a secure value is used in: nothing but the code says no word of the value. Crossing values out would
/// miss those that an error repeats in part, or in another form.
fn without_text(place: &str, failure: &Failure) -> Failure {
    let message = format!("{place} uses a secure value. Of the error that it failed with, only the code is kept.");
    Failure::new(failure.code.clone(), message)
}
