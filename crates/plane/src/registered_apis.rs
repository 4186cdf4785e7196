//! APIs of the operator's own, that tokens may be asked for (`up --resource`).

use crate::control_plane::ControlPlane;
use crate::installation::Installation;
use bonafide_core::directory::{RESOURCES_REGISTERED, RegisterError, TokenVersion, create_application, register};
use bonafide_core::view::ViewsError;
use bonafide_http::clock;
use bonafide_store::Read;
use bonafide_types::{Audience, resource_of_scope};

/// The reason why an API could not be registered.
#[derive(Debug, thiserror::Error)]
pub enum RegisterApiError {
    /// It cannot be one.
    #[error("--resource {identifier}: {reason}; give an identifier of your own, such as api://orders")]
    Refused {
        /// The identifier as given.
        identifier: String,
        /// The reason.
        reason: String,
    },
    /// The view failed.
    #[error(transparent)]
    Views(#[from] ViewsError),
}

/// Reads an identifier. Clients add `/.default` themselves, and would ask for another resource.
fn audience(text: &str) -> Result<Audience, String> {
    match resource_of_scope(text) {
        Some(resource) => Err(format!("that is a scope, and a resource is named without /.default ({resource})")),
        None => Audience::parse(text).map_err(|error| error.to_string()),
    }
}

fn refused(identifier: &str, reason: String) -> RegisterApiError {
    RegisterApiError::Refused { identifier: identifier.to_owned(), reason }
}

/// The audiences that these identifiers name.
pub(crate) fn audiences(identifiers: &[String]) -> Result<Vec<Audience>, RegisterApiError> {
    identifiers.iter().map(|text| audience(text).map_err(|reason| refused(text, reason))).collect()
}

/// Registers those that are not registered yet, each as an application of its own, and returns them.
pub(crate) fn register_apis(
    plane: &ControlPlane,
    installation: &Installation,
    identifiers: &[String],
) -> Result<Vec<Audience>, RegisterApiError> {
    let audiences = audiences(identifiers)?;
    let (tenant, world) = (installation.tenant, clock::world());
    let mut new = Vec::new();
    for audience in audiences {
        let registered = plane.store.write(|tx| {
            if tx.get(&RESOURCES_REGISTERED, &(tenant, audience.lookup_key()))?.is_some() {
                return Ok(false);
            }
            let (_, application) = create_application(tx, &world, tenant, audience.as_str())?;
            register(tx, &plane.login.audiences, tenant, application.client_id, &audience, TokenVersion::V1)?;
            Ok(true)
        });
        if registered.map_err(|error: RegisterError| refused(audience.as_str(), error.to_string()))? {
            new.push(audience);
        }
    }
    if !new.is_empty() {
        plane.catch_up()?;
    }
    Ok(new)
}
