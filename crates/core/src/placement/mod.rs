//! Placement: which workload runs on which host, and the rows that hosts watch.

mod hosts;
mod placements;

pub use hosts::{ENROLMENT_SECONDS, ENROLMENTS, Enrolment, HOSTS, Host, JoinError, invite, join, withdraw_invitations};
pub use placements::{PLACEMENTS, PLACEMENTS_OF_WORKLOAD, PlacedIdentity, Placement};
