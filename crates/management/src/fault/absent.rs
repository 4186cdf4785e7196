//! Paths, types, resources and the like that are not there.

use super::Fault;
use super::ours::internal;
use super::wire::Wire;
use bonafide_types::{Excerpt, ResourceId};
use http::StatusCode;

pub(super) fn wire(fault: &Fault) -> Wire<'_> {
    const NOT_FOUND: StatusCode = StatusCode::NOT_FOUND;
    match fault {
        Fault::NoSuchRoute => (
            NOT_FOUND,
            "MissingSubscription",
            "The request did not have a subscription or a valid tenant level resource provider.".to_owned(),
        ),
        Fault::SubscriptionNotFound(id) => {
            (NOT_FOUND, "SubscriptionNotFound", format!("The subscription '{id}' could not be found."))
        }
        Fault::GroupNotFound(name) => {
            (NOT_FOUND, "ResourceGroupNotFound", format!("Resource group '{name}' could not be found."))
        }
        Fault::ResourceNotFound(id) => (
            NOT_FOUND,
            "ResourceNotFound",
            format!(
                "The Resource '{}' under resource group '{}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
                short(id),
                id.resource_group().unwrap_or("<null>")
            ),
        ),
        Fault::ImageNotFound => (NOT_FOUND, "ArtifactNotFound", "Artifact: VMImage was not found.".to_owned()),
        // Recording of azure-mgmt-compute 20.0.0, 2021.
        Fault::InstanceNotFound => {
            (NOT_FOUND, "NotFound", "The entity was not found in this Azure location.".to_owned())
        }
        Fault::ParentNotFound { action, parent, type_name } => (
            NOT_FOUND,
            "ParentResourceNotFound",
            format!(
                "Failed to perform '{action}' on resource(s) of type '{type_name}', because the parent resource '{parent}' could not be found."
            ),
        ),
        Fault::NamespaceNotFound(namespace) => {
            (NOT_FOUND, "InvalidResourceNamespace", format!("The resource namespace '{namespace}' is invalid."))
        }
        Fault::TypeNotFound { type_name, version, supported } => {
            let (namespace, types) = split(type_name);
            let message = if types.is_empty() {
                format!(
                    "The resource type could not be found in the namespace '{namespace}' for api version '{version}'."
                )
            } else if supported.is_empty() {
                format!(
                    "The resource type '{types}' could not be found in the namespace '{namespace}' for api version '{version}'."
                )
            } else {
                format!(
                    "The resource type '{types}' could not be found in the namespace '{namespace}' for api version '{version}'. The supported api-versions are '{}'.",
                    supported.join(",")
                )
            };
            (NOT_FOUND, "InvalidResourceType", message)
        }
        Fault::ActionNotFound { type_name, action } => {
            (NOT_FOUND, "InvalidResourceAction", format!("The resource type '{type_name}' has no action '{action}'."))
        }
        Fault::ExtensionNotServed { type_name } => (
            NOT_FOUND,
            "ArtifactNotFound",
            format!(
                "The VM extension with publisher 'Microsoft.ManagedIdentity' and type '{type_name}' could not be found. Nothing on a host serves its port; code on a machine asks 'http://169.254.169.254/metadata/identity/oauth2/token'."
            ),
        ),
        Fault::FeatureNotFound(name) => {
            (NOT_FOUND, "FeatureNotFound", format!("The feature '{name}' could not be found."))
        }
        Fault::TagNameNotFound(name) => (
            NOT_FOUND,
            "TagNameNotFound",
            format!("The tag name '{name}' could not be found. Create it before its values."),
        ),
        Fault::ExtensionNotFound { type_name } => (
            NOT_FOUND,
            "ArtifactNotFound",
            format!(
                "The VM extension with publisher 'Microsoft.ManagedIdentity' and type '{type_name}' could not be found. Its types are 'ManagedIdentityExtensionForLinux' and 'ManagedIdentityExtensionForWindows'."
            ),
        ),
        Fault::ArtifactNotFound { publisher, name } => (
            NOT_FOUND,
            "ArtifactNotFound",
            format!(
                "The VM extension with publisher '{}' and type '{}' could not be found.",
                Excerpt::of(publisher).as_str(),
                Excerpt::of(name).as_str()
            ),
        ),
        Fault::LockNotFound(name) => (NOT_FOUND, "LockNotFound", format!("The lock '{name}' could not be found.")),
        Fault::DenyAssignmentNotFound(name) => (
            NOT_FOUND,
            "DenyAssignmentNotFound",
            format!("The deny assignment '{name}' is not found: there are none here."),
        ),
        Fault::OperationNotFound(id) => {
            (NOT_FOUND, "OperationNotFound", format!("The operation '{id}' could not be found."))
        }
        _ => internal(),
    }
}

/// A type's namespace, and its name in it.
pub(super) fn split(type_name: &str) -> (&str, &str) {
    type_name.split_once('/').unwrap_or((type_name, ""))
}

/// `Microsoft.Compute/virtualMachines/vm1/extensions/e1`.
fn short(id: &ResourceId) -> String {
    let type_name = id.type_name();
    let first = type_name.types().split('/').next().unwrap_or_default();
    format!("{}/{first}/{}", type_name.namespace(), id.relative_name())
}
