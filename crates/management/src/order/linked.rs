//! Linked access: a call that involves other resources than the one it names takes rights on those, too. Who assigns an
//! identity must be allowed to, on the identity itself (TN-03); who puts a machine on a host must be allowed to write the
//! one and to put things on the other.

use super::access::Access;
use super::locks;
use super::place::{Found, Place, check_open, locate};
use super::write::Write;
use crate::command::Call;
use crate::fault::Fault;
use crate::identity_block::Asked;
use bonafide_core::access::{Allowed, Plane, check as granted};
use bonafide_core::directory::{IDENTITY_TYPE, RESOURCE_BY_ID, Resource};
use bonafide_core::lifecycle::IdentityError;
use bonafide_store::Read;
use bonafide_types::{ResourceId, Scope};
use std::borrow::Cow;
use std::collections::HashSet;

/// The right that the caller needs on every identity that it adds.
pub(crate) const ASSIGN: &str = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action";

/// Another resource that a call involves.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: ResourceId,
    /// The action that the caller needs on it.
    pub(crate) right: Cow<'static, str>,
    /// True if the call changes it: its locks count.
    pub(crate) is_changed: bool,
}

/// Another resource that a call involves, with the proof that the caller may involve it so.
#[derive(Debug)]
pub(crate) struct Linked {
    pub(crate) found: Found,
    pub(crate) allowed: Allowed,
}

/// Checks all resources that a write involves beside its own, in the order in which they are given. One that does not
/// exist, or lies in another tenant, is judged by what is above it: without rights there nothing is said about it.
pub(crate) fn check_others(write: &mut Write<'_, '_>, links: Vec<Link>) -> Result<(), Fault> {
    let mut linked = Vec::with_capacity(links.len());
    for link in links {
        let (place, allowed) = may_involve(write, &link)?;
        let Some(found) = place.found.clone() else { return Err(Fault::absent(&link.id)) };
        check_open(&place)?;
        if link.is_changed {
            locks::check_write(write.tx, write.call, &place)?;
        }
        linked.push(Linked { found, allowed });
    }
    write.linked = linked;
    Ok(())
}

fn may_involve(write: &Write<'_, '_>, link: &Link) -> Result<(Place, Allowed), Fault> {
    let (tx, call, access) = (&*write.tx, write.call, write.access);
    let refused = || refused(call, write.kind.right(write.right), &write.new.id, &link.right, vec![link.id.clone()]);
    let place = match locate(tx, call.cx, call.command.by.tenant, &Scope::Id(link.id.clone())) {
        Err(Fault::SubscriptionNotFound(_) | Fault::WrongTenant { .. }) => return Err(refused()),
        located => located?,
    };
    let allowed = granted(tx, &access.grants, &place.chain, &link.right, Plane::Control)?.map_err(|_| refused())?;
    Ok((place, allowed))
}

fn refused(call: &Call<'_>, action: String, scope: &ResourceId, needed: &str, linked: Vec<ResourceId>) -> Fault {
    let caller = (call.command.by.client_id, call.command.by.object_id);
    Fault::LinkedDenied { caller, action, scope: scope.to_string(), needed: needed.into(), linked }
}

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
    Err(refused(call, action.to_owned(), &resource.id, ASSIGN, denied))
}
