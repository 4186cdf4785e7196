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

/// The extension in the model of a scale set, and that of the model which an instance has applied. An instance has its own
/// copy, as it has one of the image: which model it has is a matter of its own, and so is the run, since a restart is one
/// of that instance alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelExtension {
    /// The version of the set at which it was asked for.
    pub since: u64,
    /// Its name.
    pub name: String,
    /// `typeHandlerVersion`, where it is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub type_version: Option<String>,
    /// The endpoint that it asks for.
    pub endpoint: Extension,
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
