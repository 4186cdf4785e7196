//! The directory: tenants and what trusts them, service principals with their credentials, and the
//! resources whose identities they are.

mod audiences;
mod body;
mod credentials;
mod identity_block;
mod principals;
mod registrations;
mod resources;
mod tenants;

pub(crate) use audiences::resolved;
pub use audiences::{Audiences, AudiencesError, Registration, Resolved, TokenVersion};
pub(crate) use body::Sight;
pub use body::{Body, Shown, digest_of_secrets};
pub use credentials::{CREDENTIALS, Credential, CredentialProof, add_certificate, add_secret};
pub use identity_block::{AssignedIdentity, Change, PrincipalRef, ResourceIdentity};
pub(crate) use principals::create_principal;
pub use principals::{PRINCIPAL_BY_CLIENT, PRINCIPALS, PrincipalKind, ServicePrincipal, create_application};
pub use registrations::{RESOURCES_REGISTERED, RegisterError, RegisteredResource, register};
pub use resources::{
    GROUP_TYPE, IDENTITY_TYPE, IDENTITY_USES, INSTANCES_OF_SET, Membership, Power, RESOURCE_BY_ID, RESOURCES,
    RESOURCES_BELOW, RESOURCES_IN_GROUP, RESOURCES_OF_GROUP, RESOURCES_OF_SUBSCRIPTION, RESOURCES_OF_TYPE, Resource,
    WITHOUT_SECRETS, find,
};
pub use tenants::{SUBSCRIPTIONS, SUBSCRIPTIONS_OF_TENANT, Subscription, TENANTS, Tenant};
