//! The directory: tenants and what trusts them, service principals with their credentials, and the
//! resources whose identities they are.

mod credentials;
mod identities;
mod identity_block;
mod principals;
mod resources;
mod tenants;

pub use credentials::{CREDENTIALS, Credential, CredentialProof, add_certificate, add_secret};
pub use identities::{
    IdentityError, apply, create_user_assigned, delete_principal, delete_user_assigned, users_of, withdraw,
};
pub use identity_block::{AssignedIdentity, Change, PrincipalRef, ResourceIdentity};
pub use principals::{PRINCIPAL_BY_CLIENT, PRINCIPALS, PrincipalKind, ServicePrincipal, create_application};
pub use resources::{
    GROUP_TYPE, IDENTITY_TYPE, IDENTITY_USES, RESOURCE_BY_ID, RESOURCES, RESOURCES_BELOW, RESOURCES_IN_GROUP,
    RESOURCES_OF_GROUP, RESOURCES_OF_SUBSCRIPTION, RESOURCES_OF_TYPE, Resource, find, remove, save,
};
pub use tenants::{SUBSCRIPTIONS, SUBSCRIPTIONS_OF_TENANT, Subscription, TENANTS, Tenant};
