//! `/providers` and `/subscriptions/{s}/providers`: what types there are. Every provider is registered in
//! every subscription. What is listed is served, in every version that is listed: clients take the newest one, or
//! the first stable one, and use it.

use super::locations;
use crate::command::Call;
use crate::fault::Fault;
use crate::order::access::Access;
use crate::outcome::Outcome;
use crate::types::catalogue::{self, Namespace, Places};
use bonafide_store::ReadTx;
use bonafide_types::SubscriptionId;
use serde_json::{Value, json};

/// All providers.
pub(super) fn list(_tx: &ReadTx<'_>, call: &Call<'_>, _access: &Access) -> Result<Outcome, Fault> {
    let subscription = call.named()?.subscription;
    let value: Vec<Value> = catalogue::namespaces().iter().map(|namespace| show(subscription, namespace)).collect();
    Ok(Outcome::shown(json!({ "value": value })))
}

/// One provider; registering it answers the same.
pub(super) fn read(_tx: &ReadTx<'_>, call: &Call<'_>, _access: &Access) -> Result<Outcome, Fault> {
    let named = call.named()?;
    let name = named.namespace.as_deref().unwrap_or_default();
    let namespace = catalogue::namespace(name).ok_or_else(|| Fault::NamespaceNotFound(name.to_owned()))?;
    Ok(Outcome::shown(show(named.subscription, namespace)))
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
