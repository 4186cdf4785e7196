//! `/providers` and `/subscriptions/{s}/providers`: what types there are. Every provider is registered in
//! every subscription. What is listed is served, in every version that is listed: clients take the newest one, or
//! the first stable one, and use it.

use super::{Answer, Fixed, Named, in_subscription, locations};
use crate::command::Call;
use crate::fault::Fault;
use crate::order::access::Access;
use crate::outcome::Outcome;
use crate::right::Right;
use crate::types::catalogue::{self, Namespace, Places};
use bonafide_core::access::Allowed;
use bonafide_store::{ReadTx, Tx};
use bonafide_types::SubscriptionId;
use http::Method;
use serde_json::{Value, json};

pub(super) static ENDPOINTS: &[Fixed] = &[
    Fixed::get("/providers", |_| Right::SignedIn, list),
    Fixed::get("/providers/{namespace}", |_| Right::SignedIn, read),
    Fixed::get("/subscriptions/{subscription}/providers", right_to_read, list),
    Fixed::get("/subscriptions/{subscription}/providers/{namespace}", right_to_read, read),
    Fixed::of_store(
        Method::POST,
        "/subscriptions/{subscription}/providers/{namespace}/register",
        right_to_register,
        Answer::Change(register),
    ),
];

fn right_to_read(named: &Named) -> Right {
    in_subscription(named, "Microsoft.Resources/subscriptions/providers/read")
}

fn right_to_register(named: &Named) -> Right {
    in_subscription(named, format!("{}/register/action", named.text("namespace")))
}

/// All providers.
fn list(_tx: &ReadTx<'_>, call: &Call<'_>, _access: &Access) -> Result<Outcome, Fault> {
    let subscription = call.named()?.subscription;
    let value: Vec<Value> = catalogue::namespaces().iter().map(|namespace| show(subscription, namespace)).collect();
    Ok(Outcome::shown(json!({ "value": value })))
}

/// One provider.
fn read(_tx: &ReadTx<'_>, call: &Call<'_>, _access: &Access) -> Result<Outcome, Fault> {
    one(call)
}

/// Registers a provider, as all of them are.
fn register(_tx: &mut Tx<'_>, call: &Call<'_>, _access: &Access, _allowed: &Allowed) -> Result<Outcome, Fault> {
    one(call)
}

fn one(call: &Call<'_>) -> Result<Outcome, Fault> {
    let named = call.named()?;
    let name = named.text("namespace");
    let namespace = catalogue::namespace(name).ok_or_else(|| Fault::NamespaceNotFound(name.to_owned()))?;
    Ok(Outcome::shown(show(named.subscription, namespace)))
}

pub(crate) fn show(subscription: Option<SubscriptionId>, namespace: &Namespace) -> Value {
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
