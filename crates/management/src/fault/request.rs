//! Requests that cannot be read, or say something that none can have.

use super::Fault;
use super::absent::split;
use super::ours::internal;
use super::wire::Wire;
use crate::limits::{TAG_NAME_CHARS_MAX, TAG_VALUE_CHARS_MAX, TAGS_MAX};
use bonafide_types::limits::MANAGEMENT_BODY_BYTES_MAX;
use http::StatusCode;

pub(super) fn wire(fault: &Fault) -> Wire<'_> {
    const BAD: StatusCode = StatusCode::BAD_REQUEST;
    match fault {
        Fault::ApiVersionMissing => (
            BAD,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.".to_owned(),
        ),
        Fault::ApiVersionInvalid { version, supported } => (
            BAD,
            "InvalidApiVersionParameter",
            format!("The api-version '{version}' is invalid. The supported versions are '{}'.", supported.join(",")),
        ),
        Fault::NoRegisteredProvider { location, version, type_name, supported } => (
            BAD,
            "NoRegisteredProviderFound",
            format!(
                "No registered resource provider found for location '{location}' and API version '{version}' for type '{}'. The supported api-versions are '{}'.",
                split(type_name).1,
                supported.join(", ")
            ),
        ),
        Fault::PathInvalid(detail) => (BAD, "InvalidRequestUri", format!("The request URI is invalid: {detail}.")),
        Fault::SubscriptionIdInvalid(id) => (
            BAD,
            "InvalidSubscriptionId",
            format!("The provided subscription identifier '{id}' is malformed or invalid."),
        ),
        Fault::QueryInvalid(detail) => {
            (BAD, "InvalidRequestParameter", format!("The query string is invalid: {detail}."))
        }
        Fault::FilterInvalid { detail, filter } => (
            BAD,
            "InvalidFilterInQueryString",
            format!("Invalid $filter '{filter}' specified in the query string: {detail}."),
        ),
        Fault::BodyInvalid(detail) => (
            BAD,
            "InvalidRequestContent",
            format!("The request content was invalid and could not be deserialized: '{detail}'."),
        ),
        Fault::BodyTooLarge => (
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestContentTooLarge",
            format!(
                "The request content size exceeds the maximum size of {} MB.",
                MANAGEMENT_BODY_BYTES_MAX / (1024 * 1024)
            ),
        ),
        Fault::LocationMissing => {
            (BAD, "LocationRequired", "The location property is required for this definition.".to_owned())
        }
        Fault::NameInvalid { name, type_name, rule } => (
            BAD,
            "InvalidResourceName",
            format!("The name '{name}' is not allowed for a resource of type '{type_name}': {rule}."),
        ),
        Fault::AccountNameInvalid(name) => (
            BAD,
            "AccountNameInvalid",
            format!(
                "{name} is not a valid storage account name. Storage account name must be between 3 and 24 characters in length and use numbers and lower-case letters only."
            ),
        ),
        Fault::VaultNameInvalid(name) => (
            BAD,
            "VaultNameNotValid",
            format!(
                "The vault name '{name}' is invalid. A vault's name must be between 3-24 alphanumeric characters. The name must begin with a letter, end with a letter or digit, and not contain consecutive hyphens."
            ),
        ),
        Fault::LocationUnknown { location, type_name, known } => (
            BAD,
            "LocationNotAvailableForResourceType",
            format!(
                "The provided location '{location}' is not available for resource type '{type_name}'. List of available regions for the resource type is '{}'.",
                known.join(",")
            ),
        ),
        Fault::GroupLocationUnknown { location, known } => (
            BAD,
            "LocationNotAvailableForResourceGroup",
            format!(
                "The provided location '{location}' is not available for resource group. List of available regions is '{}'.",
                known.join(",")
            ),
        ),
        Fault::PropertyInvalid { property, rule } => {
            (BAD, "InvalidParameter", format!("The value of parameter {property} is invalid: {rule}."))
        }
        Fault::InstanceUnknown(id) => (
            BAD,
            "InvalidParameter",
            format!("The provided instanceId {id} is not an active Virtual Machine Scale Set VM instanceId."),
        ),
        Fault::ExtensionInvalid { message, .. } => (BAD, "InvalidParameter", message.clone()),
        Fault::GroupNameInvalid { name, wrong } => (
            BAD,
            "InvalidResourceGroup",
            format!(
                "The provided resource group name '{name}' has these invalid characters: '{wrong}'. The name can only be a letter, digit, '-', '.', '(', ')' or '_'."
            ),
        ),
        Fault::TooManyTags => (BAD, "TooManyTags", format!("A resource can have at most {TAGS_MAX} tags.")),
        Fault::TagNameInvalid(name) => (
            BAD,
            "InvalidTagNameCharacters",
            format!("The tag names '{name}' have reserved characters '<,>,%,&,\\,?,/' or control characters."),
        ),
        Fault::TagNameTooLong(name) => (
            BAD,
            "InvalidTagName",
            format!(
                "Tag name too large. Following tag name '{name}' exceeded the maximum length. Maximum allowed length for tag name - '{TAG_NAME_CHARS_MAX}' characters."
            ),
        ),
        Fault::TagValueTooLong(value) => (
            BAD,
            "InvalidTagValueLength",
            format!(
                "Tag value too large. Following tag value '{value}' exceeded the maximum length. Maximum allowed length for tag value - '{TAG_VALUE_CHARS_MAX}' characters."
            ),
        ),
        Fault::MethodNotAllowed(method) => (
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            format!("The requested resource does not support http method '{method}'."),
        ),
        Fault::PreconditionFailed => (
            StatusCode::PRECONDITION_FAILED,
            "PreconditionFailed",
            "The condition of the request is not met: read what is there, decide anew, and send the ETag of that answer."
                .to_owned(),
        ),
        _ => internal(),
    }
}
