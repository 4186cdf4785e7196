//! Every refusal, and its form on the wire: with its folder the only place that knows error JSON.
//!
//! Codes and wording: the pages docs/wire/management*.md, which say where each was seen.

mod absent;
mod access;
mod caller;
mod deployments;
mod identity;
mod management_groups;
mod ours;
mod request;
mod state;
mod table;
mod wire;

use crate::deployments::DeploymentError;
use crate::operations::Failure;
use crate::types::INSTANCE_TYPE;
use bonafide_core::access::locks::LockError;
use bonafide_core::access::{AssignmentError, ManagementGroupError, RoleError, WrongProof};
use bonafide_core::lifecycle::{IdentityError, SaveError, TagError};
use bonafide_core::tokens::TokenError;
use bonafide_store::StoreError;
use bonafide_types::{
    ClientId, Excerpt, ObjectId, OperationId, ResourceId, RoleAssignmentId, SubscriptionId, TenantId, Timestamp,
};
use bonafide_wire::path::PathError;
use bonafide_wire::{Reply, Unserved};
use http::StatusCode;
use serde_json::json;
use uuid::Uuid;

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

    /// No role grants the action.
    Denied { caller: (ClientId, ObjectId), action: String, scope: String },
    /// No role grants the action on something that the request refers to.
    LinkedDenied {
        caller: (ClientId, ObjectId),
        action: String,
        scope: String,
        /// The action that is not granted there.
        needed: &'static str,
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
    /// More than one transaction can do.
    TooMuchAtOnce,
    /// `If-Match` or `If-None-Match` is not met.
    PreconditionFailed { etag: String },

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

/// The request id and the log file by which the cause of a failure of ours is found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trace<'a> {
    /// The request's id in the log and in `x-ms-request-id`.
    pub(crate) request: Uuid,
    /// The file of failures, where there is one.
    pub(crate) log_file: Option<&'a str>,
}

impl Trace<'_> {
    fn added_to(&self, message: &str) -> String {
        let tracked = format!("{message} The tracking id is '{}'.", self.request);
        self.log_file.map_or(tracked.clone(), |file| format!("{tracked} For details see logs in {file}"))
    }
}

/// The version 1 issuers of two tenants, as `WrongTenant` prints them.
#[derive(Debug)]
pub(crate) struct Issuers {
    pub(crate) token: String,
    pub(crate) subscription: String,
    pub(crate) login: String,
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::TooManyOps { .. } | StoreError::TooManyReads { .. } => Self::TooMuchAtOnce,
            StoreError::ValueTooLarge { .. } | StoreError::KeyTooLong { .. } | StoreError::TooDeep { .. } => {
                Self::BodyTooLarge
            }
            other => Self::Store(other),
        }
    }
}

impl From<DeploymentError> for Fault {
    fn from(error: DeploymentError) -> Self {
        Self::Deployment(error)
    }
}

impl From<PathError> for Fault {
    fn from(error: PathError) -> Self {
        Self::PathInvalid(error.to_string())
    }
}

impl From<WrongProof> for Fault {
    fn from(_: WrongProof) -> Self {
        Self::WrongProof
    }
}

impl From<LockError> for Fault {
    fn from(error: LockError) -> Self {
        match error {
            LockError::TooMany => Self::TooManyLocks,
            LockError::WrongProof(_) => Self::WrongProof,
            LockError::Store(error) => error.into(),
        }
    }
}

impl From<AssignmentError> for Fault {
    fn from(error: AssignmentError) -> Self {
        match error {
            AssignmentError::Store(error) => error.into(),
            AssignmentError::WrongProof(_) => Self::WrongProof,
            other => Self::Assignment(other),
        }
    }
}

impl From<TagError> for Fault {
    fn from(error: TagError) -> Self {
        match error {
            TagError::WrongProof(_) => Self::WrongProof,
            TagError::Store(error) => error.into(),
        }
    }
}

impl From<RoleError> for Fault {
    fn from(error: RoleError) -> Self {
        match error {
            RoleError::Store(error) => error.into(),
            RoleError::WrongProof(_) => Self::WrongProof,
            other => Self::Role(other),
        }
    }
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

    /// The refusal to save a resource.
    pub(crate) fn from_save(resource: &ResourceId, error: SaveError) -> Self {
        match error {
            SaveError::Store(error) => error.into(),
            SaveError::WrongProof(_) => Self::WrongProof,
            SaveError::Identity(error) => Self::Identity { resource: resource.clone(), error },
        }
    }

    /// The refusal as an operation keeps it.
    pub(crate) fn failure(&self) -> Failure {
        if let Self::OperationFailed(failure) = self {
            return failure.clone();
        }
        let (_, code, message) = self.wire();
        let detail = |target: &str| Failure { target: Some(target.to_owned()), ..Failure::new(code, message.clone()) };
        let details = match self {
            Self::Deployment(DeploymentError::Refused { details, .. }) => details.clone(),
            _ => self.detailed().map(detail).into_iter().collect(),
        };
        Failure { target: self.target().map(str::to_owned), details, ..Failure::new(code, message.clone()) }
    }

    /// Status, code and message.
    pub(crate) fn parts(&self) -> (u16, String, String) {
        let (status, code, message) = self.wire();
        (status.as_u16(), code.to_owned(), message)
    }

    /// The refusal as a reply; `authority` is where a token for the request can be
    /// had, for the challenge of a 401.
    pub(crate) fn reply(&self, authority: impl FnOnce() -> String, trace: &Trace<'_>) -> Reply {
        let (status, ..) = self.wire();
        let mut error = self.failure();
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            error.message = trace.added_to(&error.message);
        }
        let reply = Reply::json(status, &json!({ "error": error })).with("x-ms-failure-cause", "gateway");
        let reply = match self {
            Self::Token { error, .. } => reply.because(error),
            Self::Store(error) => reply.because(error),
            Self::ViewTooOld { seconds } => reply.because(&format!("the view is {seconds} s old")),
            Self::WrongProof => reply.because(&"a write came with the permission for another"),
            _ => reply,
        };
        match status {
            StatusCode::UNAUTHORIZED => {
                // Messages may repeat what the token says: only our own words go into the header.
                let challenge = format!(
                    "Bearer authorization_uri=\"{}\", error=\"invalid_token\", error_description=\"{}\"",
                    authority(),
                    match self {
                        Self::Token { error: TokenError::Missing, .. } => {
                            "The authentication failed because of missing 'Authorization' header."
                        }
                        _ => "The access token is invalid.",
                    }
                );
                reply.with("www-authenticate", &challenge)
            }
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => reply.with("retry-after", "1"),
            _ => reply,
        }
    }
}
