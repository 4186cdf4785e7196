//! The reasons why the directory is not changed.

use crate::access::WrongProof;
use crate::directory::RegisterError;
use bonafide_store::StoreError;
use bonafide_types::{CredentialId, ObjectId, ResourceId};
use uuid::Uuid;

/// Credentials of one application or service principal, at most. Source: ours.
pub const CREDENTIALS_PER_OBJECT_MAX: usize = 100;
/// Owners of one application or service principal, at most. Source: ours.
pub const OWNERS_MAX: usize = 100;
/// Application id URIs of one application, at most. Source: Microsoft Learn, "Validation differences by supported account
/// types" (50 for the strictest of them).
pub const IDENTIFIER_URIS_MAX: usize = 50;

/// Roles of applications that one service principal can have. Source: Microsoft Learn, "Microsoft Entra service limits and
/// restrictions" (1,500).
pub const APP_ROLES_OF_PRINCIPAL_MAX: usize = 1_500;
/// Of these, roles of one application. Source: ours; each is in every token for it, at most 120 characters long, and servers
/// refuse header fields of more than 8 KiB.
pub const APP_ROLES_AT_ONE_RESOURCE_MAX: usize = 40;

/// Policies of token lifetimes of one tenant, at most. Source: ours; each is in the view.
pub const LIFETIME_POLICIES_MAX: usize = 100;

/// The reason why an application or a service principal is not changed.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// It is the last owner of its tenant's root.
    #[error("it is the last owner of the root")]
    LastOwner,
    /// It is the service principal of a managed identity, which belongs to a resource.
    #[error("it is the service principal of the managed identity {0}")]
    Locked(ResourceId),
    /// An identifier cannot be its.
    #[error(transparent)]
    Register(#[from] RegisterError),
    /// The application has a service principal already.
    #[error("the application has a service principal already")]
    PrincipalExists,
    /// The owner is one already.
    #[error("the owner is one already")]
    OwnerExists,
    /// The object has no such owner.
    #[error("{0} is none of its owners")]
    NoOwner(ObjectId),
    /// The tenant has no such service principal.
    #[error("there is no service principal {0}")]
    NoPrincipal(ObjectId),
    /// The application of the service defines no such role.
    #[error("there is no role {0}")]
    NoAppRole(Uuid),
    /// The role is disabled, or for users only.
    #[error("the role {0} is disabled, or for users only")]
    AppRoleNotGiven(Uuid),
    /// The principal has the role.
    #[error("the role is assigned already")]
    AppRoleAssigned,
    /// Too many have the role for it to end with its definition.
    #[error("many have the role {0}")]
    AppRoleHeld(Uuid),
    /// The object has no such credential of that kind.
    #[error("there is no credential {0}")]
    NoCredential(CredentialId),
    /// The tenant has another default policy.
    #[error("there is another default policy")]
    DefaultExists,
    /// Something has the policy.
    #[error("the policy is assigned")]
    PolicyInUse,
    /// The object does not have this policy.
    #[error("the policy {0} is not assigned")]
    PolicyNotAssigned(ObjectId),
    /// The object has a policy already.
    #[error("the object has a policy already")]
    PolicyExists,
    /// It would have more of something than it may.
    #[error("there can be at most {1} {0}")]
    TooMany(&'static str, usize),
    /// The proof of permission is for something else.
    #[error(transparent)]
    WrongProof(#[from] WrongProof),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
