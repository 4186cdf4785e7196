//! Placement: which workload runs on which host, and the rows that hosts watch.

mod effective_identity;
mod enrol;
mod host;
mod instance_facts;
mod placed;
mod placements;
mod reports;
mod scheduled_events;

pub(crate) use effective_identity::own;
pub use effective_identity::{IDENTITIES_OF_SETS, SetIdentities, identities_of};
pub use enrol::{ENROLMENT_SECONDS, ENROLMENTS, Enrolment, IssueError, invite, join, renew, withdraw_invitations};
pub(crate) use host::scope_of;
pub use host::{HOSTS, Host, Standing, host_of, resource_of, show};
pub use instance_facts::{INSTANCE_FACTS, INSTANCE_FACTS_FROM, InstanceFacts};
pub use placed::Placed;
pub use placements::{
    PLACEMENTS, PLACEMENTS_OF_SET, PLACEMENTS_OF_WORKLOAD, PlacedIdentity, Placement, WORKLOAD_HOSTS_MAX,
};
pub use reports::{EXTENSION_STATUS, ExtensionState, ExtensionStatus};
pub use scheduled_events::{EventKind, EventState, SCHEDULED_EVENTS, ScheduledEvent, ScheduledEvents};
