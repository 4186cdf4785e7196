//! Linked access: who assigns an identity must be allowed to, on the identity itself (TN-03).

use super::access::Access;
use super::place::locate;
use crate::command::Call;
use crate::fault::Fault;
use crate::identity_block::Asked;
use bonafide_core::directory::{IDENTITY_TYPE, RESOURCE_BY_ID, Resource};
use bonafide_core::lifecycle::IdentityError;
use bonafide_store::Read;
use bonafide_types::{ResourceId, Scope};
use std::collections::HashSet;

/// The right that the caller needs on every identity that it adds.
pub(crate) const ASSIGN: &str = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action";

/// Of the identities assigned already, those whose name belongs to another identity by now: the old one
/// was deleted and one of the same name made. Naming it assigns the new one.
pub(crate) fn replaced(tx: &impl Read, asked: &Asked, old: &Resource) -> Result<HashSet<String>, Fault> {
    let named: HashSet<String> = asked.named().iter().map(ResourceId::fold).collect();
    let mut replaced = HashSet::new();
    for user in &old.identity.users {
        let fold = user.id.fold();
        if named.contains(&fold) && tx.find(&RESOURCE_BY_ID, &fold)?.is_some_and(|now| now != user.identity) {
            replaced.insert(fold);
        }
    }
    Ok(replaced)
}

/// Checks every identity that is being added. One that does not exist, or lies in another tenant, is
/// judged by what is above it: without rights there nothing is said about it.
pub(crate) fn check<'a>(
    tx: &impl Read,
    call: &Call<'_>,
    access: &Access,
    resource: &Resource,
    action: &str,
    add: impl Iterator<Item = &'a ResourceId>,
) -> Result<(), Fault> {
    let mut denied = Vec::new();
    for id in add {
        if !id.is_of(IDENTITY_TYPE) {
            let error = IdentityError::NotAnIdentity(id.clone());
            return Err(Fault::Identity { resource: resource.id.clone(), error });
        }
        let granted = match locate(tx, call.cx, call.command.by.tenant, &Scope::Id(id.clone())) {
            Ok(place) => access.may(tx, &place.chain, ASSIGN)?,
            Err(Fault::SubscriptionNotFound(_) | Fault::WrongTenant { .. }) => false,
            Err(fault) => return Err(fault),
        };
        if !granted && !denied.contains(id) {
            denied.push(id.clone());
        }
    }
    if denied.is_empty() {
        return Ok(());
    }
    Err(Fault::LinkedDenied {
        caller: (call.command.by.client_id, call.command.by.object_id),
        action: action.to_owned(),
        scope: resource.id.to_string(),
        needed: ASSIGN,
        linked: denied,
    })
}
