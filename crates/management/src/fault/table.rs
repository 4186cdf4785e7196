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
            | Self::AccountNameInvalid(_)
            | Self::VaultNameInvalid(_)
            | Self::GroupLocationUnknown { .. }
            | Self::LocationUnknown { .. }
            | Self::ExtensionInvalid { .. }
            | Self::GroupNameInvalid { .. }
            | Self::PropertyInvalid { .. }
            | Self::InstanceUnknown(_)
            | Self::TooManyTags
            | Self::TagNameInvalid(_)
            | Self::TagNameTooLong(_)
            | Self::TagValueTooLong(_)
            | Self::MethodNotAllowed(_)
            | Self::PreconditionFailed => request::wire(self),
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
            Self::ManagementGroupNotFound(_)
            | Self::ManagementGroup { .. }
            | Self::HierarchySettingsNotFound
            | Self::HierarchySettingsElsewhere(_)
            | Self::GroupCreationOpened => management_groups::wire(self),
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
            | Self::DenyAssignmentNotFound(_)
            | Self::FeatureNotFound(_)
            | Self::TagNameNotFound(_)
            | Self::OperationNotFound(_) => absent::wire(self),
            Self::NotRegistered(_)
            | Self::RegistrationFree(_)
            | Self::ProviderInUse(_)
            | Self::TagNameHasValues(_)
            | Self::TooManyTagNames { .. }
            | Self::TooManyLocks
            | Self::Locked { .. }
            | Self::NotAllowedNow { .. }
            | Self::PropertyFixed { .. }
            | Self::OperationFailed { .. }
            | Self::OperationCanceled(_)
            | Self::OtherLocation { .. }
            | Self::GroupBeingDeleted(_)
            | Self::BeingDeleted(_)
            | Self::Full(_)
            | Self::TooMuchAtOnce => state::wire(self),
            Self::Deployment(error) => deployments::wire(error),
            Self::WrongProof | Self::Store(_) | Self::ViewTooOld { .. } | Self::Unserved(_) => ours::wire(self),
        }
    }

    /// The namespace that `details` name, where the refusal has any: clients of before 2020 read it there.
    pub(super) fn detailed(&self) -> Option<&str> {
        match self {
            Self::NotRegistered(namespace) => Some(namespace),
            _ => None,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deployments::DeploymentError;
    use bonafide_core::access::locks::LockError;
    use bonafide_core::access::{AssignmentError, RoleError};
    use bonafide_core::directory::{FullError, Shows};
    use bonafide_types::ResourceId;
    use bonafide_wire::Unserved;

    #[test]
    fn a_limit_is_refused_with_its_code_and_its_number() {
        let id = |path: &str| {
            let text = format!("/subscriptions/{}/resourceGroups/g/providers/{path}", uuid::Uuid::nil());
            ResourceId::parse(&text).unwrap()
        };
        let list = |path: &str, name: &str| Shows::of(&id(path)).and_then(|shows| shows.list(name)).unwrap();
        let refused = |fault: Fault| {
            let (status, code, message) = fault.wire();
            (status.as_u16(), code.to_owned(), message)
        };
        for (fault, status, code, number) in [
            (Fault::from(LockError::TooMany), 409, "LockLimitExceeded", "1000"),
            (AssignmentError::TooMany.into(), 400, "RoleAssignmentLimitExceeded", "4000"),
            (RoleError::TooMany.into(), 400, "RoleDefinitionLimitExceeded", "5000"),
            (DeploymentError::TooMany.into(), 409, "DeploymentQuotaExceeded", "800"),
            (
                FullError::TooMany(
                    id("Microsoft.Network/networkSecurityGroups/g"),
                    list("Microsoft.Network/networkSecurityGroups/g", "securityRules"),
                )
                .into(),
                400,
                "SecurityRuleCountLimitReached",
                "A security group cannot have more than 1000 security rules.",
            ),
            (
                FullError::TooMany(
                    id("Microsoft.Network/virtualNetworks/n"),
                    list("Microsoft.Network/virtualNetworks/n", "subnets"),
                )
                .into(),
                400,
                "SubnetCountLimitReached",
                "3000",
            ),
            (FullError::TooLarge(id("Microsoft.Network/virtualNetworks/n")).into(), 400, "ChildrenTooLarge", "4194304"),
            (Fault::TooManyTagNames { of: "subscription", max: 7 }, 409, "TagNameLimitExceeded", "7"),
        ] {
            let (is_status, is_code, message) = refused(fault);
            assert_eq!((is_status, is_code.as_str()), (status, code));
            assert!(message.contains(number), "{message}");
        }
    }

    #[test]
    fn what_the_shell_turns_away_is_refused_in_words_of_this_surface() {
        for (why, status, code) in [
            (Unserved::OtherUser, 403, "AuthorizationFailed"),
            (Unserved::CertificateExpired, 401, "AuthenticationFailed"),
            (Unserved::TargetTooLong, 414, "InvalidRequestUri"),
            (Unserved::HeadTooLarge, 431, "RequestHeaderFieldsTooLarge"),
            (Unserved::HeadMalformed, 400, "InvalidRequest"),
            (Unserved::BodyTooLarge, 413, "RequestContentTooLarge"),
            (Unserved::BodyTooSlow, 408, "RequestTimeout"),
            (Unserved::BodyBroken, 400, "InvalidRequestContent"),
            (Unserved::Busy, 503, "ServiceUnavailable"),
            (Unserved::ShareTaken, 429, "TooManyRequests"),
            (Unserved::Failed, 500, "InternalServerError"),
        ] {
            let fault = Fault::Unserved(why);
            let (is_status, is_code, message) = fault.wire();
            assert_eq!((is_status.as_u16(), is_code), (status, code));
            assert!(!message.is_empty());
        }
    }
}
