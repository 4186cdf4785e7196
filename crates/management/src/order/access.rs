//! RBAC, before anything is said about what exists.

use super::place;
use super::place::{Place, chain_near, locate};
use crate::command::Call;
use crate::fault::Fault;
use crate::operations;
use crate::right::Right;
use bonafide_core::access::{
    Allowed, Attributes, Chain, Decision, Grants, Plane, ScopeKey, assignments, chain_of_management_group, check,
    decide,
};
use bonafide_core::directory::RESOURCES;
use bonafide_store::{Read, StoreError};
use bonafide_types::{ResourceId, Scope, SubscriptionId, TenantId};

/// The rights of a call, at the revision that it is answered from.
pub(crate) struct Access {
    /// The place that the call names.
    pub(crate) place: Place,
    /// The roles of the caller.
    pub(crate) grants: Grants,
    /// The right's action at its scope, for a call whose right is one.
    decision: Decision,
}

impl Access {
    /// The proof that the right's action is granted at its scope; `attributes` gives what a condition may ask of the call.
    pub(crate) fn proof(
        &self,
        call: &Call<'_>,
        right: &Right,
        attributes: impl FnOnce() -> Result<Attributes, Fault>,
    ) -> Result<Allowed, Fault> {
        match &self.decision {
            Decision::Granted(allowed) => Ok(allowed.clone()),
            Decision::Conditional(conditional) => {
                conditional.given(&attributes()?).map_err(|_| refused(call, right).under_condition())
            }
            Decision::Denied => Err(refused(call, right)),
        }
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
        matches!(self.decision, Decision::Granted(_))
    }

    /// True when the caller may do `action` on a stored resource.
    pub(crate) fn may(&self, tx: &impl Read, chain: &Chain, action: &str) -> Result<bool, StoreError> {
        Ok(check(tx, &self.grants, chain, action, Plane::Control)?.is_ok())
    }
}

/// Decides a call by its right. In a transaction all that it reads becomes a condition of the commit. What is granted under
/// a condition is refused: nothing more is going to be known of the call.
pub(crate) fn enter(tx: &impl Read, call: &Call<'_>, right: &Right) -> Result<Access, Fault> {
    let access = enter_before_body(tx, call, right)?;
    match access.decision {
        Decision::Conditional(_) => Err(refused(call, right).under_condition()),
        Decision::Granted(_) | Decision::Denied => Ok(access),
    }
}

/// The same for a change, whose body is read afterwards: a condition is left to `Access::proof`, without which nothing is
/// changed.
pub(crate) fn enter_before_body(tx: &impl Read, call: &Call<'_>, right: &Right) -> Result<Access, Fault> {
    let tenant = call.command.by.tenant;
    let grants = Grants::of(tx, &call.command.by)?.ok_or(Fault::PrincipalGone)?;
    let (place, decision) = match right {
        Right::SignedIn => (place::root(tenant), Decision::Denied),
        Right::AnyRole(subscription) => {
            let scope = Scope::Id(ResourceId::of_subscription(*subscription));
            let place = locate(tx, call.cx, tenant, &scope)?;
            if !holds_any(tx, &grants, &place, *subscription)? {
                return Err(denied(call, "Microsoft.Resources/subscriptions/read", &scope.to_string()));
            }
            (place, Decision::Denied)
        }
        Right::Action(action, scope) => {
            let place = locate(tx, call.cx, tenant, scope)?;
            let decision = decide(tx, &grants, &place.chain, action, Plane::Control)?;
            if decision == Decision::Denied {
                return Err(refused(call, right));
            }
            (place, decision)
        }
        Right::Listing(action, scope) => {
            let place = locate(tx, call.cx, tenant, scope)?;
            let decision = match check(tx, &grants, &place.chain, action, Plane::Control)? {
                Ok(allowed) => Decision::Granted(allowed),
                Err(_) => Decision::Denied,
            };
            if decision == Decision::Denied && !holds_near(tx, &grants, &place, scope)? {
                return Err(denied(call, action, &scope.to_string()));
            }
            (place, decision)
        }
        Right::Placing(action, scope) => {
            let place = locate(tx, call.cx, tenant, scope)?;
            let mut decision = decide(tx, &grants, &place.chain, action, Plane::Control)?;
            if decision == Decision::Denied && place.management_group.is_none() {
                decision = decide_anywhere(tx, &grants, tenant, action)?;
            }
            if decision == Decision::Denied {
                return Err(denied(call, action, &scope.to_string()));
            }
            (place, decision)
        }
        Right::Operation(subscription, operation) => {
            let scope = Scope::Id(ResourceId::of_subscription(*subscription));
            let place = locate(tx, call.cx, tenant, &scope)?;
            let action = "Microsoft.Resources/subscriptions/operationresults/read";
            let own = operations::find(tx, *subscription, *operation)?
                .is_some_and(|row| row.tenant == tenant && row.principal == call.command.by.object_id);
            if !own && check(tx, &grants, &place.chain, action, Plane::Control)?.is_err() {
                return Err(denied(call, action, &scope.to_string()));
            }
            (place, Decision::Denied)
        }
    };
    Ok(Access { place, grants, decision })
}

/// Decides whether a role that the caller holds at any management group grants an action there.
fn decide_anywhere(tx: &impl Read, grants: &Grants, tenant: TenantId, action: &str) -> Result<Decision, Fault> {
    for scope in assignments::scopes_above_subscriptions(tx, tenant, grants.principal())? {
        let ScopeKey::ManagementGroup(group) = scope else { continue };
        let chain = chain_of_management_group(tx, tenant, Some(group))?;
        let decision = decide(tx, grants, &chain, action, Plane::Control)?;
        if let Decision::Granted(_) = decision {
            return Ok(decision);
        }
    }
    Ok(Decision::Denied)
}

/// True when the caller holds a role at one of these scopes.
fn holds_at(tx: &impl Read, grants: &Grants, scopes: &[ScopeKey]) -> Result<bool, Fault> {
    for scope in scopes {
        if !grants.roles_at(tx, *scope)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// True when the caller holds a role at a subscription, above it or anywhere in it.
fn holds_any(tx: &impl Read, grants: &Grants, place: &Place, subscription: SubscriptionId) -> Result<bool, Fault> {
    if holds_at(tx, grants, place.chain.scopes())? {
        return Ok(true);
    }
    let held = assignments::of_principal(tx, place.chain.tenant(), grants.principal())?;
    Ok(held.iter().any(|(_, row)| row.subscription == Some(subscription)))
}

/// True when the caller holds a role at the scope of a list, above it or inside it. Whoever does not is told
/// the same whether the scope exists or not.
fn holds_near(tx: &impl Read, grants: &Grants, place: &Place, scope: &Scope) -> Result<bool, Fault> {
    let Scope::Id(id) = scope else { return holds_at(tx, grants, place.chain.scopes()) };
    let Some(subscription) = id.subscription() else { return Ok(false) };
    if id.parent().is_none() {
        return holds_any(tx, grants, place, subscription);
    }
    if holds_at(tx, grants, place.chain.scopes())? {
        return Ok(true);
    }
    // Nothing is inside what does not exist; the chain then ends above it.
    if place.found.is_none() {
        return Ok(false);
    }
    let held = assignments::of_principal(tx, place.chain.tenant(), grants.principal())?;
    for (_, row) in held.into_iter().filter(|(_, row)| row.subscription == Some(subscription)) {
        let (ScopeKey::Group(uuid) | ScopeKey::Resource(uuid)) = row.scope else { continue };
        if let Some(resource) = tx.get(&RESOURCES, &uuid)?
            && chain_near(tx, &place.chain, uuid, &resource)?.scopes().contains(&place.chain.scope())
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The refusal of a call whose right is not granted.
fn refused(call: &Call<'_>, right: &Right) -> Fault {
    match right {
        Right::Action(action, scope) | Right::Placing(action, scope) => denied(call, action, &scope.to_string()),
        _ => denied(call, "*", "/"),
    }
}

/// The refusal of an action.
pub(crate) fn denied(call: &Call<'_>, action: &str, scope: &str) -> Fault {
    let caller = (call.command.by.client_id, call.command.by.object_id);
    Fault::Denied { caller, action: action.to_owned(), scope: scope.to_owned(), under_condition: false }
}
