//! Tenants and subscriptions, as their callers see them.

use crate::fault::Fault;
use crate::pipeline::Input;
use bonafide_core::access::{ScopeKey, assignments};
use bonafide_core::directory::{SUBSCRIPTIONS, SUBSCRIPTIONS_OF_TENANT, Subscription, TENANTS};
use bonafide_store::{Read, StoreError};
use bonafide_types::SubscriptionId;
use bonafide_wire::Reply;
use http::StatusCode;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The caller's tenant: a token counts in no other.
pub(crate) fn tenants(tx: &impl Read, input: &Input<'_>) -> Result<Reply, Fault> {
    let id = input.caller.tenant;
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
    Ok(Reply::json(StatusCode::OK, &json!({ "value": rows })))
}

/// The subscriptions in which the caller holds a role, at any scope.
pub(crate) fn list(tx: &impl Read, input: &Input<'_>) -> Result<Reply, Fault> {
    let mut value = Vec::new();
    for id in visible(tx, input)? {
        if let Some(row) = tx.get(&SUBSCRIPTIONS, &id)?.filter(|row| row.tenant == input.caller.tenant) {
            value.push(show(id, &row));
        }
    }
    let count = json!({ "type": "Total", "value": value.len() });
    Ok(Reply::json(StatusCode::OK, &json!({ "value": value, "count": count })))
}

fn visible(tx: &impl Read, input: &Input<'_>) -> Result<BTreeSet<SubscriptionId>, StoreError> {
    let tenant = input.caller.tenant;
    let held = assignments::of_principal(tx, tenant, input.caller.object_id)?;
    if held.iter().any(|(_, row)| row.scope == ScopeKey::Root) {
        return tx.many(&SUBSCRIPTIONS_OF_TENANT, &tenant, None, usize::MAX).map(BTreeSet::from_iter);
    }
    Ok(held.iter().filter_map(|(_, row)| row.subscription).collect())
}

/// One subscription.
pub(crate) fn read(tx: &impl Read, id: SubscriptionId) -> Result<Reply, Fault> {
    let row = tx.get(&SUBSCRIPTIONS, &id)?.ok_or(Fault::SubscriptionNotFound(id))?;
    Ok(Reply::json(StatusCode::OK, &show(id, &row)))
}

fn show(id: SubscriptionId, row: &Subscription) -> Value {
    json!({
        "id": format!("/subscriptions/{id}"),
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "tags": {},
        "subscriptionId": id.to_string(),
        "tenantId": row.tenant.to_string(),
        "displayName": row.display_name,
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    })
}
