//! The refusals to assign a role and to define one.

use super::Fault;
use super::ours::{internal, store_error};
use super::wire::Wire;
use bonafide_core::access::{AssignmentError, RoleError};
use bonafide_types::RoleDefinitionId;
use bonafide_types::limits::{
    CUSTOM_ROLES_PER_TENANT_MAX, ROLE_ASSIGNMENTS_PER_MANAGEMENT_GROUP_MAX, ROLE_ASSIGNMENTS_PER_SUBSCRIPTION_MAX,
};
use http::StatusCode;

pub(super) fn wire(fault: &Fault) -> Wire<'_> {
    const BAD: StatusCode = StatusCode::BAD_REQUEST;
    const NOT_FOUND: StatusCode = StatusCode::NOT_FOUND;
    match fault {
        Fault::AssignmentNameInvalid(name) => (
            BAD,
            "InvalidRoleAssignmentId",
            format!("The role assignment ID '{name}' is not valid. The role assignment ID must be a GUID."),
        ),
        Fault::Assignment(error) => assignment_error(error),
        Fault::PrincipalIdMissing => {
            (BAD, "InvalidPrincipalId", "A valid principal ID must be provided for role assignment.".to_owned())
        }
        Fault::PrincipalIdInvalid(id) => (
            BAD,
            "InvalidPrincipalId",
            format!("The Principal ID '{id}' is not valid. Principal ID must be a GUID."),
        ),
        Fault::RoleIdInvalid(id) => (BAD, "InvalidRoleDefinitionId", format!("The role definition ID '{id}' is not valid.")),
        Fault::RoleAssignmentMalformed => (BAD, "BadRequestFormat", "The request was incorrectly formatted.".to_owned()),
        Fault::PrincipalTypeUnmatched { principal, asked } => (
            BAD,
            "UnmatchedPrincipalType",
            format!("The PrincipalId '{}' has type 'ServicePrincipal' , which is different from specified PrinciaplType '{asked}'.", principal.uuid().simple()),
        ),
        Fault::AssignmentScopeUnmatched { name, asked, path } => (
            BAD,
            "InvalidCreateRoleAssignmentRequest",
            format!("The request to create role assignment '{}' is not valid. Role assignment scope '{asked}' must match the scope specified on the URI '{path}'.", name.uuid().simple()),
        ),
        Fault::Role(error) => role_error(error),
        Fault::PatternInvalid { pattern, of_data } => (
            BAD,
            if *of_data { "InvalidDataActionOrNotDataAction" } else { "InvalidActionOrNotAction" },
            format!("'{pattern}' does not match any of the actions supported by the providers."),
        ),
        Fault::ConditionNotSupported => (
            BAD,
            "ConditionNotSupported",
            "'condition' and 'conditionVersion' are not supported: a grant that ignored its condition would be too wide. Leave them out, or grant less.".to_owned(),
        ),
        Fault::GrantNotUnderstood(member) => (
            BAD,
            "InvalidRequestContent",
            format!("'{member}' is not supported: what is granted without it is not what was asked for. Leave it out."),
        ),
        Fault::AssignmentNotFound(name) => (NOT_FOUND, "RoleAssignmentNotFound", format!("The role assignment '{name}' is not found.")),
        Fault::RoleNotFound(id) => (NOT_FOUND, "RoleDefinitionDoesNotExist", format!("The specified role definition with ID '{id}' does not exist.")),
        _ => internal(),
    }
}

fn assignment_error(error: &AssignmentError) -> (StatusCode, &'static str, String) {
    match error {
        AssignmentError::Exists(name) => (
            StatusCode::CONFLICT,
            "RoleAssignmentExists",
            format!(
                "The role assignment already exists. The ID of the existing role assignment is {}.",
                name.uuid().simple()
            ),
        ),
        AssignmentError::UpdateNotPermitted => (
            StatusCode::BAD_REQUEST,
            "RoleAssignmentUpdateNotPermitted",
            "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.".to_owned(),
        ),
        AssignmentError::PrincipalNotFound(principal, tenant) => (
            StatusCode::BAD_REQUEST,
            "PrincipalNotFound",
            format!(
                "Principal {} does not exist in the directory {tenant}. Check that you have the correct principal ID. If you are creating this principal and then immediately assigning a role, this error might be related to a replication delay. In this case, set the role assignment principalType property to a value, such as ServicePrincipal, User, or Group.  See https://aka.ms/docs-principaltype",
                principal.uuid().simple()
            ),
        ),
        AssignmentError::RoleNotFound(id) => role_missing(*id),
        AssignmentError::NotAssignable(id) => (
            StatusCode::BAD_REQUEST,
            "RoleAssignmentScopeNotAssignableToRoleDefinition",
            format!(
                "The role definition with ID '{}' cannot be assigned at this scope: it lies outside of the role's assignable scopes.",
                id.uuid().simple()
            ),
        ),
        AssignmentError::TooMany => (
            StatusCode::BAD_REQUEST,
            "RoleAssignmentLimitExceeded",
            format!("The role assignment limit of {ROLE_ASSIGNMENTS_PER_SUBSCRIPTION_MAX} has been reached."),
        ),
        AssignmentError::TooManyAtGroup => (
            StatusCode::BAD_REQUEST,
            "RoleAssignmentLimitExceeded",
            format!("The role assignment limit of {ROLE_ASSIGNMENTS_PER_MANAGEMENT_GROUP_MAX} has been reached."),
        ),
        AssignmentError::DataActionsAtGroup(id) => (
            StatusCode::BAD_REQUEST,
            "RoleAssignmentScopeNotAssignableToRoleDefinition",
            format!(
                "The role definition with ID '{}' has data actions: a custom role with data actions cannot be assigned at a management group. Assign it at the subscriptions.",
                id.uuid().simple()
            ),
        ),
        AssignmentError::LastOwner => (
            StatusCode::CONFLICT,
            "RoleAssignmentDeleteNotPermitted",
            "Cannot delete the last RBAC admin assignment. The root of the directory would be without an owner: assign the role Owner at '/' to another application first.".to_owned(),
        ),
        AssignmentError::WrongProof(_) => internal(),
        AssignmentError::Store(error) => store_error(error),
    }
}

fn role_error(error: &RoleError) -> (StatusCode, &'static str, String) {
    const BAD: StatusCode = StatusCode::BAD_REQUEST;
    match error {
        RoleError::BuiltIn(id) => {
            let message = format!("The role definition '{id}' is built in and cannot be changed or deleted.");
            (BAD, "RoleDefinitionUpdateNotPermitted", message)
        }
        RoleError::NameTaken => (
            StatusCode::CONFLICT,
            "RoleDefinitionWithSameNameExists",
            "A role definition cannot be updated with a name that already exists.".to_owned(),
        ),
        RoleError::NotAssignable => (
            BAD,
            "InvalidRequestContent",
            "A custom role has at least one assignable scope, and the root is none.".to_owned(),
        ),
        RoleError::SeveralGroups => (
            BAD,
            "InvalidRequestContent",
            "A custom role has one management group at most among its assignable scopes: choose the one above them all.".to_owned(),
        ),
        RoleError::HasAssignments(id) => (
            BAD,
            "RoleDefinitionHasAssignments",
            format!("There are existing role assignments referencing role '{id}'."),
        ),
        RoleError::TooMany => (
            BAD,
            "RoleDefinitionLimitExceeded",
            format!(
                "Role definition limit exceeded. No more role definitions can be created: a tenant can have {CUSTOM_ROLES_PER_TENANT_MAX}."
            ),
        ),
        RoleError::WrongProof(_) => internal(),
        RoleError::Store(error) => store_error(error),
    }
}

fn role_missing(id: RoleDefinitionId) -> (StatusCode, &'static str, String) {
    let message = format!("The specified role definition with ID '{}' does not exist.", id.uuid().simple());
    (StatusCode::BAD_REQUEST, "RoleDefinitionDoesNotExist", message)
}
