//! The refusals of identity blocks.

use super::Fault;
use super::ours::internal;
use super::wire::Wire;
use bonafide_core::lifecycle::{EXTENSION_IDENTITIES_MAX, IdentityError};
use bonafide_types::ResourceId;
use bonafide_types::limits::USER_ASSIGNED_IDENTITIES_MAX;
use http::StatusCode;
use serde_json::json;

pub(super) fn wire(fault: &Fault) -> Wire<'_> {
    const BAD: StatusCode = StatusCode::BAD_REQUEST;
    match fault {
        Fault::IdentityNotSupported { type_name, asked } => (
            BAD,
            "CannotSetResourceIdentity",
            format!(
                "Resource type '{type_name}' does not support creation of '{asked}' resource identity. The supported types are 'None'."
            ),
        ),
        Fault::IdentityTypeInvalid(text) => (
            BAD,
            "InvalidParameter",
            format!(
                "The identity type '{text}' is not valid. The types are 'None', 'SystemAssigned', 'UserAssigned' and 'SystemAssigned, UserAssigned'."
            ),
        ),
        Fault::IdentitiesUnexpected { identity_type } => (
            BAD,
            "InvalidParameter",
            format!("ResourceIdentity identityIds should not be provided if the type is \"{identity_type}\"."),
        ),
        Fault::IdentitiesMissing => (
            BAD,
            "InvalidParameter",
            "ResourceIdentity identityIds should be provided if the type includes \"UserAssigned\".".to_owned(),
        ),
        Fault::IdentityValuesInvalid(ids) => (
            BAD,
            "InvalidIdentityValues",
            format!(
                "Invalid value for the identities '{}'. The 'UserAssignedIdentities' property keys should only be empty json objects, null or the resource exisiting property.",
                ids.join(",")
            ),
        ),
        Fault::IdentityIdInvalid(id) => (
            BAD,
            "LinkedInvalidPropertyId",
            format!(
                "Property id '{id}' at path 'identity.userAssignedIdentities' is invalid. Expect fully qualified resource Id that start with '/subscriptions/{{subscriptionId}}' or '/providers/{{resourceProviderNamespace}}/'."
            ),
        ),
        Fault::Identity { resource, error } => identity_error(resource, error),
        _ => internal(),
    }
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
        IdentityError::TooManyForExtension(count) => failed(format!(
            "With the extension for managed identities a resource can have at most {EXTENSION_IDENTITIES_MAX} user assigned identities, and this would have {count}: take some away, or delete the extension and use the metadata endpoint."
        )),
        IdentityError::TooMany => {
            failed(format!("A resource can have at most {USER_ASSIGNED_IDENTITIES_MAX} user assigned identities."))
        }
    }
}
