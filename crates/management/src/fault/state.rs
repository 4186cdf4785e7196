//! Refusals because of the state of a resource, of an operation or of a lock.

use super::Fault;
use super::ours::internal;
use super::wire::Wire;
use bonafide_core::access::locks::LOCKS_PER_SUBSCRIPTION_MAX;
use bonafide_core::directory::{BELOW_BYTES_MAX, FullError, List};
use http::StatusCode;

pub(super) fn wire(fault: &Fault) -> Wire<'_> {
    const CONFLICT: StatusCode = StatusCode::CONFLICT;
    match fault {
        Fault::NotRegistered(namespace) => (CONFLICT, "MissingSubscriptionRegistration", not_registered(namespace)),
        Fault::RegistrationFree(namespace) => (
            CONFLICT,
            "ResourceProviderRegistrationFree",
            format!("The resource provider '{namespace}' is part of the resource manager: it cannot be unregistered."),
        ),
        Fault::ProviderInUse(namespace) => (
            CONFLICT,
            "ResourceProviderInUse",
            format!(
                "The resource provider '{namespace}' cannot be unregistered: the subscription has resources of it. Delete them first."
            ),
        ),
        Fault::TagNameHasValues(name) => {
            (CONFLICT, "TagNameHasValues", format!("The tag name '{name}' has values. Delete them first."))
        }
        Fault::TooManyTagNames { of, max } => (
            CONFLICT,
            "TagNameLimitExceeded",
            format!("The {of} has {max} predefined entries, the most it can have. Delete one first."),
        ),
        Fault::TooManyLocks => (
            CONFLICT,
            "LockLimitExceeded",
            format!("The subscription has {LOCKS_PER_SUBSCRIPTION_MAX} locks, the most it can have."),
        ),
        Fault::Locked { scope, operation, locked } => (
            CONFLICT,
            "ScopeLocked",
            format!(
                "The scope '{scope}' cannot perform {operation} operation because following scope(s) are locked: '{locked}'. Please remove the lock and try again."
            ),
        ),
        Fault::NotAllowedNow { operation, id, state } => (
            CONFLICT,
            "OperationNotAllowed",
            format!("Operation '{operation}' is not allowed on '{id}' since it is {state}."),
        ),
        Fault::PropertyFixed { path } => {
            (CONFLICT, "PropertyChangeNotAllowed", format!("Changing property '{path}' is not allowed."))
        }
        Fault::OperationFailed(failure) => (CONFLICT, &failure.code, failure.message.clone()),
        Fault::OperationCanceled(id) => (CONFLICT, "OperationCanceled", format!("The operation '{id}' was canceled.")),
        Fault::OtherLocation { id, is, asked } if id.is_group() => (
            CONFLICT,
            "InvalidResourceGroupLocation",
            format!("Invalid resource group location '{asked}'. The Resource group already exists in location '{is}'."),
        ),
        Fault::OtherLocation { id, is, asked } => (
            CONFLICT,
            "InvalidResourceLocation",
            format!(
                "The resource '{}' already exists in location '{is}' in resource group '{}'. A resource with the same name cannot be created in location '{asked}'. Please select a new resource name.",
                id.name(),
                id.resource_group().unwrap_or("<null>")
            ),
        ),
        Fault::GroupBeingDeleted(name) => (
            CONFLICT,
            "ResourceGroupBeingDeleted",
            format!("The resource group '{name}' is in deprovisioning state and cannot perform this operation."),
        ),
        Fault::BeingDeleted(id) => (
            CONFLICT,
            "AnotherOperationInProgress",
            format!("The resource '{id}' is being deleted and cannot perform this operation."),
        ),
        Fault::Full(error) => full(error),
        Fault::TooMuchAtOnce => {
            (CONFLICT, "OperationNotAllowed", "The operation changes more than one request can change.".to_owned())
        }
        _ => internal(),
    }
}

/// Azure's words for the rules of a security group (Azure/azure-rest-api-specs#3003), and ours made after them.
fn full(error: &FullError) -> Wire<'static> {
    let (code, message) = match error {
        FullError::TooMany(_, list) if list.name == "securityRules" => {
            (list.code, format!("A security group cannot have more than {} security rules.", list.max))
        }
        FullError::TooMany(id, List { name: "", max, code }) => {
            (*code, format!("'{id}' cannot have more than {max} children of other types: delete some first."))
        }
        FullError::TooMany(id, List { name, max, code }) => {
            (*code, format!("'{id}' cannot have more than {max} '{name}': delete some first."))
        }
        FullError::TooLarge(id) => (
            "ChildrenTooLarge",
            format!(
                "The children of '{id}' cannot have more than {BELOW_BYTES_MAX} bytes together: make some smaller, or delete some."
            ),
        ),
    };
    (StatusCode::BAD_REQUEST, code, message)
}

/// az finds the provider's name between the last quotes, and registers it (`_check_rp_not_registered_err` of azure-cli).
fn not_registered(namespace: &str) -> String {
    format!(
        "The subscription is not registered to use namespace '{namespace}'. See https://aka.ms/rps-not-found for how to register subscriptions."
    )
}
