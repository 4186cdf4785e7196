//! What a client sees of an operation. Every reply that is not final carries `Retry-After: 1`: without it
//! clients wait 30 seconds (docs/wire/management.md).

use super::Operation;
use crate::config::Config;
use crate::providers::location_of;
use bonafide_core::directory::Resource;
use bonafide_types::{ApiVersion, OperationId, SubscriptionId};
use bonafide_wire::Reply;
use http::StatusCode;
use serde_json::json;

/// Adds to the reply of a write where its operation is polled.
pub(crate) fn started(
    reply: Reply,
    config: &Config,
    version: &ApiVersion,
    subscription: SubscriptionId,
    resource: &Resource,
    id: OperationId,
) -> Reply {
    let location = location_of(resource).unwrap_or("global");
    let url = format!(
        "{}/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/operations/{id}?api-version={version}",
        config.management
    );
    let reply =
        reply.with("azure-asyncoperation", &url).with("azure-asyncnotification", "Enabled").with("retry-after", "1");
    if reply.status == StatusCode::ACCEPTED {
        reply.with("location", &result_url(config, version, subscription, id))
    } else {
        reply
    }
}

/// The URL that `Location` polls.
pub(crate) fn result_url(
    config: &Config,
    version: &ApiVersion,
    subscription: SubscriptionId,
    id: OperationId,
) -> String {
    format!("{}/subscriptions/{subscription}/operationresults/{id}?api-version={version}", config.management)
}

/// The answer to `Azure-AsyncOperation`.
pub(crate) fn poll(id: OperationId, operation: &Operation) -> Reply {
    let zone = |time: bonafide_types::Timestamp| time.arm().replace('Z', "+00:00");
    let body = match operation.ended_at {
        Some(ended) => json!({
            "startTime": zone(operation.started_at),
            "endTime": zone(ended),
            "status": "Succeeded",
            "name": id.to_string(),
        }),
        None => json!({ "startTime": zone(operation.started_at), "status": "InProgress", "name": id.to_string() }),
    };
    Reply::json(StatusCode::OK, &body).with("retry-after", "1")
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
        None => Reply::empty(StatusCode::ACCEPTED)
            .with("location", &result_url(config, version, subscription, id))
            .with("retry-after", "1"),
    }
}
