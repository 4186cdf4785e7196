//! The subject of every refusal: its file has status, code and message.

use super::wire::Wire;
use super::{Fault, absent, access, caller, deployments, identity, management_groups, ours, request, state};

impl Fault {
    /// Status, code and message.
    pub(super) fn wire(&self) -> Wire<'_> {
        match self {
            Self::ApiVersionMissing
            | Self::ApiVersionInvalid { .. }
            | Self::NoRegisteredProvider { .. }
            | Self::PathInvalid(_)
            | Self::SubscriptionIdInvalid(_)
            | Self::QueryInvalid(_)
            | Self::FilterInvalid { .. }
            | Self::BodyInvalid(_)
            | Self::BodyTooLarge
            | Self::LocationMissing
            | Self::NameInvalid { .. }
            | Self::ExtensionInvalid { .. }
            | Self::GroupNameInvalid { .. }
            | Self::PropertyInvalid { .. }
            | Self::InstanceUnknown(_)
            | Self::TooManyTags
            | Self::MethodNotAllowed(_)
            | Self::PreconditionFailed { .. } => request::wire(self),
            Self::IdentityNotSupported { .. }
            | Self::IdentityTypeInvalid(_)
            | Self::IdentitiesUnexpected { .. }
            | Self::IdentitiesMissing
            | Self::IdentityValuesInvalid(_)
            | Self::IdentityIdInvalid(_)
            | Self::Identity { .. } => identity::wire(self),
            Self::AssignmentNameInvalid(_)
            | Self::Assignment(_)
            | Self::PrincipalIdMissing
            | Self::PrincipalIdInvalid(_)
            | Self::RoleIdInvalid(_)
            | Self::RoleAssignmentMalformed
            | Self::PrincipalTypeUnmatched { .. }
            | Self::AssignmentScopeUnmatched { .. }
            | Self::Role(_)
            | Self::PatternInvalid { .. }
            | Self::ConditionNotSupported
            | Self::GrantNotUnderstood(_)
            | Self::AssignmentNotFound(_)
            | Self::RoleNotFound(_) => access::wire(self),
            Self::ManagementGroupNotFound(_) | Self::ManagementGroup { .. } => management_groups::wire(self),
            Self::Token { .. }
            | Self::PrincipalGone
            | Self::WrongTenant { .. }
            | Self::Denied { .. }
            | Self::LinkedDenied { .. } => caller::wire(self),
            Self::NoSuchRoute
            | Self::SubscriptionNotFound(_)
            | Self::GroupNotFound(_)
            | Self::ResourceNotFound(_)
            | Self::ImageNotFound
            | Self::InstanceNotFound
            | Self::ParentNotFound { .. }
            | Self::NamespaceNotFound(_)
            | Self::TypeNotFound { .. }
            | Self::ActionNotFound { .. }
            | Self::ExtensionNotServed { .. }
            | Self::ExtensionNotFound { .. }
            | Self::ArtifactNotFound { .. }
            | Self::LockNotFound(_)
            | Self::OperationNotFound(_) => absent::wire(self),
            Self::TooManyLocks
            | Self::Locked { .. }
            | Self::NotAllowedNow { .. }
            | Self::PropertyFixed { .. }
            | Self::OperationFailed { .. }
            | Self::OperationCanceled(_)
            | Self::OtherLocation { .. }
            | Self::GroupBeingDeleted(_)
            | Self::BeingDeleted(_)
            | Self::TooMuchAtOnce => state::wire(self),
            Self::Deployment(error) => deployments::wire(error),
            Self::WrongProof | Self::Store(_) | Self::ViewTooOld { .. } | Self::Unserved(_) => ours::wire(self),
        }
    }

    /// The part of the request that the refusal is about; `None` where Azure names none.
    pub(super) fn target(&self) -> Option<&'static str> {
        match self {
            Self::IdentitiesUnexpected { .. } | Self::IdentitiesMissing => Some("resourceIdentity.identityIds"),
            Self::ExtensionInvalid { target, .. } => Some(target),
            Self::PropertyFixed { path } => Some(path),
            _ => None,
        }
    }
}
