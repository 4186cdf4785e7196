//! The agent of one host: its connection to the control plane, its keys, its metadata endpoints. It reaches the control
//! plane over the hosts listener and in no other way; workloads are put on the host by a [`Placer`] of the caller's.

#![allow(clippy::disallowed_methods, reason = "the shell: it owns clock, entropy, environment and sockets")]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod agent;
pub mod bindings;
mod caller;
mod contact;
mod control_plane;
mod control_socket;
mod decisions;
mod endpoint;
mod enrol;
mod exchange;
pub mod extensions;
mod fetch;
mod fetch_instances;
mod files;
mod instances;
mod joining;
mod keeping;
mod kept;
mod keys;
mod link;
mod listeners;
mod membership;
mod passing;
mod pinned;
mod placed_only;
mod placer;
mod resource_name;
mod rules;
mod session;
mod state;
mod stay;
mod temporary_placements;
mod tls;
mod upstream;
mod watch;

pub use agent::{AgentRuntime, AgentStatus};
pub use caller::{Callers, user_of};
pub use control_plane::{ControlPlaneAddress, HostsOrigin, HostsOriginError, Trust};
pub use control_socket::{
    ControlError, ControlSocket, ListedBindings, attach, detach, list_bindings, order_about_hosts,
};
pub use decisions::{HostDecisions, HostLine, HostOrder, HostState};
pub use endpoint::{AllowedUsers, Endpoint};
pub use enrol::EnrolError;
pub use files::HostFiles;
pub use joining::{JoinError, JoinOrder, Joined, KnownBy, join};
pub use membership::{DECISION_SEEN_WITHIN, Invitation};
pub use placed_only::PlacedOnly;
pub use placer::Placer;
pub use rules::Guarded;
pub use session::{Session, SessionError};
pub use state::{StateError, set_aside_of_another};
pub use temporary_placements::TemporaryPlacements;
pub use upstream::UpstreamFailure;
