//! Every refusal, and its form on the wire: with its folder the only place that knows error JSON.
//!
//! Codes and wording: the pages docs/wire/management*.md, which say where each was seen.

mod absent;
mod access;
mod caller;
mod deployments;
mod from;
mod identity;
mod management_groups;
mod ours;
mod reply;
mod request;
mod state;
mod table;
mod wire;

use crate::deployments::DeploymentError;
use crate::operations::Failure;
use crate::types::INSTANCE_TYPE;
use bonafide_core::access::{AssignmentError, ManagementGroupError, RoleError};
use bonafide_core::directory::FullError;
use bonafide_core::lifecycle::{IdentityError, MoveError, PlaceError, SaveError};
use bonafide_core::tokens::TokenError;
use bonafide_store::StoreError;
use bonafide_types::{
    ClientId, Excerpt, ObjectId, OperationId, ResourceId, RoleAssignmentId, SubscriptionId, TenantId, Timestamp,
};
use bonafide_wire::Unserved;
pub(crate) use reply::Trace;

/// Longest filter that a refusal repeats, in characters. Source: ours.
const FILTER_CHARS_SHOWN_MAX: usize = 256;

/// A request that is not done.
#[derive(Debug)]
pub(crate) enum Fault {
    /// No `api-version`.
    ApiVersionMissing,
    /// An `api-version` that is no date, or older than what Resource Manager itself serves.
    ApiVersionInvalid { version: String, supported: Vec<&'static str> },
    /// An `api-version` older than the type, for a resource whose location is known.
    NoRegisteredProvider { location: String, version: String, type_name: String, supported: Vec<&'static str> },
    /// A path or id that none can have.
    PathInvalid(String),
    /// A role assignment's name that is no GUID.
    AssignmentNameInvalid(String),
    /// A subscription that is no GUID.
    SubscriptionIdInvalid(String),
    /// A query that cannot be read.
    QueryInvalid(String),
    /// A `$filter` that cannot be read or is not offered.
    FilterInvalid { detail: String, filter: String },
    /// A body that cannot be read or says something impossible.
    BodyInvalid(String),
    /// A body beyond the limits.
    BodyTooLarge,
    /// A resource without a place.
    LocationMissing,
    /// A resource name that its type does not allow.
    NameInvalid { name: String, type_name: String, rule: &'static str },
    /// The name of a storage account that none can have.
    AccountNameInvalid(String),
    /// The name of a vault that none can have.
    VaultNameInvalid(String),
    /// A place that no group can lie in.
    GroupLocationUnknown { location: String, known: &'static [&'static str] },
    /// A place that no resource can lie in.
    LocationUnknown { location: String, type_name: String, known: &'static [&'static str] },
    /// A group's name with characters that it cannot have.
    GroupNameInvalid { name: String, wrong: String },
    /// A property with a value that its type does not allow.
    PropertyInvalid { property: &'static str, rule: String },
    /// An id that no instance of a scale set has.
    InstanceUnknown(String),
    /// More tags than allowed.
    TooManyTags,
    /// A tag's name with characters that it cannot have.
    TagNameInvalid(String),
    /// A tag's name that is too long.
    TagNameTooLong(String),
    /// A tag's value that is too long.
    TagValueTooLong(String),
    /// An identity on a type that has none.
    IdentityNotSupported { type_name: String, asked: &'static str },
    /// An identity type that is no such word.
    IdentityTypeInvalid(String),
    /// User-assigned identities given with a type that excludes them.
    IdentitiesUnexpected { identity_type: &'static str },
    /// None given with a type that needs them.
    IdentitiesMissing,
    /// Entries of `userAssignedIdentities` that are no objects, or null where nothing can be taken away.
    IdentityValuesInvalid(Vec<String>),
    /// An id in `userAssignedIdentities` that is no resource id.
    IdentityIdInvalid(String),
    /// The directory refused the identities.
    Identity { resource: ResourceId, error: IdentityError },
    /// The access layer refused the role assignment.
    Assignment(AssignmentError),
    /// A role assignment for nobody.
    PrincipalIdMissing,
    /// A principal's id that is no GUID.
    PrincipalIdInvalid(String),
    /// A role definition's id that ends in no GUID.
    RoleIdInvalid(String),
    /// A role assignment whose role is not named by the whole id of its definition.
    RoleAssignmentMalformed,
    /// A principal type that the principal has not.
    PrincipalTypeUnmatched { principal: ObjectId, asked: String },
    /// A role assignment whose body names another scope than its path.
    AssignmentScopeUnmatched { name: RoleAssignmentId, asked: String, path: String },
    /// The refusal to write or delete a role definition.
    Role(RoleError),
    /// A pattern of a role definition that no operation matches.
    PatternInvalid { pattern: String, of_data: bool },
    /// A condition on what is granted.
    ConditionNotSupported,
    /// Another member that limits or widens what is granted, and that is not understood here.
    GrantNotUnderstood(&'static str),

    /// No token, or one that is not valid.
    Token { error: TokenError, now: Timestamp, accepted: Vec<String> },
    /// A token of a principal that is gone or disabled.
    PrincipalGone,
    /// A token of another tenant than the subscription's.
    WrongTenant { subscription: TenantId, issuer: Issuers },

    /// No role grants the action, or one does `under_condition` that does not hold for what is asked.
    Denied { caller: (ClientId, ObjectId), action: String, scope: String, under_condition: bool },
    /// No role grants the action on something that the request refers to.
    LinkedDenied {
        caller: (ClientId, ObjectId),
        action: String,
        scope: String,
        /// The action that is not granted there.
        needed: Box<str>,
        linked: Vec<ResourceId>,
    },

    /// A path outside all that is served.
    NoSuchRoute,
    /// A method that the path does not have.
    MethodNotAllowed(String),
    /// No such subscription.
    SubscriptionNotFound(SubscriptionId),
    /// No such resource group.
    GroupNotFound(String),
    /// No such resource.
    ResourceNotFound(ResourceId),
    /// An image that is not in the catalogue.
    ImageNotFound,
    /// An instance that its scale set does not have.
    InstanceNotFound,
    /// No such parent.
    ParentNotFound { action: String, parent: ResourceId, type_name: String },
    /// No such namespace.
    NamespaceNotFound(String),
    /// No such type in its namespace, or none in this version: then others are `supported`.
    TypeNotFound { type_name: String, version: String, supported: Vec<&'static str> },
    /// No such action on the type.
    ActionNotFound { type_name: String, action: String },
    /// A machine's extension that nothing here runs.
    ExtensionNotServed { type_name: String },
    /// No such management group.
    ManagementGroupNotFound(String),
    /// The refusal to write a management group.
    ManagementGroup { name: String, error: ManagementGroupError },
    /// The publisher of the extension that serves tokens has no other ones.
    ExtensionNotFound { type_name: String },
    /// The catalogue has no such extension.
    ArtifactNotFound { publisher: String, name: String },
    /// An extension that serves tokens cannot be so.
    ExtensionInvalid { target: &'static str, message: String },
    /// A property that stays as it was made.
    PropertyFixed { path: &'static str },
    /// No such role assignment.
    AssignmentNotFound(RoleAssignmentId),
    /// No such lock.
    LockNotFound(String),
    /// No such deny assignment: there are none.
    DenyAssignmentNotFound(String),
    /// The settings of the hierarchy were not made.
    HierarchySettingsNotFound,
    /// Settings of a management group that is not the root group of this tenant.
    HierarchySettingsElsewhere(TenantId),
    /// Settings that would let everybody make management groups.
    GroupCreationOpened,
    /// The subscription has all the locks that it can have.
    TooManyLocks,
    /// No such role definition.
    RoleNotFound(String),
    /// No such feature.
    FeatureNotFound(String),
    /// No name of a tag that was agreed on.
    TagNameNotFound(String),
    /// No such operation, or none of the caller's.
    OperationNotFound(OperationId),
    /// An operation that failed.
    OperationFailed(Failure),
    /// A deployment that is refused.
    Deployment(DeploymentError),
    /// An operation that was canceled.
    OperationCanceled(OperationId),

    /// A provider that is not registered in the subscription.
    NotRegistered(String),
    /// A provider that is there without a registration.
    RegistrationFree(String),
    /// A provider of which the subscription has resources.
    ProviderInUse(String),
    /// A name of a tag that has values.
    TagNameHasValues(String),
    /// As many names or values of tags as can be agreed on.
    TooManyTagNames { of: &'static str, max: usize },
    /// A resource that is elsewhere.
    OtherLocation { id: ResourceId, is: String, asked: String },
    /// A lock does not allow it.
    Locked { scope: String, operation: &'static str, locked: String },
    /// The state of the resource does not allow the operation.
    NotAllowedNow { operation: &'static str, id: ResourceId, state: &'static str },
    /// A resource group that is being deleted.
    GroupBeingDeleted(String),
    /// A resource that takes no further child, or no larger one.
    Full(FullError),
    /// More than one transaction can do.
    TooMuchAtOnce,
    /// `If-Match` or `If-None-Match` is not met.
    PreconditionFailed,

    /// A resource that is being deleted.
    BeingDeleted(ResourceId),
    /// A write whose proof of permission is for something else: a mistake of ours.
    WrongProof,

    /// The store failed.
    Store(StoreError),
    /// The view is too old to say which tokens are valid.
    ViewTooOld { seconds: u64 },
    /// The shell refused the request.
    Unserved(Unserved),
}

/// The version 1 issuers of two tenants, as `WrongTenant` prints them.
#[derive(Debug)]
pub(crate) struct Issuers {
    pub(crate) token: String,
    pub(crate) subscription: String,
    pub(crate) login: String,
}

impl Fault {
    /// The refusal with the api-version that was asked for: a path is read before the query.
    pub(crate) fn of_version(self, asked: &str) -> Self {
        match self {
            Self::TypeNotFound { type_name, supported, .. } => {
                Self::TypeNotFound { type_name, version: Excerpt::of(asked).into(), supported }
            }
            other => other,
        }
    }

    /// The refusal of what a role grants under a condition that does not hold.
    pub(crate) fn under_condition(self) -> Self {
        match self {
            Self::Denied { caller, action, scope, .. } => Self::Denied { caller, action, scope, under_condition: true },
            other => other,
        }
    }

    /// No such resource, or no such group.
    pub(crate) fn absent(id: &ResourceId) -> Self {
        match id {
            id if id.is_group() => Self::GroupNotFound(id.name().to_owned()),
            id if id.is_of(INSTANCE_TYPE) => Self::InstanceNotFound,
            id => Self::ResourceNotFound(id.clone()),
        }
    }

    /// A `$filter` that is refused.
    pub(crate) fn filter(detail: &str) -> Self {
        Self::FilterInvalid { detail: detail.to_owned(), filter: String::new() }
    }

    /// The refusal with the filter that was asked for: who reads its terms does not have it whole.
    pub(crate) fn of_filter(self, asked: Option<&str>) -> Self {
        match self {
            Self::FilterInvalid { detail, .. } => {
                let filter = asked.unwrap_or_default().chars().take(FILTER_CHARS_SHOWN_MAX).collect();
                Self::FilterInvalid { detail, filter }
            }
            other => other,
        }
    }

    /// The refusal to put a workload on a host.
    pub(crate) fn from_place(error: PlaceError) -> Self {
        match error {
            PlaceError::Store(error) => error.into(),
            PlaceError::WrongProof(_) => Self::WrongProof,
            PlaceError::TooManyHosts(id) => {
                Self::NotAllowedNow { operation: "place", id, state: "on as many hosts as it can be" }
            }
        }
    }

    /// The refusal to move a machine.
    pub(crate) fn from_move(machine: &ResourceId, error: MoveError) -> Self {
        match error {
            MoveError::Save(error) => Self::from_save(machine, error),
            MoveError::Place(error) => Self::from_place(error),
        }
    }

    /// The refusal to save a resource.
    pub(crate) fn from_save(resource: &ResourceId, error: SaveError) -> Self {
        match error {
            SaveError::Store(error) => error.into(),
            SaveError::WrongProof(_) => Self::WrongProof,
            SaveError::Full(error) => Self::Full(error),
            SaveError::Identity(error) => Self::Identity { resource: resource.clone(), error },
        }
    }
}
