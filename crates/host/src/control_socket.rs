//! The control socket: how the command line of the same user asks for endpoints. An endpoint lives
//! as long as the connection that asked for it, so it ends with the command it was opened for.

use crate::agent::AgentRuntime;
use crate::caller::user_of;
use crate::decisions::{HostDecisions, HostLine, HostOrder};
use crate::endpoint::{AllowedUsers, Endpoint};
use crate::files::HostFiles;
use crate::passing::{read_line, write_line};
use crate::temporary_placements::TemporaryPlacements;
use bonafide_crypto::random;
use bonafide_files::{User, open_folder};
use bonafide_http::{ACCEPT_PAUSE, HttpLimits, Listener, Listening, Log, PortHold, Stop, stopped};
use bonafide_metadata::{Binding, Endpoint as EndpointFacts, dialects};
use bonafide_types::{ResourceId, ResourceUuid, Secret, base64url, enumerate_some};
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::UCred;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

/// Longest request line, in bytes.
const REQUEST_BYTES_MAX: u64 = 16 * 1024;
/// Bytes of the secret of an endpoint.
const SECRET_BYTES: usize = 32;

/// The reason why the agent's control socket cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// It cannot be opened.
    #[error("cannot reach the agent at {path}: {error}; is `bonafide up` running on this data directory?")]
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

/// A request. Each has members of its own.
#[derive(Deserialize)]
#[serde(untagged)]
enum Asked {
    AboutHosts(AboutHosts),
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
    Refused(String),
}

/// Listens on the control socket until told to stop.
pub struct ControlSocket {
    /// The agent.
    pub agent: Arc<AgentRuntime>,
    /// The workloads that sessions put here.
    pub placements: TemporaryPlacements,
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
        let owner = files.owner();
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
                let allowed = stream.peer_cred().is_ok_and(|peer| is_for(&peer, owner));
                if allowed {
                    tokio::spawn(Arc::clone(&this).converse(stream, stop.clone()));
                }
            }
            let _ = std::fs::remove_file(&path);
        });
        Ok(())
    }

    async fn converse(self: Arc<Self>, mut stream: UnixStream, stop: Stop) {
        let mut reader = BufReader::new((&mut stream).take(REQUEST_BYTES_MAX));
        let mut line = String::new();
        if reader.read_line(&mut line).await.is_err() {
            return;
        }
        let (close, closed) = watch::channel(false);
        let (answer, workload, hold) = match serde_json::from_str(&line) {
            Ok(Asked::AboutHosts(AboutHosts { hosts })) => (self.obey(hosts).await, None, None),
            Ok(Asked::Open(request)) => match self.open(request, closed).await {
                Ok((id, opened, hold)) => (Answer::Opened(opened), Some(id), Some(hold)),
                Err(reason) => (Answer::Refused(reason), None, None),
            },
            Err(error) => (Answer::Refused(error.to_string()), None, None),
        };
        let text = serde_json::to_vec(&answer).unwrap_or_default();
        if write_line(&mut stream, &text, hold.as_ref()).await.is_ok() && workload.is_some() {
            let mut rest = [0; 1];
            let mut stop = stop;
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

    /// Opens an endpoint. Who asked gets a hold on its port, too, for as long as a command may ask there.
    async fn open(
        &self,
        request: OpenEndpoint,
        stop: Stop,
    ) -> Result<(ResourceUuid, OpenedEndpoint, PortHold), String> {
        let dialect = dialects::named(&request.dialect).ok_or_else(|| {
            let known = enumerate_some(dialects::ALL.iter().map(|dialect| dialect.name()));
            format!("there is no dialect '{}'; there are: {known}", request.dialect)
        })?;
        let secret = dialect.has_secret().then(|| base64url::encode(&random::bytes::<SECRET_BYTES>()));
        let opened = Listening::open_held((Ipv4Addr::LOCALHOST, 0).into());
        let (socket, hold) = opened.map_err(|error| error.to_string())?;
        let port = socket.address().map_or(0, |address| address.port());
        let id = match request.workload {
            Some(wanted) => self.placements.resolve(wanted).await?,
            None => self.by_default().await?,
        };
        // Nothing fails from here on: what was acquired is released by the caller.
        let workload = self.placements.acquire(id).await?;
        let binding = Binding::new(
            id,
            dialect,
            EndpointFacts { port, secret: secret.clone().map(Secret::new), names: Vec::new() },
        );
        let binding = binding.with_http_1_0(request.allow_http_1_0);
        let endpoint = Endpoint { binding, users: self.users, agent: Arc::clone(&self.agent) };
        let listener = Listener {
            socket,
            tls: None,
            service: Arc::new(endpoint),
            limits: HttpLimits::default(),
            user_of,
            proxies: Arc::default(),
            log: Arc::clone(&self.log),
        };
        tokio::spawn(listener.serve(stop));
        let without_identity = workload.identities.is_empty();
        Ok((id, OpenedEndpoint { resource_id: workload.resource_id, without_identity, port, secret }, hold))
    }

    async fn by_default(&self) -> Result<ResourceUuid, String> {
        let here = self.agent.core.workloads();
        let demo = self.default_workload.filter(|demo| here.iter().any(|workload| workload.id == *demo));
        match demo {
            Some(demo) => Ok(demo),
            None => {
                if let Some(decision) = self.agent.wants_decision() {
                    return Err(format!("{decision} (`bonafide host list` has its name)"));
                }
                let choice = self.placements.choice().await?;
                Err(format!("there is no workload demo to take by default; name one with --workload; {choice}"))
            }
        }
    }
}

/// Asks the agent of a data directory for an endpoint, and a hold on its port. It lives until the returned stream is dropped.
pub(crate) async fn open_endpoint(
    files: &HostFiles,
    request: &OpenEndpoint,
) -> Result<(UnixStream, OpenedEndpoint, OwnedFd), ControlError> {
    match ask(files, request).await? {
        (stream, Answer::Opened(opened), Some(hold)) => Ok((stream, opened, hold)),
        (_, Answer::Refused(reason), _) => Err(ControlError::Refused(reason)),
        (_, Answer::Hosts(_) | Answer::Opened(_), _) => Err(ControlError::Refused(OTHER_ANSWER.to_owned())),
    }
}

/// Gives the process of a data directory an order about hosts: the hosts that it was about, as they are now.
pub async fn order_about_hosts(files: &HostFiles, order: HostOrder) -> Result<Vec<HostLine>, ControlError> {
    match ask(files, &AboutHosts { hosts: order }).await?.1 {
        Answer::Hosts(hosts) => Ok(hosts),
        Answer::Refused(reason) => Err(ControlError::Refused(reason)),
        Answer::Opened(_) => Err(ControlError::Refused(OTHER_ANSWER.to_owned())),
    }
}

const OTHER_ANSWER: &str = "`bonafide up` is of another version: stop it and start this one";

async fn ask(
    files: &HostFiles,
    request: &impl Serialize,
) -> Result<(UnixStream, Answer, Option<OwnedFd>), ControlError> {
    let path = files.socket();
    let failed = |error| ControlError::Socket { path: path.clone(), error };
    let mut stream = UnixStream::connect(reachable(&path).map_err(failed)?.path()).await.map_err(failed)?;
    if !is_for(&stream.peer_cred().map_err(failed)?, files.owner()) {
        return Err(ControlError::Refused(format!("{} is held by another user", path.display())));
    }
    let mut text = serde_json::to_vec(request).map_err(|error| failed(error.into()))?;
    text.push(b'\n');
    stream.write_all(&text).await.map_err(failed)?;
    let (line, socket) = read_line(&stream).await.map_err(failed)?;
    let answer = serde_json::from_slice(&line).map_err(|error| failed(error.into()))?;
    Ok((stream, answer, socket))
}

/// True if the process at the other end may use, or serve, what belongs to `owner`.
fn is_for(peer: &UCred, owner: User) -> bool {
    User::told(peer.uid()).is_some_and(|peer| peer.may_use_what_belongs_to(owner))
}

/// A way to a socket whose path is longer than a socket address holds (108 bytes): through an open
/// descriptor of its folder.
struct Reachable {
    path: PathBuf,
    _folder: Option<std::fs::File>,
}

impl Reachable {
    fn path(&self) -> &Path {
        &self.path
    }
}

fn reachable(path: &Path) -> std::io::Result<Reachable> {
    const ADDRESS_BYTES_MAX: usize = 100;
    if path.as_os_str().len() <= ADDRESS_BYTES_MAX {
        return Ok(Reachable { path: path.to_owned(), _folder: None });
    }
    use std::os::fd::AsRawFd;
    let folder = open_folder(path.parent().unwrap_or(Path::new(".")))?;
    let through = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
    Ok(Reachable { path: through.join(path.file_name().unwrap_or_default()), _folder: Some(folder) })
}
