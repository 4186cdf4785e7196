//! Refusals because of the state of a resource, of an operation or of a lock.

use super::Fault;
use super::ours::internal;
use super::wire::Wire;
use bonafide_core::access::locks::LOCKS_PER_SUBSCRIPTION_MAX;
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
        Fault::TooMuchAtOnce => {
            (CONFLICT, "OperationNotAllowed", "The operation changes more than one request can change.".to_owned())
        }
        _ => internal(),
    }
}

/// az finds the provider's name between the last quotes, and registers it (`_check_rp_not_registered_err` of azure-cli).
fn not_registered(namespace: &str) -> String {
    format!(
        "The subscription is not registered to use namespace '{namespace}'. See https://aka.ms/rps-not-found for how to register subscriptions."
    )
}
