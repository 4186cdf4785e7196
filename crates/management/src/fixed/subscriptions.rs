//! Tenants and subscriptions, as their callers see them.

use super::{Fixed, Named, everything};
use crate::command::Call;
use crate::fault::Fault;
use crate::order::access::Access;
use crate::outcome::Outcome;
use crate::right::Right;
use bonafide_core::access::{ScopeKey, assignments, chain_of_subscription};
use bonafide_core::directory::{SUBSCRIPTION_TAGS, SUBSCRIPTIONS, SUBSCRIPTIONS_OF_TENANT, Subscription, TENANTS};
use bonafide_store::{Read, ReadTx, StoreError};
use bonafide_types::SubscriptionId;
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub(super) static ENDPOINTS: &[Fixed] = &[
    Fixed::get("/tenants", |_| Right::SignedIn, tenants),
    Fixed::get("/subscriptions", |_| Right::SignedIn, list),
    Fixed::get("/subscriptions/{subscription}", right_of_any_role, read),
];

/// The right to see a subscription and what is the same in all of them.
pub(super) fn right_of_any_role(named: &Named) -> Right {
    named.subscription.map_or_else(everything, Right::AnyRole)
}

/// The caller's tenant: a token is valid in no other.
fn tenants(tx: &ReadTx<'_>, call: &Call<'_>, _access: &Access) -> Result<Outcome, Fault> {
    let id = call.command.by.tenant;
    let rows: Vec<Value> = tx
        .get(&TENANTS, &id)?
        .map(|tenant| {
            json!({
                "id": format!("/tenants/{id}"),
                "tenantId": id.to_string(),
                "tenantCategory": "Home",
                "displayName": tenant.display_name,
            })
        })
        .into_iter()
        .collect();
    Ok(Outcome::shown(json!({ "value": rows })))
}

/// The subscriptions in which the caller holds a role, at any scope.
fn list(tx: &ReadTx<'_>, call: &Call<'_>, _access: &Access) -> Result<Outcome, Fault> {
    let mut value = Vec::new();
    for id in visible(tx, call)? {
        if let Some(row) = tx.get(&SUBSCRIPTIONS, &id)?.filter(|row| row.tenant == call.command.by.tenant) {
            value.push(show(tx, id, &row)?);
        }
    }
    let count = json!({ "type": "Total", "value": value.len() });
    Ok(Outcome::shown(json!({ "value": value, "count": count })))
}

fn visible(tx: &impl Read, call: &Call<'_>) -> Result<BTreeSet<SubscriptionId>, StoreError> {
    let tenant = call.command.by.tenant;
    let held = assignments::of_principal(tx, tenant, call.command.by.object_id)?;
    let mut found: BTreeSet<SubscriptionId> = held.iter().filter_map(|(_, row)| row.subscription).collect();
    let above: BTreeSet<ScopeKey> =
        held.into_iter().filter(|(_, row)| row.subscription.is_none()).map(|(_, row)| row.scope).collect();
    if above.is_empty() {
        return Ok(found);
    }
    for id in tx.many(&SUBSCRIPTIONS_OF_TENANT, &tenant, None, usize::MAX)? {
        let Some(row) = tx.get(&SUBSCRIPTIONS, &id)? else { continue };
        if chain_of_subscription(tx, id, &row)?.scopes().iter().any(|scope| above.contains(scope)) {
            found.insert(id);
        }
    }
    Ok(found)
}

/// One subscription.
fn read(tx: &ReadTx<'_>, call: &Call<'_>, _access: &Access) -> Result<Outcome, Fault> {
    let id = call.named()?.subscription()?;
    let row = tx.get(&SUBSCRIPTIONS, &id)?.ok_or(Fault::SubscriptionNotFound(id))?;
    Ok(Outcome::shown(show(tx, id, &row)?))
}

fn show(tx: &impl Read, id: SubscriptionId, row: &Subscription) -> Result<Value, StoreError> {
    Ok(json!({
        "id": format!("/subscriptions/{id}"),
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "tags": tx.get(&SUBSCRIPTION_TAGS, &id)?.unwrap_or_default(),
        "subscriptionId": id.to_string(),
        "tenantId": row.tenant.to_string(),
        "displayName": row.display_name,
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    }))
}
