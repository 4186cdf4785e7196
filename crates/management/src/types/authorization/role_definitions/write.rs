//! Custom roles are made, changed and deleted, by callers with the right at every scope that this reaches.

use super::{read, sent, show};
use crate::command::{Call, Verb};
use crate::fault::Fault;
use crate::order::access::{Access, denied};
use crate::order::audit;
use crate::order::place::{chain_at, locate};
use crate::outcome::{Outcome, Shown};
use bonafide_core::access::definitions::{self, DELETE, WRITE};
use bonafide_core::access::{
    Allowed, Assignable, CUSTOM_ROLES, Chain, CustomRole, NewRole, Plane, RoleError, check, roles,
};
use bonafide_store::{Read, Tx};
use bonafide_types::{Excerpt, ResourceId, RoleDefinitionId, Scope};

/// Makes a custom role or replaces what it says. Both are 201: SDKs take nothing else
/// (docs/wire/management-access.md).
pub(super) fn put(tx: &mut Tx<'_>, call: &Call<'_>, access: &Access, allowed: &Allowed) -> Result<Outcome, Fault> {
    let (scope, id) = asked(call)?;
    let body = call.body()?;
    let key = (call.command.by.tenant, id);
    let old = tx.get(&CUSTOM_ROLES, &key)?;
    let sent = sent::read(body)?;
    let mut proofs = vec![allowed.clone()];
    if let Some(old) = &old {
        proofs.extend(proofs_at(tx, call, access, id, old, WRITE)?);
    }
    let (assignable, more) = assignable(tx, call, access, &sent.scopes)?;
    proofs.extend(more);
    let new = NewRole { name: sent.name, description: sent.description, permissions: sent.permissions, assignable };
    let role = definitions::write(tx, &call.cx.world, &proofs, key, new)?;
    audit::record(tx, call, WRITE, &show::id_at(scope, id))?;
    Ok(Outcome::Created(Shown { body: show::custom(tx, scope, id, &role)?, etag: Some(read::tag(id, &role)) }))
}

/// Deletes a custom role; one that is not there is gone already.
pub(super) fn delete(tx: &mut Tx<'_>, call: &Call<'_>, access: &Access, allowed: &Allowed) -> Result<Outcome, Fault> {
    let (scope, id) = asked(call)?;
    let found = read::near(tx, call, access, id)?;
    let Some(role) = found else { return Ok(Outcome::Nothing) };
    let shown = show::custom(tx, scope, id, &role)?;
    let mut proofs = vec![allowed.clone()];
    proofs.extend(proofs_at(tx, call, access, id, &role, DELETE)?);
    definitions::delete(tx, &proofs, (call.command.by.tenant, id))?;
    audit::record(tx, call, DELETE, &show::id_at(scope, id))?;
    Ok(Outcome::shown(shown))
}

/// The etag of the role. One that a deletion does not see from its scope is not there for it; a name is taken everywhere.
pub(super) fn etag(tx: &Tx<'_>, call: &Call<'_>, access: &Access) -> Result<Option<String>, Fault> {
    let (_, id) = asked(call)?;
    let role = match call.command.verb {
        Verb::Delete => read::near(tx, call, access, id)?,
        _ => tx.get(&CUSTOM_ROLES, &(call.command.by.tenant, id))?,
    };
    Ok(role.map(|role| read::tag(id, &role)))
}

/// The scope and id of the role that a write is about, which is no built-in one.
fn asked<'a>(call: &Call<'a>) -> Result<(&'a Scope, RoleDefinitionId), Fault> {
    let (scope, name) = call.own()?;
    let id = name.parse().map_err(|_| Fault::RoleIdInvalid(Excerpt::of(name).into()))?;
    if roles::by_id(id).is_some() { Err(RoleError::BuiltIn(id).into()) } else { Ok((scope, id)) }
}

/// The proofs of the right at each scope that a role has. The refusal names none of them: the caller may not
/// know them.
fn proofs_at(
    tx: &impl Read,
    call: &Call<'_>,
    access: &Access,
    id: RoleDefinitionId,
    role: &CustomRole,
    action: &str,
) -> Result<Vec<Allowed>, Fault> {
    let (scope, _) = call.own()?;
    let mut proofs = Vec::new();
    for assignable in &role.assignable {
        let chain = chain_of(tx, call, assignable)?;
        let proof = check(tx, &access.grants, &chain, action, Plane::Control)?;
        proofs.push(proof.map_err(|_| denied(call, action, &show::id_at(scope, id)))?);
    }
    Ok(proofs)
}

/// The scopes down to an assignable one; to what is left above one that is gone.
fn chain_of(tx: &impl Read, call: &Call<'_>, assignable: &Assignable) -> Result<Chain, Fault> {
    let tenant = call.command.by.tenant;
    match chain_at(tx, tenant, assignable.scope)? {
        Some(chain) => Ok(chain),
        None => Ok(locate(tx, call.cx, tenant, &Scope::of(assignable.id.clone()))?.chain),
    }
}

/// The scopes that a role is to have, with the proof of the right at each. A scope that does not exist, or lies
/// in another tenant, is judged by what is above it: without rights there nothing is said about it.
fn assignable(
    tx: &impl Read,
    call: &Call<'_>,
    access: &Access,
    ids: &[ResourceId],
) -> Result<(Vec<Assignable>, Vec<Allowed>), Fault> {
    let (mut scopes, mut proofs) = (Vec::<Assignable>::new(), Vec::new());
    let (mut refused, mut missing) = (Vec::new(), None);
    for id in ids {
        let at = Scope::of(id.clone());
        let place = match locate(tx, call.cx, call.command.by.tenant, &at) {
            Ok(place) => place,
            Err(Fault::SubscriptionNotFound(_) | Fault::WrongTenant { .. }) => {
                refused.push(id.clone());
                continue;
            }
            Err(fault) => return Err(fault),
        };
        let Ok(proof) = check(tx, &access.grants, &place.chain, WRITE, Plane::Control)? else {
            refused.push(id.clone());
            continue;
        };
        let id = match &place.found {
            Some((_, resource)) => resource.id.clone(),
            None if matches!(at, Scope::ManagementGroup(_)) && place.management_group.is_none() => {
                missing.get_or_insert_with(|| id.clone());
                continue;
            }
            None if id.parent().is_none() => id.clone(),
            None => {
                missing.get_or_insert_with(|| id.clone());
                continue;
            }
        };
        let scope = place.chain.scope();
        if !scopes.iter().any(|other| other.scope == scope) {
            scopes.push(Assignable { scope, id });
            proofs.push(proof);
        }
    }
    match missing {
        _ if !refused.is_empty() => Err(Fault::LinkedDenied {
            caller: (call.command.by.client_id, call.command.by.object_id),
            action: WRITE.to_owned(),
            scope: call.own()?.0.to_string(),
            needed: WRITE.into(),
            linked: refused,
        }),
        Some(missing) => Err(match Scope::of(missing) {
            Scope::ManagementGroup(id) => Fault::ManagementGroupNotFound(id.name().to_owned()),
            Scope::Root => Fault::NoSuchRoute,
            Scope::Id(id) => Fault::absent(&id),
        }),
        None => Ok((scopes, proofs)),
    }
}
