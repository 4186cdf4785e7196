//! Vocabulary: ids, names, scopes, times and limits. Parse once, print exactly.
//!
//! Strings come in at the door of each surface and leave as one of these types; nothing below a
//! surface handles an id, a time or a secret as a bare string.

mod api_version;
mod audience;
pub mod base64url;
mod certificate_number;
mod enumerate;
mod excerpt;
mod ids;
pub mod json;
mod lifetime;
pub mod limits;
mod location;
mod loggable;
mod printable;
mod rate;
mod resource_id;
mod scope;
mod secret;
mod timestamp;
mod type_name;
mod world;

pub use api_version::{ApiVersion, ApiVersionError};
pub use audience::{Audience, AudienceError, resource_of_scope};
pub use certificate_number::{CertificateNumber, NotASerial, Serial};
pub use enumerate::enumerate_some;
pub use excerpt::Excerpt;
pub use ids::{
    BindingId, ClientId, CredentialId, GuidError, HostId, Id, ManagementGroupUuid, ObjectId, OperationId, ResourceUuid,
    RoleAssignmentId, RoleDefinitionId, SubscriptionId, TenantId,
};
pub use lifetime::{Lifetime, PROGRAM_MADE_AT, Phase};
pub use location::Location;
pub use loggable::Loggable;
pub use printable::{is_printable, printable, printable_json, printable_lines};
pub use rate::Rate;
pub use resource_id::{ResourceId, ResourceIdError, check_name};
pub use scope::{MANAGEMENT_GROUP_TYPE, Scope};
pub use secret::Secret;
pub use timestamp::Timestamp;
pub use type_name::{TypeName, TypeNameError};
pub use world::{Entropy, World};
