//! Placement: which workload runs on which host, and the rows that hosts watch.

mod desired;
mod hosts;

pub(crate) use desired::forget_identity;
pub use desired::{
    PLACEMENTS, PLACEMENTS_OF_WORKLOAD, PlaceError, PlacedIdentity, Placement, place, refresh, remove, take_away,
};
pub use hosts::{ENROLMENT_SECONDS, ENROLMENTS, Enrolment, HOSTS, Host, JoinError, invite, join};
