//! What a client sees of an operation that outlives its request. What is done when its reply is written is
//! answered as done, without an address to poll. Every reply that is not final carries `Retry-After: 1`:
//! without it clients wait 30 seconds (docs/wire/management.md).

use super::Operation;
use crate::config::Config;
use bonafide_types::{ApiVersion, OperationId, SubscriptionId};
use bonafide_wire::Reply;
use http::StatusCode;
use serde_json::json;

/// The answer to a request whose operation is not done: 202 and where to poll it. The only place that makes a
/// `Location`, an absolute one with an api-version: clients of 2017 take a relative one for a file, and send
/// the address as it stands (docs/wire/management.md).
pub(crate) fn accepted(
    config: &Config,
    version: &ApiVersion,
    (subscription, id): (SubscriptionId, OperationId),
) -> Reply {
    let url = format!("{}/subscriptions/{subscription}/operationresults/{id}?api-version={version}", config.management);
    Reply::empty(StatusCode::ACCEPTED).with("location", &url).with("retry-after", "1")
}

/// Adds the address that `Azure-AsyncOperation` polls, as answers of Microsoft.Compute have it.
pub(crate) fn with_status_address(
    accepted: Reply,
    config: &Config,
    version: &ApiVersion,
    (subscription, id): (SubscriptionId, OperationId),
    location: &str,
) -> Reply {
    let url = format!(
        "{}/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/operations/{id}?api-version={version}",
        config.management
    );
    accepted.with("azure-asyncoperation", &url).with("azure-asyncnotification", "Enabled")
}

/// The answer to `Azure-AsyncOperation`.
pub(crate) fn poll(id: OperationId, operation: &Operation) -> Reply {
    let zone = |time: bonafide_types::Timestamp| time.arm().replace('Z', "+00:00");
    let started = zone(operation.started_at);
    let Some(ended) = operation.ended_at.map(zone) else {
        let body = json!({ "startTime": started, "status": "InProgress", "name": id.to_string() });
        return Reply::json(StatusCode::OK, &body).with("retry-after", "1");
    };
    let body = json!({ "startTime": started, "endTime": ended, "status": "Succeeded", "name": id.to_string() });
    Reply::json(StatusCode::OK, &body)
}

/// The answer to `Location`: 202 until it is done, then 200 without a body.
pub(crate) fn result(
    config: &Config,
    version: &ApiVersion,
    subscription: SubscriptionId,
    id: OperationId,
    operation: &Operation,
) -> Reply {
    match operation.ended_at {
        Some(_) => Reply::empty(StatusCode::OK),
        None => accepted(config, version, (subscription, id)),
    }
}
