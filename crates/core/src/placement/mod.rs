//! Placement: which workload runs on which host, and the rows that hosts watch.

mod desired;
mod hosts;

pub use desired::{
    PLACEMENTS, PLACEMENTS_OF_WORKLOAD, PlacedIdentity, Placement, forget_identity, place, refresh, remove,
};
pub use hosts::{ENROLMENT_SECONDS, ENROLMENTS, Enrolment, HOSTS, Host, JoinError, invite, join};
