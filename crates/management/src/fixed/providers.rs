//! `/providers` and `/subscriptions/{s}/providers`: the types that there are. What is listed is served, in every version that is listed: clients take the newest one, or
//! the first stable one, and use it.

use super::{Answer, Fixed, Named, in_subscription};
use crate::command::Call;
use crate::fault::Fault;
use crate::locations;
use crate::order::access::Access;
use crate::order::conditions;
use crate::outcome::{Outcome, Shown};
use crate::registration;
use crate::right::Right;
use crate::types::catalogue::{self, Namespace, Places};
use bonafide_core::access::Allowed;
use bonafide_store::{Read, ReadTx, Tx};
use bonafide_types::SubscriptionId;
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub(super) static ENDPOINTS: &[Fixed] = &[
    Fixed::get("/providers", |_| Right::SignedIn, list),
    Fixed::get("/providers/{namespace}", |_| Right::SignedIn, read),
    Fixed::get("/subscriptions/{subscription}/providers", right_to_read, list),
    Fixed::get("/subscriptions/{subscription}/providers/{namespace}", right_to_read, read),
    Fixed::of_store(
        Method::POST,
        "/subscriptions/{subscription}/providers/{namespace}/register",
        |named| in_subscription(named, format!("{}/register/action", named.text("namespace"))),
        Answer::Change(etag, register),
    ),
    Fixed::of_store(
        Method::POST,
        "/subscriptions/{subscription}/providers/{namespace}/unregister",
        |named| in_subscription(named, format!("{}/unregister/action", named.text("namespace"))),
        Answer::Change(etag, unregister),
    ),
];

fn right_to_read(named: &Named) -> Right {
    in_subscription(named, "Microsoft.Resources/subscriptions/providers/read")
}

/// All providers.
fn list(tx: &ReadTx<'_>, call: &Call<'_>, _access: &Access) -> Result<Outcome, Fault> {
    let states = States::of(tx, call)?;
    let value: Vec<Value> = catalogue::namespaces().iter().map(|namespace| show(&states, namespace)).collect();
    Ok(Outcome::shown(json!({ "value": value })))
}

/// One provider.
fn read(tx: &ReadTx<'_>, call: &Call<'_>, _access: &Access) -> Result<Outcome, Fault> {
    shown(tx, call, named(call)?)
}

fn etag(tx: &Tx<'_>, call: &Call<'_>, _access: &Access) -> Result<Option<String>, Fault> {
    Ok(Some(tag(&States::of(tx, call)?, named(call)?)))
}

/// The etag of a provider in a subscription, or in the tenant. Source: ours; Azure has none.
fn tag(states: &States, namespace: &Namespace) -> String {
    conditions::etag_of_content(&json!([states.subscription, namespace.name, states.word(namespace)]))
}

fn shown(tx: &impl Read, call: &Call<'_>, namespace: &Namespace) -> Result<Outcome, Fault> {
    let states = States::of(tx, call)?;
    Ok(Outcome::Shown(Shown { body: show(&states, namespace), etag: Some(tag(&states, namespace)) }))
}

fn register(tx: &mut Tx<'_>, call: &Call<'_>, _access: &Access, _allowed: &Allowed) -> Result<Outcome, Fault> {
    let namespace = named(call)?;
    registration::register(tx, call.named()?.subscription()?, namespace.name)?;
    shown(tx, call, namespace)
}

fn unregister(tx: &mut Tx<'_>, call: &Call<'_>, _access: &Access, _allowed: &Allowed) -> Result<Outcome, Fault> {
    let namespace = named(call)?;
    registration::unregister(tx, call.named()?.subscription()?, namespace.name)?;
    shown(tx, call, namespace)
}

/// The provider in the path.
fn named(call: &Call<'_>) -> Result<&'static Namespace, Fault> {
    let name = call.named()?.text("namespace");
    catalogue::namespace(name).ok_or_else(|| Fault::NamespaceNotFound(name.to_owned()))
}

/// The state of the providers in a subscription, or, without one, in the tenant.
struct States {
    subscription: Option<SubscriptionId>,
    unregistered: BTreeSet<String>,
}

impl States {
    fn of(tx: &impl Read, call: &Call<'_>) -> Result<Self, Fault> {
        Self::at(tx, call.named()?.subscription)
    }

    fn at(tx: &impl Read, subscription: Option<SubscriptionId>) -> Result<Self, Fault> {
        let unregistered = match subscription {
            Some(id) => registration::unregistered(tx, id)?,
            None => BTreeSet::new(),
        };
        Ok(Self { subscription, unregistered })
    }

    fn word(&self, namespace: &Namespace) -> &'static str {
        let is_registered = !self.unregistered.contains(&namespace.name.to_ascii_lowercase());
        if is_registered { "Registered" } else { "Unregistered" }
    }
}

/// A provider as a subscription shows it.
pub(crate) fn show_in(tx: &impl Read, id: SubscriptionId, namespace: &Namespace) -> Result<Value, Fault> {
    Ok(show(&States::at(tx, Some(id))?, namespace))
}

fn show(states: &States, namespace: &Namespace) -> Value {
    let above = states.subscription.map(|id| format!("/subscriptions/{id}")).unwrap_or_default();
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
    let policy = if registration::is_free(namespace.name) { "RegistrationFree" } else { "RegistrationRequired" };
    json!({
        "id": format!("{above}/providers/{}", namespace.name),
        "namespace": namespace.name,
        "resourceTypes": types,
        "registrationState": states.word(namespace),
        "registrationPolicy": policy,
    })
}
