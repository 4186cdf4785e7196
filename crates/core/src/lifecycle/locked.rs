//! Service principals that are locked.

use super::directory_error::DirectoryError;
use crate::directory::{PrincipalKind, ServicePrincipal};

/// Refuses the service principal of a managed identity: it has no credential, owner or end but those of its resource.
pub(super) fn check_unlocked(row: &ServicePrincipal) -> Result<(), DirectoryError> {
    match &row.kind {
        PrincipalKind::Application => Ok(()),
        PrincipalKind::SystemAssigned { resource_id, .. } | PrincipalKind::UserAssigned { resource_id, .. } => {
            Err(DirectoryError::Locked(resource_id.clone()))
        }
    }
}
