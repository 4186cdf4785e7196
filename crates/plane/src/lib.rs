//! Sockets, TLS, threads, logging and wiring: the only library that awaits.

#![allow(clippy::disallowed_methods, reason = "the shell: it owns clock, entropy, environment and sockets")]

mod agent;
mod attach;
mod bootstrap;
mod choices;
mod config;
mod confirm;
mod control_plane;
mod data_dir;
mod deployment;
mod description;
mod followed;
mod health;
mod hosts_listener;
mod jobs;
mod link_local;
mod listening;
mod log_file;
mod lost;
mod metadata_port;
mod names;
mod operator;
mod own_endpoint;
mod pool;
mod public;
mod resources;
mod runtime;
mod session;
mod surfaces;
#[cfg(test)]
mod tests;
mod tls;
mod trust;
mod up;
mod upkeep;

pub use agent::{ControlError, EnrolError, StateError, UpstreamFailure};
pub use bonafide_core::tokens::NamesError;
pub use bonafide_http::Log;
pub use bootstrap::BootstrapError;
pub use config::{ThrottleOption, UpOptions};
pub use control_plane::OpenControlPlaneError;
pub use data_dir::{DataDir, DataDirError};
pub use description::{Description, Endpoints, Operator, WorkloadEndpoint};
pub use link_local::LinkLocalError;
pub use listening::ListenError;
pub use metadata_port::MetadataPortError;
pub use operator::{OperatorError, operator_note};
pub use resources::ResourceError;
pub use session::{Session, SessionError};
pub use tls::TlsError;
pub use trust::{TrustFiles, write_trust_files};
pub use up::{Up, UpError, up};
