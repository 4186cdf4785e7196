//! A binding, as it is kept: whose it is, where it listens, and by what that place is known again.

use super::kept_rules::KeptRules;
use super::place::Place;
use bonafide_types::{BindingId, ResourceId, ResourceUuid, Timestamp};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A binding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BindingRow {
    /// Its own id.
    pub id: BindingId,
    /// The workload that it belongs to, by the key that no successor of its name has.
    pub workload: ResourceUuid,
    /// The workload's ARM id when it was attached.
    pub resource_id: ResourceId,
    /// The place at which it listens.
    pub place: Place,
    /// The name of its dialect.
    pub dialect: String,
    /// Its way of answering.
    pub options: BindingOptions,
    /// The proof that the place is still the one that was attached.
    pub identity: PlaceIdentity,
    /// The user whose connections it takes; `None` for anybody who can reach it.
    pub user: Option<u32>,
    /// The time when it was attached, in microseconds since the epoch: by it bindings are in order.
    pub attached_micros: u64,
    /// The secret that callers must show, in a dialect that has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<HeaderSecret>,
    /// Its rules (MD-11).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rules: Option<KeptRules>,
    /// True where the workload is on this host for the sake of its bindings.
    pub(crate) was_put_here: bool,
    /// True for one of the configuration file.
    pub(crate) is_configured: bool,
}

impl BindingRow {
    /// The time when it was attached.
    pub fn since(&self) -> Timestamp {
        Timestamp::from_unix_micros(self.attached_micros)
    }
}

/// A binding's way of answering, beside its dialect.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BindingOptions {
    /// True if it takes HTTP/1.0.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allow_http_1_0: bool,
    /// Names that it answers to as well, as a `Host` header has them (MD-03).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub host_names: Vec<String>,
    /// True if it answers nothing outside of a session (MD-12).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub require_session: bool,
    /// Routers that its replies pass at most, and itself; the system's figure if none (MD-10).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hop_limit: Option<std::num::NonZeroU8>,
}

/// The proof that a place is the one that was attached. Names, process ids and device names are given again to others; none
/// of them is in it. The id of the machine's start stands for the numbers of the kernel, which begin anew with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlaceIdentity {
    /// The id of the start of the machine (`/proc/sys/kernel/random/boot_id`).
    pub boot: String,
    /// The cookie of the network namespace (`SO_NETNS_COOKIE`), which no other has until the machine starts again.
    pub namespace: u64,
    /// The inode of the namespace, which another has once this one is gone: by it alone nothing is served, but who has
    /// another inode is another namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inode: Option<u64>,
    /// The index of the interface, which another of that namespace can be made with once this one is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<u32>,
    /// The mark that the opener put on the interface, and that goes with it. Without one it is proven only by sockets that
    /// were held all the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_mark: Option<u32>,
    /// The file of a unix socket, which is removed with the binding, and no other that got its path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<SocketFile>,
    /// The folder of that: where another user has it by now, or more users can enter it, no other socket is made in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<SocketFolder>,
}

/// The file of a unix socket, by the number of its file system and its own there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SocketFile {
    /// The file system.
    pub device: u64,
    /// The file.
    pub inode: u64,
}

/// The folder of a unix socket, by who may enter it: its owner, its group, and its permission bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SocketFolder {
    /// The owner.
    pub owner: u32,
    /// The group.
    pub group: u32,
    /// The permission bits.
    pub mode: u32,
}

impl SocketFolder {
    /// True where nobody can enter it who could not enter `before`, and nobody else decides who can.
    pub(crate) fn is_as_closed_as(self, before: Self) -> bool {
        const OF_GROUP: u32 = 0o070;
        const OF_OTHERS: u32 = 0o007;
        let lets_in = self.mode & (OF_GROUP | OF_OTHERS);
        let is_its_group = lets_in & OF_GROUP == 0 || self.group == before.group;
        self.owner == before.owner && is_its_group && lets_in & !before.mode == 0
    }
}

/// The secret of an endpoint. It does not print.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct HeaderSecret(String);

impl HeaderSecret {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for HeaderSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a secret")
    }
}

/// The state of a binding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BindingState {
    /// It answers.
    Serving,
    /// The place that was attached is no more: it serves nothing until it is attached anew.
    Gone(String),
    /// It cannot listen now, and tries again.
    Waiting(String),
}

/// A binding, as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BindingLine {
    /// Its own id.
    pub id: BindingId,
    /// The workload's ARM id.
    pub workload: ResourceId,
    /// The place, as the option that names it.
    pub place: String,
    /// The name of its dialect.
    pub dialect: String,
    /// `serving`, `gone` or `waiting`.
    pub state: String,
    /// The reason why it does not serve, or something to know about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// From when on it is attached.
    pub since: String,
    /// True for one of the configuration file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub configured: bool,
    /// The mode of its rules, if it has some: `disabled`, `audit` or `enforce`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<String>,
}

/// A binding that was attached, as the one who attached it gets to know it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachedBinding {
    /// The binding.
    pub binding: BindingLine,
    /// True for a workload that has no identity on this host.
    pub without_identity: bool,
    /// Its port on 127.0.0.1, for one that has a port.
    pub port: Option<u16>,
    /// The secret that callers must show, in a dialect that has one.
    pub secret: Option<String>,
    /// The file with that.
    pub header_file: Option<PathBuf>,
}
