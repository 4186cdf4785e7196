//! The virtual machine extension that serves tokens on a port of its machine's own loopback, as far as hosts act on it.

use serde::{Deserialize, Serialize};
use std::num::NonZeroU16;
use uuid::Uuid;

/// A token endpoint that an extension asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Extension {
    /// The port of the loopback address on which it listens.
    pub port: NonZeroU16,
    /// The operating system that it is for.
    pub system: System,
    /// Differs from every other run: a new one asks for a restart, and a host's report says which it is about.
    pub run: Uuid,
}

/// The operating system of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum System {
    /// Linux.
    Linux,
    /// Windows.
    Windows,
}
