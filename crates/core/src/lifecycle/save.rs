//! Creating and changing a resource with its identities. A system-assigned identity and its service
//! principal appear and vanish in the same transaction as their resource; a user-assigned identity is a
//! resource of its own, assigned to many.

use super::below::{self, BelowError};
use super::extension::{EXTENSION_IDENTITIES_MAX, too_many_identities};
use super::follow_facts;
use super::gone_principals::delete_principal;
use super::news::is_news;
use super::place;
use crate::access::{Allowed, ScopeKey, WrongProof};
use crate::directory::{
    AssignedIdentity, Change, FullError, IDENTITY_TYPE, IDENTITY_USES, PrincipalKind, PrincipalRef, RESOURCES,
    Resource, create_principal, find,
};
use bonafide_store::{Read, StoreError, Tx};
use bonafide_types::limits::USER_ASSIGNED_IDENTITIES_MAX;
use bonafide_types::{ClientId, ResourceId, ResourceUuid, World};

/// The reason why identities could not be changed as asked.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The ARM id is not that of a user-assigned identity; a system-assigned identity, which cannot
    /// be shared, is named by its resource and ends here too.
    #[error("'{0}' is not a user-assigned identity")]
    NotAnIdentity(ResourceId),
    /// There is no such identity.
    #[error("the identity '{0}' does not exist")]
    NotFound(ResourceId),
    /// The identity belongs to another tenant: no identity crosses tenants.
    #[error("the identity '{0}' belongs to another tenant")]
    OtherTenant(ResourceId),
    /// More than [`USER_ASSIGNED_IDENTITIES_MAX`].
    #[error("a resource can have at most {USER_ASSIGNED_IDENTITIES_MAX} user-assigned identities")]
    TooMany,
    /// More than the extension on the resource serves, [`EXTENSION_IDENTITIES_MAX`]: so many.
    #[error(
        "with the extension for managed identities a resource can have at most {EXTENSION_IDENTITIES_MAX} user-assigned identities, and this would have {0}"
    )]
    TooManyForExtension(usize),
}

/// The reason why a resource could not be saved.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// Its identities cannot be changed as asked.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The resource above it takes no more.
    #[error(transparent)]
    Full(#[from] FullError),
    /// The proof of permission is for something else.
    #[error(transparent)]
    WrongProof(#[from] WrongProof),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<BelowError> for SaveError {
    fn from(error: BelowError) -> Self {
        match error {
            BelowError::Full(error) => Self::Full(error),
            BelowError::Store(error) => Self::Store(error),
        }
    }
}

/// Stores a resource, new (version 0) or changed, with one more version; makes its identities what
/// `change` says; and updates its placements, so that its hosts follow. A new user-assigned identity gets
/// its service principal. `allowed` is the proof of a write on the resource; of a new one, in the
/// innermost scope above it.
pub fn save(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    allowed: &Allowed,
    uuid: ResourceUuid,
    resource: &mut Resource,
    change: Option<&Change>,
) -> Result<(), SaveError> {
    let is_new = resource.version == 0;
    confirm_write(allowed, uuid, resource)?;
    let takes_away = match change {
        Some(change) => change_identities(tx, world, uuid, resource, change)?,
        None => false,
    };
    let adds = resource.is_extension()
        || resource.model_extension.is_some()
        || change.is_some_and(|change| !change.add.is_empty() || change.nested.is_some());
    if let Some(count) = if adds { too_many_identities(tx, uuid, resource)? } else { None } {
        return Err(IdentityError::TooManyForExtension(count).into());
    }
    if is_new && resource.id.is_of(IDENTITY_TYPE) {
        let kind = PrincipalKind::UserAssigned { resource: uuid, resource_id: resource.id.clone() };
        resource.principal = Some(principal_of(tx, world, resource, kind)?);
    }
    resource.version += 1;
    resource.changed_at = world.now;
    below::count(tx, world, uuid, resource)?;
    let hosts_hear = match (is_new, takes_away) {
        (true, _) => {
            tx.create(&RESOURCES, &uuid, resource)?;
            false
        }
        (false, true) => {
            tx.put_from_reserve(&RESOURCES, &uuid, resource)?;
            true
        }
        (false, false) => tx.replace(&RESOURCES, &uuid, resource)?.is_none_or(|old| is_news(&old, resource)),
    };
    if hosts_hear {
        place::refresh(tx, uuid, resource)?;
    }
    follow_facts::follow(tx, &resource.id)?;
    match resource.parent.filter(|_| resource.is_extension()) {
        Some(machine) => Ok(place::refresh_machine(tx, machine)?),
        None => Ok(()),
    }
}

/// The resources that have a user-assigned identity.
pub fn users_of(tx: &impl Read, identity: ResourceUuid) -> Result<Vec<ResourceUuid>, StoreError> {
    tx.many(&IDENTITY_USES, &identity, None, usize::MAX)
}

/// The proof of a write on a resource; of a new one, in the innermost scope above it.
pub(super) fn confirm_write(allowed: &Allowed, uuid: ResourceUuid, resource: &Resource) -> Result<(), WrongProof> {
    let scope = if resource.version == 0 { scope_above(resource) } else { ScopeKey::of(uuid, resource) };
    allowed.confirm_write(resource.tenant, scope, resource.id.type_name().as_str())
}

/// The innermost scope above a resource.
fn scope_above(resource: &Resource) -> ScopeKey {
    let subscription = || resource.subscription().map_or(ScopeKey::Root, ScopeKey::Subscription);
    match (resource.parent, resource.group) {
        (Some(parent), _) => ScopeKey::Resource(parent),
        (None, Some(group)) => ScopeKey::Group(group),
        (None, None) => subscription(),
    }
}

/// True when it takes a user-assigned identity away. (With a system-assigned one goes a row.)
fn change_identities(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    uuid: ResourceUuid,
    resource: &mut Resource,
    change: &Change,
) -> Result<bool, SaveError> {
    let mut gives = false;
    match (change.system, resource.identity.system) {
        (true, None) => {
            gives = true;
            let kind = PrincipalKind::SystemAssigned { resource: uuid, resource_id: resource.id.clone() };
            resource.identity.system = Some(principal_of(tx, world, resource, kind)?);
            resource.identity.system_since = resource.model;
        }
        (false, Some(system)) => {
            delete_principal(tx, system.principal_id)?;
            resource.identity.system = None;
        }
        (true, Some(_)) | (false, None) => {}
    }
    let mut added: Vec<AssignedIdentity> = Vec::new();
    for id in &change.add {
        let identity = load(tx, id, resource)?;
        if !resource.identity.users.iter().chain(&added).any(|user| user.identity == identity.identity) {
            // The entry of a deleted identity of the same name gives way to the new one.
            resource.identity.users.retain(|user| user.id != *id);
            added.push(identity);
        }
    }
    let users_before = resource.identity.users.len();
    resource.identity.users.retain(|user| {
        let removed = change.remove.contains(&user.id) || (change.remove_all_users && !change.add.contains(&user.id));
        !removed
    });
    let nested = change_nested(tx, resource, change)?;
    let takes_away = resource.identity.users.len() < users_before || nested.takes_away;
    if gives || !added.is_empty() || nested.gives {
        tx.forgo_reserve();
    }
    resource.identity.users.extend(added);
    if resource.identity.assigned().count() > USER_ASSIGNED_IDENTITIES_MAX {
        return Err(IdentityError::TooMany.into());
    }
    Ok(takes_away)
}

/// The direction of a change.
#[derive(Default)]
struct Direction {
    gives: bool,
    takes_away: bool,
}

/// Makes the identities that the properties assign those that they name now.
fn change_nested(tx: &impl Read, resource: &mut Resource, change: &Change) -> Result<Direction, SaveError> {
    let Some(ids) = &change.nested else { return Ok(Direction::default()) };
    let mut now: Vec<AssignedIdentity> = Vec::with_capacity(ids.len());
    for id in ids {
        let identity = match resource.identity.nested.iter().find(|was| was.id == *id) {
            // It stays though the identity was deleted, as one of the identity block does.
            Some(was) if find(tx, id)?.is_none_or(|(uuid, _)| uuid == was.identity) => was.clone(),
            _ => load(tx, id, resource)?,
        };
        if !now.iter().any(|other| other.identity == identity.identity) {
            now.push(identity);
        }
    }
    let old = std::mem::replace(&mut resource.identity.nested, now);
    let lacks = |these: &[AssignedIdentity], those: &[AssignedIdentity]| {
        those.iter().any(|one| !these.iter().any(|other| other.identity == one.identity))
    };
    let now = &resource.identity.nested;
    Ok(Direction { gives: lacks(&old, now), takes_away: lacks(now, &old) })
}

fn principal_of(
    tx: &mut Tx<'_>,
    world: &World<'_>,
    resource: &Resource,
    kind: PrincipalKind,
) -> Result<PrincipalRef, StoreError> {
    let client_id = ClientId::random(world.entropy);
    let (principal_id, _) = create_principal(tx, world, resource.tenant, (client_id, resource.id.name()), kind)?;
    Ok(PrincipalRef { principal_id, client_id })
}

fn load(tx: &impl Read, id: &ResourceId, resource: &Resource) -> Result<AssignedIdentity, SaveError> {
    if !id.is_of(IDENTITY_TYPE) {
        return Err(IdentityError::NotAnIdentity(id.clone()).into());
    }
    let (identity, row) = find(tx, id)?.ok_or_else(|| IdentityError::NotFound(id.clone()))?;
    if row.tenant != resource.tenant {
        return Err(IdentityError::OtherTenant(id.clone()).into());
    }
    let principal = row.principal.ok_or_else(|| IdentityError::NotFound(id.clone()))?;
    Ok(AssignedIdentity { identity, id: id.clone(), since: resource.model, principal })
}
