//! A whole cloud in memory, at a fixed time, without sockets: the store, every surface and an agent,
//! wired as the shell wires them, and the runner of the transcripts.
//!
//! An operator, a host or a workload acts over the wire here too, with a request to the surface that serves it. Work
//! that has no surface yet goes to the directory directly and says so: creating a tenant, registering an application,
//! inviting a host, placing a workload.

#![allow(clippy::unwrap_used, reason = "a cloud that cannot be made is a failed test")]

mod agent;
mod ask;
mod cloud;
mod entropy;
mod full;
mod keys;
mod now;
mod people;
mod plane;
mod report;
mod resources;
mod token;
pub mod transcript;

pub use agent::Host;
pub use ask::{Answer, Ask};
pub use cloud::{Cloud, Realm};
pub use entropy::RepeatableEntropy;
pub use keys::{client_certificate, client_header, sign_as_client, sign_as_tenant};
pub use now::NOW;
pub use people::Person;
pub use plane::{GRAPH, MANAGEMENT, ORIGIN, Plane};
pub use report::{report_without_secrets, without_secrets};
pub use resources::{IDENTITY, MACHINE, Machine, ManagedIdentity, version};
pub use token::{claims, header};
