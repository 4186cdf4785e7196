//! Placement: which workload runs on which host, and the rows that hosts watch.

mod enrol;
mod host;
mod placements;
mod reports;

pub use enrol::{ENROLMENT_SECONDS, ENROLMENTS, Enrolment, IssueError, invite, join, renew, withdraw_invitations};
pub(crate) use host::scope_of;
pub use host::{HOSTS, Host, Standing, show};
pub use placements::{PLACEMENTS, PLACEMENTS_OF_WORKLOAD, PlacedIdentity, Placement};
pub use reports::{EXTENSION_STATUS, ExtensionState, ExtensionStatus};
