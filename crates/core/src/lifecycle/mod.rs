//! The life cycle of resources and managed identities: the only functions that change the directory and
//! the placement together. Each takes the proof that its caller may do so, and all that follows from a
//! change is in the same transaction.

mod announced;
mod app_roles;
mod applications;
mod balanced_facts;
mod below;
mod budget;
mod decide_host;
mod deferred;
mod delete;
mod directory_error;
mod extension;
mod fact_sources;
mod follow_facts;
mod gone_principals;
mod hosts;
mod instance_facts;
mod instances;
mod listed_children;
mod locked;
mod news;
mod object_credentials;
mod on_host;
mod owners;
mod place;
mod placements_of_before;
mod restart;
mod save;
mod service_principals;
mod settle;
mod tag;
mod token_lifetimes;
mod withdrawn_keys;

pub use announced::{
    AnnounceError, Announced, Evicted, NoSuchEvent, Notice, announce, announce_deletion, ask_for_events, instance_set,
    termination_minutes,
};
pub use app_roles::{NewAppRoleAssignment, assign_app_role, take_app_role};
pub use applications::{create_application, delete_application, save_application};
pub use below::BelowError;
pub use budget::{Budget, Progress};
pub use decide_host::{DISABLE, DecideError, ENABLE, decide_host};
pub use delete::{Condemned, remove, save_condemned, withdraw};
pub use directory_error::{
    APP_ROLES_AT_ONE_RESOURCE_MAX, APP_ROLES_OF_PRINCIPAL_MAX, CREDENTIALS_PER_OBJECT_MAX, DirectoryError,
    IDENTIFIER_URIS_MAX, LIFETIME_POLICIES_MAX, OWNERS_MAX,
};
pub use extension::{EXTENSION_IDENTITIES_MAX, ExtensionHost, extension_hosts, extension_of, too_many_identities};
pub use hosts::{CREATE_JOIN_TOKEN, HostError, create_join_token, register_host};
pub use instances::{ChangedSet, INSTANCES_MAX};
pub use listed_children::ChangedParent;
pub use object_credentials::{CredentialOwner, KeptOrNew, add_password, remove_password, set_certificates};
pub use on_host::{OnHost, PLACE, may_place_on};
pub use owners::{add_owner, remove_owner};
pub use place::{PlaceError, place, take_away};
pub use placements_of_before::PlacementsOfBefore;
pub use restart::restart_extension;
pub use save::{IdentityError, SaveError, save, users_of};
pub use service_principals::{create_service_principal, delete_service_principal, set_enabled};
pub use settle::{Move, MoveError, save_and_move, settle, unsettle};
pub use tag::{TagAction, TagError, tag, tag_subscription};
pub use token_lifetimes::{
    assign_lifetime_policy, create_lifetime_policy, delete_lifetime_policy, save_lifetime_policy,
    unassign_lifetime_policy,
};

use bonafide_store::{Declaration, Store, StoreError};

/// The tables of deletions that are not finished.
pub const DEFERRED: [Declaration; 2] =
    [gone_principals::DELETED.declaration(), withdrawn_keys::WITHDRAWN.declaration()];

/// Finishes the part of deletions that one transaction could not hold. The shell calls it now and then; one
/// row that fails does not keep the others from their turn. Nothing that is left gives anybody anything: a
/// credential is valid only with its service principal, and a host gets tokens only for its placements.
pub fn clear(store: &Store) -> Result<(), StoreError> {
    gone_principals::clear(store).and(withdrawn_keys::clear(store))
}
