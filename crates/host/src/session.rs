//! Being a workload for a while: what `exec` and `token` ask of a running agent.

use crate::caller::asking_socket;
use crate::control_socket::{ControlError, OpenEndpoint, open_endpoint};
use crate::exchange;
use crate::files::HostFiles;
use bonafide_http::{Listening, PortHold};
use bonafide_metadata::{Dialect, Endpoint};
use bonafide_types::{ClientId, ResourceId, Secret, enumerate_some, resource_of_scope};
use bonafide_wire::token::TokenV1;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use serde::Deserialize;
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;
use tokio::net::{TcpStream, UnixStream};

/// Longest time that the agent takes to answer, its own wait for login included.
const ANSWER: Duration = Duration::from_secs(15);
/// Largest reply, in bytes: twice what the list of a thousand identities takes.
const REPLY_BYTES_MAX: usize = 1024 * 1024;
/// Least number of a descriptor that a command gets with its start, where there may be as many. Source: ours; scripts choose
/// low numbers (`exec 3<file`), shells use 10 and more.
const INHERITED_MIN: i32 = 100;
/// The version of IMDS that is spoken.
const API_VERSION: &str = "2018-02-01";

/// An endpoint of a workload, which is on this host at least until this is dropped; the endpoint ends then.
pub struct Session {
    /// The id of the workload.
    pub resource_id: ResourceId,
    /// Its endpoint.
    pub endpoint: Endpoint,
    without_identity: bool,
    open: UnixStream,
    /// By this its port stays taken when the agent has ended.
    hold: PortHold,
}

/// The reason why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The agent was not reached or refused.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// No port could be opened.
    #[error("cannot listen on 127.0.0.1: {0}")]
    Socket(std::io::Error),
    /// The agent opened a socket of its own.
    #[error("the agent is of an older version: stop `bonafide up` and start this one")]
    OtherVersion,
    /// The endpoint did not answer.
    #[error("the metadata endpoint did not answer: {0}")]
    Answer(String),
    /// The endpoint refused.
    #[error("no token for {resource}: {reason}")]
    Refused {
        /// The resource that was asked for.
        resource: String,
        /// The words of the endpoint.
        reason: String,
    },
}

#[derive(Default, Deserialize)]
struct Refusal {
    error: String,
    error_description: Option<String>,
}

#[derive(Deserialize)]
struct IdentityInfo {
    identities: Vec<Listed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    #[serde(rename = "type")]
    kind: String,
    client_id: ClientId,
    resource_id: ResourceId,
}

/// True where there was nothing to read after all.
fn is_early(read: std::io::Result<usize>) -> bool {
    read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

impl Session {
    /// Opens an endpoint of `workload` (ARM id or name of any; `demo` when `None`) in `dialect`, which takes HTTP/1.0 if
    /// told so.
    pub async fn open(
        files: &HostFiles,
        workload: Option<&str>,
        dialect: &Dialect,
        allow_http_1_0: bool,
    ) -> Result<Self, SessionError> {
        let (workload, dialect) = (workload.map(str::to_owned), dialect.name().to_owned());
        let request = OpenEndpoint { workload, dialect, allow_http_1_0 };
        // Here, in whichever network namespace: what the agent opened in its own could be somebody else's in this one.
        let (socket, hold) = Listening::open_held((Ipv4Addr::LOCALHOST, 0).into()).map_err(SessionError::Socket)?;
        // Without it the agent cannot tell users apart in another namespace, and says so.
        let asking = asking_socket().ok();
        let brought: Vec<BorrowedFd<'_>> =
            [Some(socket.as_fd()), asking.as_ref().map(AsFd::as_fd)].into_iter().flatten().collect();
        let (open, opened, _) = open_endpoint(files, &request, &brought).await?;
        if socket.address().is_none_or(|address| address.port() != opened.port) {
            return Err(SessionError::OtherVersion);
        }
        // From here on the agent alone listens.
        drop((socket, asking));
        let endpoint = Endpoint { port: opened.port, secret: opened.secret.map(Secret::new), names: Vec::new() };
        Ok(Self { resource_id: opened.resource_id, endpoint, without_identity: opened.without_identity, open, hold })
    }

    /// Waits until the agent has ended. Nobody answers at the endpoint then, which refuses connections and keeps its port
    /// until this is dropped.
    pub async fn ended(&self) {
        // The agent never writes again: anything, and the end, means that it is done.
        while self.open.readable().await.is_ok() && is_early(self.open.try_read(&mut [0])) {}
    }

    /// The hold on the endpoint's port for the processes that are started while this is there: nobody else gets the port
    /// whatever becomes of this process, as long as one of them is there that has it.
    ///
    /// # Errors
    /// The system's.
    pub fn hold_to_inherit(&self) -> std::io::Result<OwnedFd> {
        let hold = fcntl_dupfd_cloexec(&self.hold, INHERITED_MIN).or_else(|_| fcntl_dupfd_cloexec(&self.hold, 0))?;
        fcntl_setfd(&hold, FdFlags::empty())?;
        Ok(hold)
    }

    /// A warning for the person who opened it, when its workload had no identity on this host then.
    pub fn note(&self) -> Option<String> {
        self.without_identity.then(|| self.why_no_identity())
    }

    /// A token for `resource`, from an `imds` endpoint: of the identity `client`, or of the one that
    /// IMDS takes by default.
    pub async fn token(&self, resource: &str, client: Option<ClientId>) -> Result<Secret<String>, SessionError> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("api-version", API_VERSION).append_pair("resource", resource);
        if let Some(client) = client {
            query.append_pair("client_id", &client.to_string());
        }
        let (status, body) = self.get(&format!("/metadata/identity/oauth2/token?{}", query.finish())).await?;
        if status == StatusCode::OK {
            let reply: TokenV1 =
                serde_json::from_slice(&body).map_err(|error| SessionError::Answer(error.to_string()))?;
            return Ok(Secret::new(reply.access_token));
        }
        let refusal = serde_json::from_slice(&body).unwrap_or_default();
        let reason = self.reason(status, refusal, resource, client).await;
        Err(SessionError::Refused { resource: resource.to_owned(), reason })
    }

    /// The reason why there is no token, and what to do about it.
    async fn reason(&self, status: StatusCode, refusal: Refusal, asked: &str, client: Option<ClientId>) -> String {
        let description = refusal.error_description.unwrap_or_else(|| format!("the endpoint answered {status}"));
        // The token service adds its ids and the time, each on a line of its own.
        let said = description.lines().next().unwrap_or_default();
        match (status, refusal.error.as_str()) {
            (StatusCode::BAD_REQUEST, "invalid_resource" | "invalid_scope") => match resource_of_scope(asked) {
                Some(resource) => {
                    format!("that is a scope, and a resource is named without /.default: give --resource {resource}")
                }
                None => format!(
                    "{said} Give --resource the address of a service that the tenant knows, as https://vault.azure.net, \
                     or register your own: stop `up` and start it with --resource api://orders"
                ),
            },
            (StatusCode::BAD_REQUEST, "invalid_request") => {
                let unclear = match self.identities().await {
                    Ok(identities) => self.no_identity(&identities, client),
                    Err(_) => None,
                };
                unclear.unwrap_or_else(|| said.to_owned())
            }
            (StatusCode::TOO_MANY_REQUESTS, _) => format!("{said}; try again in a second"),
            _ => said.to_owned(),
        }
    }

    /// The reason why none of a workload's identities is the one that was asked for; `None` when one is.
    fn no_identity(&self, identities: &[Listed], client: Option<ClientId>) -> Option<String> {
        let workload = &self.resource_id;
        let known =
            enumerate_some(identities.iter().map(|one| format!("{} ({})", one.client_id, one.resource_id.name())));
        match (client, identities) {
            (_, []) => Some(self.why_no_identity()),
            (Some(client), _) if identities.iter().all(|one| one.client_id != client) => {
                Some(format!("{workload} has no identity with client id {client}; it has: {known}"))
            }
            (None, [_, _, ..]) if identities.iter().all(|one| one.kind != "SystemAssigned") => {
                Some(format!("{workload} has several identities; choose one with --client-id: {known}"))
            }
            (Some(_) | None, _) => None,
        }
    }

    fn why_no_identity(&self) -> String {
        let help = "give it one, start it if it is switched off, or choose another workload with --workload";
        format!("{} has no identity on this host; {help}", self.resource_id)
    }

    async fn identities(&self) -> Result<Vec<Listed>, SessionError> {
        let (_, body) = self.get(&format!("/metadata/identity/info?api-version={API_VERSION}")).await?;
        let info: IdentityInfo =
            serde_json::from_slice(&body).map_err(|error| SessionError::Answer(error.to_string()))?;
        Ok(info.identities)
    }

    async fn get(&self, target: &str) -> Result<(StatusCode, Bytes), SessionError> {
        let answer = tokio::time::timeout(ANSWER, self.ask(target)).await;
        answer.map_err(|_| SessionError::Answer("not in time".to_owned()))?
    }

    async fn ask(&self, target: &str) -> Result<(StatusCode, Bytes), SessionError> {
        let failed = |error: &dyn std::fmt::Display| SessionError::Answer(error.to_string());
        let stream = TcpStream::connect(("127.0.0.1", self.endpoint.port)).await.map_err(|error| failed(&error))?;
        let mut sender = exchange::open(stream).await.map_err(|error| failed(&error))?;
        let request = Request::get(target)
            .header("host", format!("127.0.0.1:{}", self.endpoint.port))
            .header("metadata", "true")
            .body(Full::<Bytes>::default())
            .map_err(|error| failed(&error))?;
        exchange::send(&mut sender, request, REPLY_BYTES_MAX).await.map_err(SessionError::Answer)
    }
}
