//! `/providers` and `/subscriptions/{s}/providers`: what types there are. Every provider is registered in
//! every subscription. What is listed is served, in every version that is listed: clients take the newest one, or
//! the first stable one, and use it.

use super::locations;
use crate::fault::Fault;
use crate::providers::catalogue::{self, Namespace, Places};
use bonafide_types::SubscriptionId;
use bonafide_wire::Reply;
use http::StatusCode;
use serde_json::{Value, json};

/// All providers.
pub(crate) fn list(subscription: Option<SubscriptionId>) -> Reply {
    let value: Vec<Value> = catalogue::namespaces().iter().map(|namespace| show(subscription, namespace)).collect();
    Reply::json(StatusCode::OK, &json!({ "value": value }))
}

/// One provider; registering it answers the same.
pub(crate) fn read(subscription: Option<SubscriptionId>, name: &str) -> Result<Reply, Fault> {
    let namespace = catalogue::namespace(name).ok_or_else(|| Fault::NamespaceNotFound(name.to_owned()))?;
    Ok(Reply::json(StatusCode::OK, &show(subscription, namespace)))
}

fn show(subscription: Option<SubscriptionId>, namespace: &Namespace) -> Value {
    let above = subscription.map(|id| format!("/subscriptions/{id}")).unwrap_or_default();
    let types: Vec<Value> = namespace
        .types
        .iter()
        .map(|entry| {
            let locations = match entry.places {
                Places::Regions => locations::display_names(),
                Places::Global => &["global"],
                Places::Nowhere => &[],
            };
            json!({ "resourceType": entry.name, "locations": locations, "apiVersions": entry.versions })
        })
        .collect();
    json!({
        "id": format!("{above}/providers/{}", namespace.name),
        "namespace": namespace.name,
        "resourceTypes": types,
        "registrationState": "Registered",
        "registrationPolicy": "RegistrationFree",
    })
}
