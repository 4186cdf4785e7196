//! The control socket: how the command line of the same user asks for endpoints. An endpoint lives
//! as long as the connection that asked for it, so it ends with the command it was opened for.

mod bindings;
mod brought;
mod client;
mod endpoints;
mod listed;
mod reachable;

pub(crate) use client::open_endpoint;
pub use client::{attach, detach, list_bindings, order_about_hosts};
pub use listed::ListedBindings;

use crate::agent::AgentRuntime;
use crate::bindings::{AttachedBinding, BindingLine, Bindings, Wanted, Which};
use crate::decisions::{HostDecisions, HostLine, HostOrder};
use crate::endpoint::AllowedUsers;
use crate::files::HostFiles;
use crate::passing::{read_line, write_line};
use crate::temporary_placements::TemporaryPlacements;
use bonafide_files::User;
use bonafide_http::{ACCEPT_PAUSE, Log, Stop, stopped};
use bonafide_opener::namespace_cookie;
use bonafide_types::{ResourceId, ResourceUuid};
use endpoints::Opened;
use reachable::reachable;
use serde::{Deserialize, Serialize};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::AsyncReadExt;
use tokio::net::unix::UCred;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

/// Longest request line, in bytes. Source: ours; four times the longest rules of a binding, whose line ends and quotes are escaped.
const REQUEST_BYTES_MAX: usize = 4 * bonafide_metadata::rules::RULES_BYTES_MAX;

/// The reason why the agent's control socket cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// It cannot be opened.
    #[error(
        "cannot reach the agent at {path}: {error}; is `bonafide up`, or `bonafide host run`, running on this data directory?"
    )]
    Socket {
        /// The path at which it should be.
        path: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// The agent refused.
    #[error("{0}")]
    Refused(String),
}

/// Asks for an endpoint.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct OpenEndpoint {
    /// ARM id or name of any workload, which is put on this host for as long; when absent, `demo`.
    pub(crate) workload: Option<String>,
    /// The name of a dialect.
    pub(crate) dialect: String,
    /// True if it takes HTTP/1.0.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) allow_http_1_0: bool,
}

/// An order about hosts.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AboutHosts {
    hosts: HostOrder,
}

/// An order about bindings.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AboutBindings {
    bindings: BindingOrder,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum BindingOrder {
    Attach(Box<Wanted>),
    Detach(Which),
    List,
}

/// A request. Each has members of its own.
#[derive(Deserialize)]
#[serde(untagged)]
enum Asked {
    AboutHosts(AboutHosts),
    AboutBindings(AboutBindings),
    Open(OpenEndpoint),
}

/// An open endpoint.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OpenedEndpoint {
    /// The workload that it belongs to.
    pub(crate) resource_id: ResourceId,
    /// True for a workload that has no identity on this host, one that is switched off for instance. An agent of an
    /// earlier version does not say.
    #[serde(default)]
    pub(crate) without_identity: bool,
    /// Its port on 127.0.0.1.
    pub(crate) port: u16,
    /// The secret that callers must show, in a dialect that has one.
    pub(crate) secret: Option<String>,
}

/// The answer.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Answer {
    Opened(OpenedEndpoint),
    Hosts(Vec<HostLine>),
    Bindings(Vec<BindingLine>),
    Listed(ListedBindings),
    Attached(Box<AttachedBinding>),
    Refused(String),
}

/// The process at the other end.
struct Peer {
    /// Its user.
    user: User,
    /// The cookie of its network namespace.
    namespace: u64,
    /// The cookie of the agent's.
    here: u64,
}

impl Peer {
    /// True of one in another network namespace than the agent.
    fn is_elsewhere(&self) -> bool {
        self.namespace != self.here
    }
}

/// Listens on the control socket until told to stop.
pub struct ControlSocket {
    /// The agent.
    pub agent: Arc<AgentRuntime>,
    /// The workloads that sessions put here.
    pub placements: Arc<TemporaryPlacements>,
    /// The bindings of this host.
    pub bindings: Arc<Bindings>,
    /// The one that carries orders about hosts out.
    pub decisions: Arc<dyn HostDecisions>,
    /// The workload that is meant when none is named. What else is on this host was put here by sessions, and who
    /// names none is not to become what another session is.
    pub default_workload: Option<ResourceUuid>,
    /// The log of requests and failures.
    pub log: Arc<Log>,
    /// The users whose connections the endpoints take.
    pub users: AllowedUsers,
}

impl ControlSocket {
    /// Serves until told to stop.
    pub async fn serve(self, files: &HostFiles, mut stop: Stop) -> Result<(), ControlError> {
        let path = files.socket();
        let failed = |error| ControlError::Socket { path: path.clone(), error };
        // The lock on the data directory is ours, so a socket that lies here is a leftover.
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(reachable(&path).map_err(failed)?.path()).map_err(failed)?;
        let (owner, here) = (files.owner(), namespace_cookie(&listener).unwrap_or_default());
        let this = Arc::new(self);
        tokio::spawn(async move {
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    () = stopped(&mut stop) => break,
                };
                let Ok((stream, _)) = accepted else {
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                };
                if let Some(peer) = peer(&stream, owner, here) {
                    tokio::spawn(Arc::clone(&this).converse(stream, peer, stop.clone()));
                }
            }
            let _ = std::fs::remove_file(&path);
        });
        Ok(())
    }

    async fn converse(self: Arc<Self>, mut stream: UnixStream, peer: Peer, mut stop: Stop) {
        let Ok((line, brought)) = read_line(&stream, REQUEST_BYTES_MAX).await else { return };
        let (close, closed) = watch::channel(false);
        let (answer, workload, hold) = match serde_json::from_slice(&line) {
            Ok(Asked::AboutHosts(AboutHosts { hosts })) => (self.obey(hosts).await, None, None),
            Ok(Asked::AboutBindings(AboutBindings { bindings })) => {
                (self.order(bindings, &peer, brought).await, None, None)
            }
            Ok(Asked::Open(request)) => match self.open(request, &peer, brought, closed).await {
                Ok(Opened { workload, endpoint, hold }) => (Answer::Opened(endpoint), Some(workload), hold),
                Err(reason) => (Answer::Refused(reason), None, None),
            },
            Err(error) => (Answer::Refused(error.to_string()), None, None),
        };
        let text = serde_json::to_vec(&answer).unwrap_or_default();
        let hold = hold.as_ref().map(AsFd::as_fd);
        if write_line(&mut stream, &text, hold.as_slice()).await.is_ok() && workload.is_some() {
            let mut rest = [0; 1];
            tokio::select! {
                // The other side never writes again: anything, and the end, means that it is done.
                _ = stream.read(&mut rest) => {}
                () = stopped(&mut stop) => {}
            }
        }
        // The endpoint is told to stop, if it still listens.
        let _ = close.send(true);
        if let Some(id) = workload {
            self.placements.release(id).await;
        }
    }

    async fn obey(&self, order: HostOrder) -> Answer {
        let decisions = Arc::clone(&self.decisions);
        match tokio::task::spawn_blocking(move || decisions.obey(&order)).await {
            Ok(Ok(hosts)) => Answer::Hosts(hosts),
            Ok(Err(reason)) => Answer::Refused(reason),
            Err(error) => Answer::Refused(error.to_string()),
        }
    }
}

/// True if the process at the other end may use, or serve, what belongs to `owner`.
fn is_for(peer: &UCred, owner: User) -> bool {
    User::told(peer.uid()).is_some_and(|peer| peer.may_use_what_belongs_to(owner))
}

/// The process at the other end, if it may use what belongs to `owner`.
fn peer(stream: &UnixStream, owner: User, here: u64) -> Option<Peer> {
    let credentials = stream.peer_cred().ok().filter(|peer| is_for(peer, owner))?;
    // A kernel without cookies (Linux before 5.14) tells no namespace from another: both are 0 then.
    Some(Peer { user: User::told(credentials.uid())?, namespace: namespace_cookie(stream).unwrap_or_default(), here })
}
