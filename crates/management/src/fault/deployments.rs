//! Refusals of deployments. Codes and wording: recordings of azure-mgmt-resource 18.0.0 for Python.

use super::ours::internal;
use super::wire::Wire;
use crate::deployments::{DeploymentError, PER_GROUP_MAX};
use http::StatusCode;

pub(super) fn wire(error: &DeploymentError) -> Wire<'_> {
    match error {
        DeploymentError::Template(message) | DeploymentError::Later(message) => {
            (StatusCode::BAD_REQUEST, "InvalidTemplate", message.clone())
        }
        DeploymentError::Refused { name, tracking, .. } => (
            StatusCode::BAD_REQUEST,
            "InvalidTemplateDeployment",
            format!(
                "The template deployment '{name}' is not valid according to the validation procedure. The tracking id is '{tracking}'. See inner errors for details."
            ),
        ),
        DeploymentError::Active { name, since } => (
            StatusCode::CONFLICT,
            "DeploymentActive",
            format!(
                "Unable to edit or replace deployment '{name}': previous deployment from '{since}' is still active. Please see https://aka.ms/arm-deploy for usage details."
            ),
        ),
        DeploymentError::NotCancelable { name, state } => (
            StatusCode::CONFLICT,
            "DeploymentCannotBeCancelled",
            format!("The deployment '{name}' cannot be cancelled because it has provisioning state '{state}'."),
        ),
        DeploymentError::NotFound(name) => {
            (StatusCode::NOT_FOUND, "DeploymentNotFound", format!("Deployment '{name}' could not be found."))
        }
        DeploymentError::OperationNotFound(operation) => (
            StatusCode::NOT_FOUND,
            "DeploymentOperationNotFound",
            format!("The deployment operation '{operation}' could not be found."),
        ),
        DeploymentError::TooMany => (
            StatusCode::CONFLICT,
            "DeploymentQuotaExceeded",
            format!("The resource group has {PER_GROUP_MAX} deployments, the most it can have, and none has ended."),
        ),
        DeploymentError::NotSealed => internal(),
    }
}
