//! The bindings of this host: which workload answers at which place.

mod attach;
mod beside;
mod configured;
mod detach;
mod guests;
mod look;
mod news;
mod open;
mod restore;
mod ruled;
mod serving;

pub use attach::AttachError;
pub(crate) use attach::Attacher;
pub use beside::BesideError;
pub(in crate::bindings) use configured::Missing;
pub use detach::{DetachError, Which};
pub(crate) use open::of_namespace;
pub use open::{PlaceError, namespace_file};

use super::place::Place;
use super::row::{AttachedBinding, BindingLine, BindingRow, BindingState};
use super::sealed_rows::SealedRows;
use crate::agent::AgentRuntime;
use crate::files::HostFiles;
use crate::rules::RulesInForce;
use crate::state::StateError;
use crate::temporary_placements::TemporaryPlacements;
use attach::Attached;
use bonafide_files::{FilesError, read_of_system};
use bonafide_http::{Log, SharedConnections};
use bonafide_opener::{Held, OpenError, Opener};
use bonafide_types::{BindingId, ResourceId, ResourceUuid};
use guests::GuestPorts;
use serving::Serving;
use std::collections::{BTreeMap, HashMap};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// The name under which the socket of a binding's own endpoint is held.
const OWN: &str = "imds";

/// The bindings of this host.
pub struct Bindings {
    agent: Arc<AgentRuntime>,
    placements: Arc<TemporaryPlacements>,
    opener: Arc<dyn Opener>,
    rows: SealedRows,
    files: HostFiles,
    log: Arc<Log>,
    here: Here,
    /// Those of all bindings together, so that one cannot take the descriptors of the others.
    connections: SharedConnections,
    /// Those of virtual sockets.
    guests: Arc<GuestPorts>,
    /// Held by whoever attaches or detaches: one at a time.
    changing: tokio::sync::Mutex<()>,
    /// Held by whoever follows the configuration file, or tries again what of it was missing: what a file says that was read
    /// meanwhile comes after. Taken before `changing`.
    following: tokio::sync::Mutex<()>,
    entries: Mutex<BTreeMap<BindingId, Entry>>,
    /// Sockets that an earlier process of this agent had, until those whose they are take them up.
    given: Mutex<HashMap<String, Held>>,
    /// Attachments of the configuration file that were not possible yet.
    missing: Mutex<Vec<Missing>>,
    /// The reason why the configuration is not followed as it is now.
    unfollowed: Mutex<Option<String>>,
    changed: watch::Sender<()>,
}

/// The place of the agent itself.
struct Here {
    /// The id of the start of the machine.
    boot: String,
    /// The inode of its network namespace.
    inode: Option<u64>,
    /// The cookie of that.
    cookie: u64,
}

/// A binding that is attached.
struct Entry {
    row: BindingRow,
    state: BindingState,
    note: Option<String>,
    serving: Option<Serving>,
    /// The rules that its endpoints follow.
    rules: RulesInForce,
}

/// An endpoint on a port of this machine, for who starts programs on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortEndpoint {
    /// The workload's ARM id.
    pub resource_id: ResourceId,
    /// Its base URL.
    pub url: String,
    /// The name of its dialect.
    pub dialect: String,
    /// The file with the secret that callers must show, in a dialect that has one.
    pub header_file: Option<PathBuf>,
}

/// The reason why the bindings of earlier starts cannot be taken up.
#[derive(Debug, thiserror::Error)]
pub enum BindingsError {
    /// Their files.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The key that they are sealed with.
    #[error(transparent)]
    State(#[from] StateError),
    /// The kernel.
    #[error("cannot tell this network namespace from others: {0}; Linux 5.14 or newer is needed")]
    Here(std::io::Error),
}

impl Bindings {
    /// None yet: [`Bindings::restore`] takes up those that were attached before.
    pub fn new(
        files: &HostFiles,
        agent: Arc<AgentRuntime>,
        placements: Arc<TemporaryPlacements>,
        opener: Arc<dyn Opener>,
        log: Arc<Log>,
    ) -> Result<Self, BindingsError> {
        Ok(Self {
            rows: SealedRows::new(files, agent.membership.kek()?),
            files: files.clone(),
            agent,
            placements,
            opener,
            log,
            here: Here::look().map_err(BindingsError::Here)?,
            connections: serving::connections(),
            guests: Arc::default(),
            changing: tokio::sync::Mutex::default(),
            following: tokio::sync::Mutex::default(),
            entries: Mutex::default(),
            given: Mutex::default(),
            missing: Mutex::default(),
            unfollowed: Mutex::default(),
            changed: watch::Sender::new(()),
        })
    }

    /// Every binding, in the order in which they were attached.
    pub fn list(&self) -> Vec<BindingLine> {
        let here = self.agent.core.workloads();
        let is_here = |id: ResourceUuid| here.iter().any(|workload| workload.id == id);
        let mut entries: Vec<(u64, BindingLine)> = Vec::new();
        for entry in self.entries().values() {
            let mut line = entry.line();
            if line.note.is_none() && !is_here(entry.row.workload) {
                line.note =
                    Some("the workload was deleted, or taken from this host: it has no identity here".to_owned());
            }
            entries.push((entry.row.attached_micros, line));
        }
        entries.sort_by_key(|(at, line)| (*at, line.id));
        entries.into_iter().map(|(_, line)| line).collect()
    }

    /// The bindings of a workload that serve.
    pub fn bindings_of(&self, workload: ResourceUuid) -> Vec<BindingRow> {
        let entries = self.entries();
        let of = entries.values().filter(|entry| entry.row.workload == workload && entry.serving.is_some());
        of.map(|entry| entry.row.clone()).collect()
    }

    /// Becomes changed with each attachment and each end of one.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// The endpoints on ports of this machine.
    pub fn ports(&self) -> Vec<PortEndpoint> {
        let entries = self.entries();
        let rows = entries.values().filter(|entry| entry.serving.is_some()).map(|entry| &entry.row);
        rows.filter_map(|row| self.port_endpoint(row)).collect()
    }

    /// A binding that was attached, as the one who attached it gets to know it.
    pub(crate) fn described(&self, attached: Attached) -> AttachedBinding {
        let Attached { line, row, without_identity } = attached;
        let port = serving::facts(&row).port;
        AttachedBinding {
            binding: line,
            without_identity,
            port: matches!(row.place, Place::Port { .. } | Place::Netns { port: Some(_), .. }).then_some(port),
            header_file: row.secret.as_ref().map(|_| self.files.header_of(row.id)),
            secret: row.secret.map(|secret| secret.expose().to_owned()),
        }
    }

    fn port_endpoint(&self, row: &BindingRow) -> Option<PortEndpoint> {
        let Place::Port { number } = row.place else { return None };
        Some(PortEndpoint {
            resource_id: row.resource_id.clone(),
            url: format!("http://127.0.0.1:{number}"),
            dialect: row.dialect.clone(),
            header_file: row.secret.as_ref().map(|_| self.files.header_of(row.id)),
        })
    }

    /// The connections that all endpoints at bindings have together.
    pub(crate) fn shared_connections(&self) -> SharedConnections {
        self.connections.clone()
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<BindingId, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn given(&self) -> MutexGuard<'_, HashMap<String, Held>> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a call of the opener on a thread that may wait.
    async fn ask<T: Send + 'static>(
        &self,
        call: impl FnOnce(&dyn Opener) -> Result<T, OpenError> + Send + 'static,
    ) -> Result<T, OpenError> {
        let opener = Arc::clone(&self.opener);
        let asked = tokio::task::spawn_blocking(move || call(&*opener)).await;
        asked.map_err(|error| OpenError::Failed(error.to_string()))?
    }
}

/// The workloads that have bindings on this host, for who decides what stays there over a restart. None where nothing was
/// sealed yet.
pub fn bound_workloads(files: &HostFiles) -> Result<Vec<ResourceUuid>, StateError> {
    if !files.key().exists() {
        return Ok(Vec::new());
    }
    Ok(SealedRows::new(files, files.read_key(false)?).workloads()?)
}

/// The key under which sockets of a binding are held; without a name all of them.
fn key(id: BindingId, name: &str) -> String {
    format!("{id}/{name}")
}

impl Here {
    fn look() -> std::io::Result<Self> {
        let boot = read_of_system(Path::new("/proc/sys/kernel/random/boot_id")).unwrap_or_default();
        let any = rustix::net::socket(rustix::net::AddressFamily::UNIX, rustix::net::SocketType::STREAM, None)?;
        Ok(Self {
            boot: String::from_utf8_lossy(&boot).trim().to_owned(),
            inode: std::fs::metadata("/proc/self/ns/net").ok().map(|found| found.ino()),
            // Without cookies (Linux before 5.14) nothing is attached outside of this namespace.
            cookie: bonafide_opener::namespace_cookie(&any).unwrap_or_default(),
        })
    }
}

impl Entry {
    fn line(&self) -> BindingLine {
        let (state, why) = match &self.state {
            BindingState::Serving => ("serving", None),
            BindingState::Gone(why) => ("gone", Some(why)),
            BindingState::Waiting(why) => ("waiting", Some(why)),
        };
        BindingLine {
            id: self.row.id,
            workload: self.row.resource_id.clone(),
            place: self.row.place.to_string(),
            dialect: self.row.dialect.clone(),
            state: state.to_owned(),
            note: why
                .or(self.note.as_ref())
                .cloned()
                .or_else(|| self.denies_all().then(|| ruled::DENIES_ALL.to_owned())),
            since: self.row.since().second(),
            configured: self.row.is_configured,
            rules: self.row.rules.as_ref().map(|kept| kept.rules().mode().to_owned()),
        }
    }
}
