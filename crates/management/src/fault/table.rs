//! The table: status, code and message of every refusal.

use super::Fault;
use super::access::{assignment_error, role_error};
use super::ours::{internal, store_error, unavailable};
use crate::limits::TAGS_MAX;
use bonafide_core::access::locks::LOCKS_PER_SUBSCRIPTION_MAX;
use bonafide_core::lifecycle::IdentityError;
use bonafide_core::tokens::TokenError;
use bonafide_types::limits::{MANAGEMENT_BODY_BYTES_MAX, USER_ASSIGNED_IDENTITIES_MAX};
use bonafide_types::{ResourceId, Timestamp};
use bonafide_wire::Unserved;
use http::StatusCode;
use serde_json::json;

impl Fault {
    /// Status, code and message.
    pub(super) fn wire(&self) -> (StatusCode, &str, String) {
        const BAD: StatusCode = StatusCode::BAD_REQUEST;
        const UNAUTHORIZED: StatusCode = StatusCode::UNAUTHORIZED;
        const FORBIDDEN: StatusCode = StatusCode::FORBIDDEN;
        const NOT_FOUND: StatusCode = StatusCode::NOT_FOUND;
        const CONFLICT: StatusCode = StatusCode::CONFLICT;
        match self {
            Self::ApiVersionMissing => (
                BAD,
                "MissingApiVersionParameter",
                "The api-version query parameter (?api-version=) is required for all requests.".to_owned(),
            ),
            Self::ApiVersionInvalid { version, supported } => (
                BAD,
                "InvalidApiVersionParameter",
                format!("The api-version '{version}' is invalid. The supported versions are '{}'.", supported.join(",")),
            ),
            Self::NoRegisteredProvider { location, version, type_name, supported } => (
                BAD,
                "NoRegisteredProviderFound",
                format!(
                    "No registered resource provider found for location '{location}' and API version '{version}' for type '{}'. The supported api-versions are '{}'.",
                    split(type_name).1,
                    supported.join(", ")
                ),
            ),
            Self::PathInvalid(detail) => (BAD, "InvalidRequestUri", format!("The request URI is invalid: {detail}.")),
            Self::AssignmentNameInvalid(name) => (
                BAD,
                "InvalidRoleAssignmentId",
                format!("The role assignment ID '{name}' is not valid. The role assignment ID must be a GUID."),
            ),
            Self::SubscriptionIdInvalid(id) => (
                BAD,
                "InvalidSubscriptionId",
                format!("The provided subscription identifier '{id}' is malformed or invalid."),
            ),
            Self::QueryInvalid(detail) => (BAD, "InvalidRequestParameter", format!("The query string is invalid: {detail}.")),
            Self::FilterInvalid { detail, filter } => (
                BAD,
                "InvalidFilterInQueryString",
                format!("Invalid $filter '{filter}' specified in the query string: {detail}."),
            ),
            Self::BodyInvalid(detail) => (
                BAD,
                "InvalidRequestContent",
                format!("The request content was invalid and could not be deserialized: '{detail}'."),
            ),
            Self::BodyTooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "RequestContentTooLarge",
                format!("The request content size exceeds the maximum size of {} MB.", MANAGEMENT_BODY_BYTES_MAX / (1024 * 1024)),
            ),
            Self::LocationMissing => (BAD, "LocationRequired", "The location property is required for this definition.".to_owned()),
            Self::NameInvalid { name, type_name, rule } => {
                (BAD, "InvalidResourceName", format!("The name '{name}' is not allowed for a resource of type '{type_name}': {rule}."))
            }
            Self::GroupNameInvalid { name, wrong } => (
                BAD,
                "InvalidResourceGroup",
                format!("The provided resource group name '{name}' has these invalid characters: '{wrong}'. The name can only be a letter, digit, '-', '.', '(', ')' or '_'."),
            ),
            Self::TooManyTags => (BAD, "TooManyTags", format!("A resource can have at most {TAGS_MAX} tags.")),
            Self::IdentityNotSupported { type_name, asked } => (
                BAD,
                "CannotSetResourceIdentity",
                format!("Resource type '{type_name}' does not support creation of '{asked}' resource identity. The supported types are 'None'."),
            ),
            Self::IdentityTypeInvalid(text) => (BAD, "InvalidParameter", format!("The identity type '{text}' is not valid. The types are 'None', 'SystemAssigned', 'UserAssigned' and 'SystemAssigned, UserAssigned'.")),
            Self::IdentitiesUnexpected { identity_type } => (
                BAD,
                "InvalidParameter",
                format!("ResourceIdentity identityIds should not be provided if the type is \"{identity_type}\"."),
            ),
            Self::IdentitiesMissing => (
                BAD,
                "InvalidParameter",
                "ResourceIdentity identityIds should be provided if the type includes \"UserAssigned\".".to_owned(),
            ),
            Self::IdentityValuesInvalid(ids) => (
                BAD,
                "InvalidIdentityValues",
                format!("Invalid value for the identities '{}'. The 'UserAssignedIdentities' property keys should only be empty json objects, null or the resource exisiting property.", ids.join(",")),
            ),
            Self::IdentityIdInvalid(id) => (
                BAD,
                "LinkedInvalidPropertyId",
                format!("Property id '{id}' at path 'identity.userAssignedIdentities' is invalid. Expect fully qualified resource Id that start with '/subscriptions/{{subscriptionId}}' or '/providers/{{resourceProviderNamespace}}/'."),
            ),
            Self::Identity { resource, error } => identity_error(resource, error),
            Self::Assignment(error) => assignment_error(error),
            Self::PrincipalIdMissing => {
                (BAD, "InvalidPrincipalId", "A valid principal ID must be provided for role assignment.".to_owned())
            }
            Self::PrincipalIdInvalid(id) => (
                BAD,
                "InvalidPrincipalId",
                format!("The Principal ID '{id}' is not valid. Principal ID must be a GUID."),
            ),
            Self::RoleIdInvalid(id) => (BAD, "InvalidRoleDefinitionId", format!("The role definition ID '{id}' is not valid.")),
            Self::RoleAssignmentMalformed => (BAD, "BadRequestFormat", "The request was incorrectly formatted.".to_owned()),
            Self::PrincipalTypeUnmatched { principal, asked } => (
                BAD,
                "UnmatchedPrincipalType",
                format!("The PrincipalId '{}' has type 'ServicePrincipal' , which is different from specified PrinciaplType '{asked}'.", principal.uuid().simple()),
            ),
            Self::Role(error) => role_error(error),
            Self::PatternInvalid { pattern, of_data } => (
                BAD,
                if *of_data { "InvalidDataActionOrNotDataAction" } else { "InvalidActionOrNotAction" },
                format!("'{pattern}' does not match any of the actions supported by the providers."),
            ),
            Self::ConditionNotSupported => (
                BAD,
                "ConditionNotSupported",
                "'condition' and 'conditionVersion' are not supported: a grant that ignored its condition would be too wide. Leave them out, or grant less.".to_owned(),
            ),
            Self::GrantNotUnderstood(member) => (
                BAD,
                "InvalidRequestContent",
                format!("'{member}' is not supported: what is granted without it is not what was asked for. Leave it out."),
            ),
            Self::Token { error, now, accepted } => token_error(error, *now, accepted),
            Self::PrincipalGone => (UNAUTHORIZED, "InvalidAuthenticationToken", "The access token is invalid.".to_owned()),
            Self::WrongTenant { subscription, issuer } => (
                UNAUTHORIZED,
                "InvalidAuthenticationTokenTenant",
                format!("The access token is from the wrong issuer '{}'. It must match the tenant '{}' associated with this subscription. Please use the authority (URL) '{}/{subscription}' to get the token. Note, if the subscription is transferred to another tenant there is no impact to the services, but information about new tenant could take time to propagate (up to an hour). If you just transferred your subscription and see this error message, please try back later.", issuer.token, issuer.subscription, issuer.login),
            ),
            Self::Denied { caller: (client, object), action, scope } => (
                FORBIDDEN,
                "AuthorizationFailed",
                format!("The client '{client}' with object id '{object}' does not have authorization to perform action '{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please refresh your credentials."),
            ),
            Self::LinkedDenied { caller: (client, object), action, scope, needed, linked } => {
                let linked: Vec<&str> = linked.iter().map(ResourceId::as_str).collect();
                (
                    FORBIDDEN,
                    "LinkedAuthorizationFailed",
                    format!("The client '{client}' with object id '{object}' has permission to perform action '{action}' on scope '{scope}'; however, it does not have permission to perform action '{needed}' on the linked scope(s) '{}' or the linked scope(s) are invalid.", linked.join(",")),
                )
            }
            Self::NoSuchRoute => (
                NOT_FOUND,
                "MissingSubscription",
                "The request did not have a subscription or a valid tenant level resource provider.".to_owned(),
            ),
            Self::MethodNotAllowed(method) => {
                (StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", format!("The requested resource does not support http method '{method}'."))
            }
            Self::SubscriptionNotFound(id) => (NOT_FOUND, "SubscriptionNotFound", format!("The subscription '{id}' could not be found.")),
            Self::GroupNotFound(name) => (NOT_FOUND, "ResourceGroupNotFound", format!("Resource group '{name}' could not be found.")),
            Self::ResourceNotFound(id) => (
                NOT_FOUND,
                "ResourceNotFound",
                format!("The Resource '{}' under resource group '{}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix", short(id), id.resource_group().unwrap_or("<null>")),
            ),
            Self::ParentNotFound { action, parent, type_name } => (
                NOT_FOUND,
                "ParentResourceNotFound",
                format!("Failed to perform '{action}' on resource(s) of type '{type_name}', because the parent resource '{parent}' could not be found."),
            ),
            Self::NamespaceNotFound(namespace) => (NOT_FOUND, "InvalidResourceNamespace", format!("The resource namespace '{namespace}' is invalid.")),
            Self::TypeNotFound { type_name, version, supported } => {
                let (namespace, types) = split(type_name);
                let message = if types.is_empty() {
                    format!("The resource type could not be found in the namespace '{namespace}' for api version '{version}'.")
                } else if supported.is_empty() {
                    format!("The resource type '{types}' could not be found in the namespace '{namespace}' for api version '{version}'.")
                } else {
                    format!("The resource type '{types}' could not be found in the namespace '{namespace}' for api version '{version}'. The supported api-versions are '{}'.", supported.join(","))
                };
                (NOT_FOUND, "InvalidResourceType", message)
            }
            Self::ActionNotFound { type_name, action } => (
                NOT_FOUND,
                "InvalidResourceAction",
                format!("The resource type '{type_name}' has no action '{action}'."),
            ),
            Self::ExtensionNotServed { type_name } => (
                NOT_FOUND,
                "ArtifactNotFound",
                format!("The VM extension with publisher 'Microsoft.ManagedIdentity' and type '{type_name}' could not be found. Nothing on a host serves its port; code on a machine asks 'http://169.254.169.254/metadata/identity/oauth2/token'."),
            ),
            Self::AssignmentNotFound(name) => (NOT_FOUND, "RoleAssignmentNotFound", format!("The role assignment '{name}' is not found.")),
            Self::LockNotFound(name) => (NOT_FOUND, "LockNotFound", format!("The lock '{name}' could not be found.")),
            Self::TooManyLocks => (
                CONFLICT,
                "LockLimitExceeded",
                format!("The subscription has {LOCKS_PER_SUBSCRIPTION_MAX} locks, the most it can have."),
            ),
            Self::RoleNotFound(id) => (NOT_FOUND, "RoleDefinitionDoesNotExist", format!("The specified role definition with ID '{id}' does not exist.")),
            Self::OperationNotFound(id) => (NOT_FOUND, "OperationNotFound", format!("The operation '{id}' could not be found.")),
            Self::Locked { scope, operation, locked } => (
                CONFLICT,
                "ScopeLocked",
                format!("The scope '{scope}' cannot perform {operation} operation because following scope(s) are locked: '{locked}'. Please remove the lock and try again."),
            ),
            Self::NotAllowedNow { operation, id, state } => (CONFLICT, "OperationNotAllowed", format!("Operation '{operation}' is not allowed on '{id}' since it is {state}.")),
            Self::OperationFailed(failure) => (CONFLICT, &failure.code, failure.message.clone()),
            Self::OperationCanceled(id) => (CONFLICT, "OperationCanceled", format!("The operation '{id}' was canceled.")),
            Self::OtherLocation { id, is, asked } if id.is_group() => (
                CONFLICT,
                "InvalidResourceGroupLocation",
                format!("Invalid resource group location '{asked}'. The Resource group already exists in location '{is}'."),
            ),
            Self::OtherLocation { id, is, asked } => (
                CONFLICT,
                "InvalidResourceLocation",
                format!("The resource '{}' already exists in location '{is}' in resource group '{}'. A resource with the same name cannot be created in location '{asked}'. Please select a new resource name.", id.name(), id.resource_group().unwrap_or("<null>")),
            ),
            Self::GroupBeingDeleted(name) => (
                CONFLICT,
                "ResourceGroupBeingDeleted",
                format!("The resource group '{name}' is in deprovisioning state and cannot perform this operation."),
            ),
            Self::BeingDeleted(id) => (
                CONFLICT,
                "AnotherOperationInProgress",
                format!("The resource '{id}' is being deleted and cannot perform this operation."),
            ),
            Self::WrongProof => internal(),
            Self::TooMuchAtOnce => (CONFLICT, "OperationNotAllowed", "The operation changes more than one request can change.".to_owned()),
            Self::PreconditionFailed { etag } => (
                StatusCode::PRECONDITION_FAILED,
                "PreconditionFailed",
                format!("The condition of the request is not met. The current etag is '{etag}'."),
            ),
            Self::Store(error) => store_error(error),
            Self::ViewTooOld { .. } => unavailable(),
            Self::Unserved(why) => unserved(*why),
        }
    }

    /// The part of the request that the refusal is about; `None` where Azure names none.
    pub(super) fn target(&self) -> Option<&'static str> {
        match self {
            Self::IdentitiesUnexpected { .. } | Self::IdentitiesMissing => Some("resourceIdentity.identityIds"),
            _ => None,
        }
    }
}

/// A type's namespace, and its name in it.
fn split(type_name: &str) -> (&str, &str) {
    type_name.split_once('/').unwrap_or((type_name, ""))
}

fn identity_error(resource: &ResourceId, error: &IdentityError) -> (StatusCode, &'static str, String) {
    let failed = |message: String| {
        let inner = json!({ "error": { "code": "BadRequest", "message": message } });
        let message = format!(
            "Identity operation for resource '{resource}' failed with error 'Failed to perform resource identity operation. Status: 'BadRequest'. Response: '{inner}'.'."
        );
        (StatusCode::BAD_REQUEST, "FailedIdentityOperation", message)
    };
    match error {
        IdentityError::NotAnIdentity(id) => failed(format!("Resource '{id}' is not a user assigned identity.")),
        // The refusal does not tell whether an identity of another tenant exists.
        IdentityError::NotFound(id) | IdentityError::OtherTenant(id) => {
            failed(format!("Resource '{id}' was not found."))
        }
        IdentityError::TooMany => {
            failed(format!("A resource can have at most {USER_ASSIGNED_IDENTITIES_MAX} user assigned identities."))
        }
    }
}

fn token_error(error: &TokenError, now: Timestamp, accepted: &[String]) -> (StatusCode, &'static str, String) {
    let (code, message) = match error {
        TokenError::Missing => {
            ("AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.".to_owned())
        }
        TokenError::Scheme => (
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is provided in an invalid format.".to_owned(),
        ),
        TokenError::Expired { at } => (
            "ExpiredAuthenticationToken",
            format!(
                "The access token expiry UTC time '{}' is earlier than current UTC time '{}'.",
                at.american(),
                now.american()
            ),
        ),
        TokenError::Audience { aud } => {
            let accepted: Vec<String> = accepted.iter().map(|audience| format!("'{audience}'")).collect();
            (
                "InvalidAuthenticationTokenAudience",
                format!(
                    "The access token has been obtained for wrong audience or resource '{aud}'. It should exactly match with one of the allowed audiences {}.",
                    accepted.join(",")
                ),
            )
        }
        TokenError::Malformed(_)
        | TokenError::Claim(_)
        | TokenError::UnknownKey
        | TokenError::Signature
        | TokenError::NotYetValid { .. }
        | TokenError::Issuer { .. }
        | TokenError::Principal => ("InvalidAuthenticationToken", "The access token is invalid.".to_owned()),
    };
    (StatusCode::UNAUTHORIZED, code, message)
}

fn unserved(why: Unserved) -> (StatusCode, &'static str, String) {
    let code = match why {
        Unserved::OtherUser => "AuthorizationFailed",
        Unserved::CertificateExpired => "AuthenticationFailed",
        Unserved::TargetTooLong => "InvalidRequestUri",
        Unserved::HeadTooLarge => "RequestHeaderFieldsTooLarge",
        Unserved::HeadMalformed => "InvalidRequest",
        Unserved::BodyTooLarge => return Fault::BodyTooLarge.wire(),
        Unserved::BodyTooSlow => "RequestTimeout",
        Unserved::BodyBroken => "InvalidRequestContent",
        Unserved::Busy => return unavailable(),
        Unserved::Failed => return internal(),
    };
    (why.status(), code, format!("The request is not served: {why}."))
}

/// `Microsoft.Compute/virtualMachines/vm1/extensions/e1`.
fn short(id: &ResourceId) -> String {
    let type_name = id.type_name();
    let first = type_name.types().split('/').next().unwrap_or_default();
    format!("{}/{first}/{}", type_name.namespace(), id.relative_name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Fault;
    use bonafide_store::StoreError;

    #[test]
    fn a_name_that_is_taken_is_a_conflict_and_no_failure_of_ours() {
        let status = |error| Fault::from(error).wire().0;
        assert_eq!(status(StoreError::Taken { index: "resource-by-id" }), StatusCode::CONFLICT);
        assert_eq!(status(StoreError::Nested), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
