//! The refusals to write a management group.

use super::Fault;
use super::ours::{internal, store_error};
use super::wire::Wire;
use bonafide_core::access::ManagementGroupError;
use bonafide_core::directory::MANAGEMENT_GROUP_LEVELS_MAX;
use bonafide_types::Excerpt;
use bonafide_types::limits::MANAGEMENT_GROUPS_PER_TENANT_MAX;
use http::StatusCode;

pub(super) fn wire(fault: &Fault) -> Wire<'_> {
    match fault {
        Fault::ManagementGroupNotFound(name) => not_found(name),
        Fault::ManagementGroup { name, error } => refused(name, error),
        Fault::HierarchySettingsNotFound => (
            StatusCode::NOT_FOUND,
            "NotFound",
            "The hierarchy has no settings of its own: make them with PUT.".to_owned(),
        ),
        Fault::HierarchySettingsElsewhere(tenant) => (
            StatusCode::BAD_REQUEST,
            "BadRequest",
            format!("Hierarchy settings are those of the root management group: name '{tenant}'."),
        ),
        Fault::GroupCreationOpened => (
            StatusCode::BAD_REQUEST,
            "BadRequest",
            "Who makes a management group needs the right to where it is to lie, and that cannot be turned off: send 'requireAuthorizationForGroupCreation' as true, or leave it out.".to_owned(),
        ),
        _ => internal(),
    }
}

fn not_found(name: &str) -> Wire<'static> {
    let message = format!("'{}' not found. Check the name of the management group.", Excerpt::of(name));
    (StatusCode::NOT_FOUND, "NotFound", message)
}

fn refused(name: &str, error: &ManagementGroupError) -> Wire<'static> {
    const BAD: (StatusCode, &str) = (StatusCode::BAD_REQUEST, "BadRequest");
    let ((status, code), message) = match error {
        ManagementGroupError::IsRoot => (
            BAD,
            format!("The management group '{name}' is the root of the tenant: it cannot be changed, moved or deleted."),
        ),
        ManagementGroupError::InItself => (
            BAD,
            format!(
                "The management group '{name}' cannot lie in itself or in a group below it: choose another parent."
            ),
        ),
        ManagementGroupError::TooDeep => (
            BAD,
            format!(
                "Management groups have {MANAGEMENT_GROUP_LEVELS_MAX} levels at most below the root group: choose a parent further up."
            ),
        ),
        ManagementGroupError::NotEmpty => (
            BAD,
            format!(
                "The management group '{name}' cannot be deleted, as it has groups or subscriptions in it: move or delete them first."
            ),
        ),
        ManagementGroupError::TooMany => (
            BAD,
            format!(
                "The tenant has {MANAGEMENT_GROUPS_PER_TENANT_MAX} management groups, the most it can have: delete one first."
            ),
        ),
        ManagementGroupError::NotFound => return not_found(name),
        ManagementGroupError::WrongProof(_) => return internal(),
        ManagementGroupError::Store(error) => return store_error(error),
    };
    (status, code, message)
}
