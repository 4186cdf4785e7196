//! RBAC, before anything is said about what exists.

use super::place;
use super::place::{Place, chain_of, locate};
use crate::command::Call;
use crate::fault::Fault;
use crate::operations;
use crate::right::Right;
use bonafide_core::access::{Allowed, Chain, Grants, Plane, ScopeKey, assignments, check};
use bonafide_core::directory::RESOURCES;
use bonafide_store::Read;
use bonafide_types::{ResourceId, Scope, SubscriptionId};

/// The rights of a call, at the revision that it is answered from.
pub(crate) struct Access {
    /// The place that the call names.
    pub(crate) place: Place,
    /// The roles of the caller.
    pub(crate) grants: Grants,
    /// The proof, for a call whose right is an action that a role grants at its scope.
    allowed: Option<Allowed>,
}

impl Access {
    /// The proof that the right's action is granted at its scope.
    pub(crate) fn proof(&self, call: &Call<'_>, right: &Right) -> Result<Allowed, Fault> {
        self.allowed.clone().ok_or_else(|| match right {
            Right::Action(action, scope) => denied(call, action, &scope.to_string()),
            _ => denied(call, "*", "/"),
        })
    }

    /// Checks that a proof is the caller's own and for this action in this place.
    pub(crate) fn confirm(&self, call: &Call<'_>, allowed: &Allowed, action: &str) -> Result<(), Fault> {
        if allowed.principal() != Some(call.command.by.object_id) {
            return Err(Fault::WrongProof);
        }
        let chain = &self.place.chain;
        Ok(allowed.confirm(chain.tenant(), chain.scope(), action, Plane::Control)?)
    }

    /// True when the caller may read all that the listing covers.
    pub(crate) fn sees_all(&self) -> bool {
        self.allowed.is_some()
    }

    /// True when the caller may do `action` on a stored resource.
    pub(crate) fn may(&self, chain: &Chain, action: &str) -> bool {
        check(&self.grants, chain, action, Plane::Control).is_ok()
    }
}

/// Decides a call by its right. In a transaction all that it reads becomes a condition of the commit.
pub(crate) fn enter(tx: &impl Read, call: &Call<'_>, right: &Right) -> Result<Access, Fault> {
    let tenant = call.command.by.tenant;
    let grants = Grants::of(tx, &call.command.by)?.ok_or(Fault::PrincipalGone)?;
    let at = |place: Place, allowed: Option<Allowed>| Access { place, grants: grants.clone(), allowed };
    match right {
        Right::SignedIn => Ok(at(place::root(tenant), None)),
        Right::AnyRole(subscription) => {
            let scope = Scope::Id(ResourceId::of_subscription(*subscription));
            let place = locate(tx, call.cx, tenant, &scope)?;
            if !holds_any(tx, call, *subscription)? {
                return Err(denied(call, "Microsoft.Resources/subscriptions/read", &scope.to_string()));
            }
            Ok(at(place, None))
        }
        Right::Action(action, scope) => {
            let place = locate(tx, call.cx, tenant, scope)?;
            let allowed = check(&grants, &place.chain, action, Plane::Control)
                .map_err(|_| denied(call, action, &scope.to_string()))?;
            Ok(at(place, Some(allowed)))
        }
        Right::Listing(action, id) => {
            let place = locate(tx, call.cx, tenant, &Scope::Id(id.clone()))?;
            let allowed = check(&grants, &place.chain, action, Plane::Control).ok();
            if allowed.is_none() && !holds_near(tx, call, &place, id)? {
                return Err(denied(call, action, id.as_str()));
            }
            Ok(at(place, allowed))
        }
        Right::Operation(subscription, operation) => {
            let scope = Scope::Id(ResourceId::of_subscription(*subscription));
            let place = locate(tx, call.cx, tenant, &scope)?;
            let action = "Microsoft.Resources/subscriptions/operationresults/read";
            let own = operations::find(tx, *subscription, *operation)?
                .is_some_and(|row| row.tenant == tenant && row.principal == call.command.by.object_id);
            if !own && check(&grants, &place.chain, action, Plane::Control).is_err() {
                return Err(denied(call, action, &scope.to_string()));
            }
            Ok(at(place, None))
        }
    }
}

/// True when the caller holds a role at the root, at the subscription or anywhere in it.
fn holds_any(tx: &impl Read, call: &Call<'_>, subscription: SubscriptionId) -> Result<bool, Fault> {
    let held = assignments::of_principal(tx, call.command.by.tenant, call.command.by.object_id)?;
    Ok(held.iter().any(|(_, row)| row.subscription.is_none_or(|held| held == subscription)))
}

/// True when the caller holds a role at the scope of a list, above it or inside it. Whoever does not is told
/// the same whether the scope exists or not.
fn holds_near(tx: &impl Read, call: &Call<'_>, place: &Place, id: &ResourceId) -> Result<bool, Fault> {
    let Some(subscription) = id.subscription() else { return Ok(false) };
    if id.parent().is_none() {
        return holds_any(tx, call, subscription);
    }
    let held = assignments::of_principal(tx, call.command.by.tenant, call.command.by.object_id)?;
    if held.iter().any(|(_, row)| place.chain.scopes().contains(&row.scope)) {
        return Ok(true);
    }
    // Nothing is inside what does not exist; the chain then ends above it.
    if place.found.is_none() {
        return Ok(false);
    }
    for (_, row) in held.into_iter().filter(|(_, row)| row.subscription == Some(subscription)) {
        let (ScopeKey::Group(uuid) | ScopeKey::Resource(uuid)) = row.scope else { continue };
        if let Some(resource) = tx.get(&RESOURCES, &uuid)?
            && chain_of(tx, uuid, &resource)?.scopes().contains(&place.chain.scope())
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The refusal of an action.
pub(crate) fn denied(call: &Call<'_>, action: &str, scope: &str) -> Fault {
    let caller = (call.command.by.client_id, call.command.by.object_id);
    Fault::Denied { caller, action: action.to_owned(), scope: scope.to_owned() }
}
