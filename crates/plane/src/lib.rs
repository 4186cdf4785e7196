//! The control plane at work: its store and keys, its surfaces and the listeners that serve them, its background
//! tasks, its first start.

#![allow(clippy::disallowed_methods, reason = "the shell: it owns clock, entropy, environment and sockets")]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod agents;
mod background;
mod backup;
mod clock_check;
mod control_plane;
mod description;
mod files;
mod first_keys;
mod first_start;
mod first_start_check;
mod followed;
mod forbidding_tables;
mod given_certificate;
mod installation;
mod lanes;
mod listener;
mod operator;
mod origin;
mod parts;
mod pool;
mod registered_apis;
mod restore;
mod row_keys;
mod runtime;
mod secrets;
mod shared_answer;
mod shares;
mod start;
mod surfaces;
#[cfg(test)]
mod tests;
mod tls;

pub use agents::{AgentReport, Membership};
pub use backup::{BackUpError, back_up};
pub use bonafide_management::can_have_identities;
pub use clock_check::ImplausibleClock;
pub use control_plane::{ControlPlane, OpenControlPlaneError};
pub use description::{Description, Endpoints, Operator, WorkloadEndpoint};
pub use files::PlaneFiles;
pub use first_start::FirstStartError;
pub use first_start_check::DatabaseLost;
pub use given_certificate::{CertificateFiles, GivenCertificateError};
pub use installation::Installation;
pub use operator::{OperatorError, operator_note};
pub use origin::{NotCertifiable, PublicName, PublicNameError};
pub use parts::{Parts, PartsError};
pub use registered_apis::RegisterApiError;
pub use restore::{Older, RestoreError, Restored, look_before_restoring, restore};
pub use row_keys::unlock;
pub use secrets::{SecretsError, open_host_ca, open_pepper, open_server_ca};
pub use start::{HOSTS, HealthCheck, Opened, PUBLIC, PlaneOptions, Running, StartError};
pub use surfaces::{At, Entry, Need, On, Readiness, Round, named, of};
pub use tls::TlsError;
