//! The directory: tenants and what trusts them, applications and service principals with their credentials, and the
//! resources whose identities they are.

mod adopted;
mod app_roles;
mod applications;
mod audiences;
mod below;
mod body;
mod credentials;
mod extension;
mod identity_block;
mod management_groups;
mod owners;
mod principals;
mod registrations;
mod resources;
mod tenants;
mod token_lifetimes;

pub use adopted::adopt_applications;
pub use app_roles::{
    APP_ROLE_ASSIGNMENTS, APP_ROLE_HOLDERS, APP_ROLES_ASSIGNED_TO, AppRole, AppRoleAssignment, AppRoleAssignmentId,
    DEFAULT_APP_ROLE, is_app_role_value,
};
pub use applications::{
    APPLICATION_BY_CLIENT, APPLICATIONS, APPLICATIONS_OF_TENANT, Application, application_by_client,
    create_application, create_service_principal, principal_of, register_application,
};
pub(crate) use audiences::resolved;
pub use audiences::{Audiences, AudiencesError, Registration, Resolved, TokenVersion};
pub use below::{BELOW_BYTES_MAX, Below, FullError, List, Shows};
pub(crate) use body::Sight;
pub use body::{Body, Named, Shown, digest_of_secrets};
pub use credentials::{CREDENTIALS, Credential, CredentialProof, add_certificate, add_secret};
pub use extension::{Extension, ModelExtension, System};
pub use identity_block::{AssignedIdentity, Change, PrincipalRef, ResourceIdentity};
pub use management_groups::{
    MANAGEMENT_GROUP_LEVELS_MAX, MANAGEMENT_GROUPS, MANAGEMENT_GROUPS_BELOW, ManagementGroup, ManagementGroupKey,
    management_group_named, root_group_of,
};
pub use owners::{OWNED, OWNERS, Ownership};
pub(crate) use principals::create_principal;
pub use principals::{PRINCIPAL_BY_CLIENT, PRINCIPALS, PrincipalKind, ServicePrincipal};
pub use registrations::{RESOURCES_REGISTERED, RegisterError, RegisteredResource, claim, register, release};
pub use resources::{
    EXTENSION_OF, GROUP_TYPE, HOST_TYPE, IDENTITY_TYPE, IDENTITY_USES, INSTANCES_OF_SET, Membership, Power,
    RESOURCE_BY_ID, RESOURCES, RESOURCES_BELOW, RESOURCES_IN_GROUP, RESOURCES_OF_GROUP, RESOURCES_OF_SUBSCRIPTION,
    RESOURCES_OF_TYPE, Resource, WITHOUT_SECRETS, find,
};
pub use tenants::{
    SUBSCRIPTION_TAGS, SUBSCRIPTIONS, SUBSCRIPTIONS_IN_GROUP, SUBSCRIPTIONS_OF_TENANT, Subscription, TENANTS, Tenant,
};
pub use token_lifetimes::{
    DEFAULT_LIFETIME_POLICY, LIFETIME_POLICIES_OF_TENANT, LIFETIME_POLICY_OF, LIFETIME_POLICY_USES,
    TOKEN_LIFETIME_POLICIES, TOKEN_SECONDS_MAX, TOKEN_SECONDS_MIN, TokenLifetimePolicy,
};
