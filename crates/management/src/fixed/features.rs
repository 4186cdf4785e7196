//! `/subscriptions/{s}/providers/Microsoft.Features`: preview features of providers, which can be registered. Nothing
//! here depends on one.

use super::{Answer, Fixed, Named, in_subscription};
use crate::command::Call;
use crate::fault::Fault;
use crate::order::access::Access;
use crate::order::conditions;
use crate::outcome::{Outcome, Shown};
use crate::right::Right;
use bonafide_core::access::Allowed;
use bonafide_store::{Absence, Read, ReadTx, Table, Tx};
use bonafide_types::{Excerpt, SubscriptionId, Timestamp};
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Features that are registered in a subscription, by `{namespace}/{feature}` in lower case, and since when.
const FEATURES: Table<(SubscriptionId, String), Timestamp> = Table::new("feature", Absence::Withholds);

pub(super) static ENDPOINTS: &[Fixed] = &[
    Fixed::get(
        "/subscriptions/{subscription}/providers/Microsoft.Features/features",
        |named| in_subscription(named, "Microsoft.Features/features/read"),
        list,
    ),
    Fixed::get(
        "/subscriptions/{subscription}/providers/Microsoft.Features/providers/{namespace}/features",
        right_to_read,
        list,
    ),
    Fixed::get(
        "/subscriptions/{subscription}/providers/Microsoft.Features/providers/{namespace}/features/{feature}",
        right_to_read,
        read,
    ),
    Fixed::of_store(
        Method::POST,
        "/subscriptions/{subscription}/providers/Microsoft.Features/providers/{namespace}/features/{feature}/register",
        |named| in_subscription(named, "Microsoft.Features/providers/features/register/action"),
        Answer::Change(etag, register),
    ),
    Fixed::of_store(
        Method::POST,
        "/subscriptions/{subscription}/providers/Microsoft.Features/providers/{namespace}/features/{feature}/unregister",
        |named| in_subscription(named, "Microsoft.Features/providers/features/unregister/action"),
        Answer::Change(etag, unregister),
    ),
];

fn right_to_read(named: &Named) -> Right {
    in_subscription(named, "Microsoft.Features/providers/features/read")
}

/// All features, or those of the provider in the path.
fn list(tx: &ReadTx<'_>, call: &Call<'_>, _access: &Access) -> Result<Outcome, Fault> {
    let named = call.named()?;
    let (id, namespace) = (named.subscription()?, named.text("namespace"));
    let rows = tx.page(&FEATURES, &id, None, usize::MAX)?;
    let registered: BTreeSet<String> = rows.into_iter().map(|((_, name), _)| name).collect();
    let is_asked = |(of, _): &(&str, &str)| namespace.is_empty() || of.eq_ignore_ascii_case(namespace);
    let value: Vec<Value> =
        known().filter(is_asked).map(|feature| show(id, feature, state(registered.contains(&key(feature))))).collect();
    Ok(Outcome::shown(json!({ "value": value })))
}

fn read(tx: &ReadTx<'_>, call: &Call<'_>, _access: &Access) -> Result<Outcome, Fault> {
    let (id, feature) = asked(call)?;
    let is_registered = tx.get(&FEATURES, &(id, key(feature)))?.is_some();
    Ok(shown(id, feature, state(is_registered)))
}

fn etag(tx: &Tx<'_>, call: &Call<'_>, _access: &Access) -> Result<Option<String>, Fault> {
    let (id, feature) = asked(call)?;
    let is_registered = tx.get(&FEATURES, &(id, key(feature)))?.is_some();
    Ok(Some(conditions::etag_of_content(&show(id, feature, state(is_registered)))))
}

fn register(tx: &mut Tx<'_>, call: &Call<'_>, _access: &Access, _allowed: &Allowed) -> Result<Outcome, Fault> {
    let (id, feature) = asked(call)?;
    let key = (id, key(feature));
    if tx.get(&FEATURES, &key)?.is_none() {
        tx.put(&FEATURES, &key, &call.cx.world.now)?;
    }
    Ok(shown(id, feature, REGISTERED))
}

fn unregister(tx: &mut Tx<'_>, call: &Call<'_>, _access: &Access, _allowed: &Allowed) -> Result<Outcome, Fault> {
    let (id, feature) = asked(call)?;
    tx.delete(&FEATURES, &(id, key(feature)))?;
    Ok(shown(id, feature, "Unregistered"))
}

const REGISTERED: &str = "Registered";

fn state(is_registered: bool) -> &'static str {
    if is_registered { REGISTERED } else { "NotRegistered" }
}

/// The feature in the path, in the spelling of the file.
fn asked(call: &Call<'_>) -> Result<(SubscriptionId, (&'static str, &'static str)), Fault> {
    let named = call.named()?;
    let (namespace, feature) = (named.text("namespace"), named.text("feature"));
    let found = known().find(|(of, name)| of.eq_ignore_ascii_case(namespace) && name.eq_ignore_ascii_case(feature));
    Ok((named.subscription()?, found.ok_or_else(|| Fault::FeatureNotFound(Excerpt::of(feature).into()))?))
}

/// The features of the file, by namespace and name.
fn known() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = include_str!("../../data/features.txt").lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once('/'))
}

fn key((namespace, name): (&str, &str)) -> String {
    format!("{namespace}/{name}").to_ascii_lowercase()
}

fn shown(id: SubscriptionId, feature: (&str, &str), state: &str) -> Outcome {
    let body = show(id, feature, state);
    let etag = Some(conditions::etag_of_content(&body));
    Outcome::Shown(Shown { body, etag })
}

fn show(id: SubscriptionId, (namespace, name): (&str, &str), state: &str) -> Value {
    json!({
        "id": format!("/subscriptions/{id}/providers/Microsoft.Features/providers/{namespace}/features/{name}"),
        "name": format!("{namespace}/{name}"),
        "type": "Microsoft.Features/providers/features",
        "properties": { "state": state },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::catalogue;

    #[test]
    fn every_feature_is_of_a_provider_that_is_served() {
        assert!(known().count() > 10);
        for (namespace, name) in known() {
            let provider = catalogue::namespace(namespace).unwrap_or_else(|| panic!("{namespace}"));
            assert_eq!(provider.name, namespace);
            assert!(!name.is_empty() && !name.contains('/'), "{namespace}/{name}");
        }
    }
}
