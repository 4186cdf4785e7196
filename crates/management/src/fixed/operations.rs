//! The state of an operation that outlives its request, as a client sees it.

use super::{Answer, Fixed, Named, everything};
use crate::command::Call;
use crate::fault::Fault;
use crate::operations::{Operation, Status};
use crate::outcome::{Accepted, Outcome};
use crate::right::Right;
use bonafide_types::{OperationId, Timestamp};
use http::Method;
use serde_json::json;

pub(super) static ENDPOINTS: &[Fixed] = &[
    poll("/subscriptions/{subscription}/providers/{namespace}/locations/{location}/operations/{operation}", status),
    poll("/subscriptions/{subscription}/operationresults/{operation}", result),
];

/// An address at which an operation is polled.
pub(super) const fn poll(path: &'static str, answer: Poll) -> Fixed {
    Fixed::of_store(Method::GET, path, right, Answer::Operation(answer))
}

/// An address of `Azure-AsyncOperation` that a type has for itself.
pub(crate) const fn poll_status(path: &'static str) -> Fixed {
    poll(path, status)
}

fn right(named: &Named) -> Right {
    named.operation().map_or_else(|_| everything(), |(subscription, id)| Right::Operation(subscription, id))
}

/// Makes the answer from an operation's state.
pub(crate) type Poll = fn(&Call<'_>, OperationId, &Operation) -> Result<Outcome, Fault>;

/// The answer to `Azure-AsyncOperation`.
fn status(_call: &Call<'_>, id: OperationId, operation: &Operation) -> Result<Outcome, Fault> {
    let zone = |time: Timestamp| time.arm().replace('Z', "+00:00");
    let mut body = json!({ "startTime": zone(operation.started_at), "name": id.to_string() });
    let word = match operation.status() {
        Status::Running => {
            body["status"] = "InProgress".into();
            return Ok(Outcome::Running(body));
        }
        Status::Succeeded => "Succeeded",
        Status::Canceled => "Canceled",
        Status::Failed(failure) => {
            body["error"] = json!(failure);
            "Failed"
        }
    };
    body["status"] = word.into();
    body["endTime"] = operation.ended_at.map(zone).into();
    Ok(Outcome::shown(body))
}

/// The answer to `Location`: 202 until it is done, then 200 without a body, or what it failed with.
fn result(call: &Call<'_>, id: OperationId, operation: &Operation) -> Result<Outcome, Fault> {
    let (subscription, _) = call.named()?.operation()?;
    match operation.status() {
        Status::Running => Ok(Outcome::Accepted(Accepted { subscription, operation: id, status: None })),
        Status::Succeeded => Ok(Outcome::Done),
        Status::Canceled => Err(Fault::OperationCanceled(id)),
        Status::Failed(failure) => Err(Fault::OperationFailed(failure)),
    }
}
