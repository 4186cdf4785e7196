//! The service that answers on a listener, as connections see it.

use crate::admission::{LocalUser, SharedConnections, Waits};
use crate::limits::{HEADER_SECONDS_MAX, PASSING_ENDPOINT_CONNECTIONS_MAX, REPLY_SECONDS_MAX};
use bonafide_types::Timestamp;
use bonafide_types::limits::BODY_SECONDS_MAX;
use bonafide_wire::{Answer, Peer, Remote, Request, Unserved};
use http::{HeaderValue, StatusCode};
use std::borrow::Cow;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// The service that answers requests on a listener.
pub trait Service: Send + Sync + 'static {
    /// Its name in the log.
    fn name(&self) -> &'static str;

    /// Identifies the other end, from the connection and the client certificate that was verified on it, or gives the
    /// reply that is sent instead of serving.
    fn admit(&self, peer: &PeerFacts, certificate: Option<&[u8]>) -> Admission;

    /// True where all who are served are one user: it may have all connections.
    fn is_of_one_user(&self) -> bool {
        false
    }

    /// The connections that this listener has together with others, beyond the few of its own.
    fn shared_connections(&self) -> Option<SharedConnections> {
        None
    }

    /// True where connections may begin with the PROXY protocol, version 1, whoever opens them: all are of one workload, and a
    /// part of it says which of them come from within. What they say proves nothing to anybody else.
    fn hears_forwarders(&self) -> bool {
        false
    }

    /// The id of the control group of the process that opened a connection of a unix socket, where the service wants to know.
    fn control_group_of(&self, _connection: BorrowedFd<'_>) -> Option<u64> {
        None
    }

    /// The largest body that a request takes, in bytes.
    fn body_bytes_max(&self, head: &Request) -> usize;

    /// The principal that an `Authorization` header proves, if it does: large bodies and replies are counted for it.
    fn principal(&self, _authorization: &HeaderValue) -> Option<u128> {
        None
    }

    /// Tells whether a request's head is enough to read a large body. If not, the request is answered without its
    /// body, and the answer says why.
    fn may_send_much(&self, _head: &Request) -> impl Future<Output = bool> + Send {
        std::future::ready(true)
    }

    /// A path for the log line of an answer with this status: as the service reads it, or as it was sent if it refuses to
    /// read it. Where the answer is a refusal, only what the service knows is in it: the rest can be anything, a secret
    /// that was pasted in the wrong place for instance.
    fn logged_path<'r>(&self, raw: &'r str, status: StatusCode) -> Cow<'r, str>;

    /// The answer to one request, which it may take, and whose head had come `at`. What it waits for, its own work aside, it waits
    /// for by `waits`.
    fn answer(&self, request: &mut Request, at: Timestamp, waits: &Waits<'_>) -> impl Future<Output = Answer> + Send;

    /// The refusal of a request that never reaches `answer`, in the words of the surface that its path
    /// belongs to. The path is empty where no head could be read.
    fn refusal(&self, head: &Request, why: Unserved) -> Answer;

    /// True of a request whose connection is closed instead of refusing it.
    fn closes_instead(&self, _head: &Request, _why: Unserved) -> bool {
        false
    }
}

/// The kernel's facts about a connection, or those of a proxy that the operator trusts. Nothing in it can be written by
/// the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerFacts {
    /// The peer.
    pub remote: Remote,
    /// Our own end of the connection; `None` when the connection is gone already, or is none of TCP.
    pub local: Option<SocketAddr>,
    /// The user at the other end, if that is on this machine.
    pub user: LocalUser,
    /// The one at the other end of the connection itself, where `remote` is by that one's word.
    pub passed_on_by: Option<Remote>,
}

/// The decision about a new connection.
pub enum Admission {
    /// It is served.
    Serve {
        /// The other end.
        peer: Peer,
        /// Until when that counts: the end of a client certificate, in seconds since the epoch.
        until: Option<u64>,
    },
    /// It gets this reply to whatever it asks, and is closed.
    Refuse(Answer),
    /// Its first request is read and refused for this reason, and it is closed.
    Decline(Unserved),
}

impl Admission {
    /// Anybody who could open the connection.
    pub fn anybody(peer: &PeerFacts) -> Self {
        Self::Serve { peer: Peer::Anonymous(peer.remote), until: None }
    }
}

/// Time and connection limits of a listener.
#[derive(Debug, Clone, Copy)]
pub struct HttpLimits {
    /// From the connection, or the request before, to the end of a request's head.
    pub header: Duration,
    /// From the head to the end of the body.
    pub body: Duration,
    /// In which a peer must take a part of a reply that waits for it.
    pub reply: Duration,
    /// Connections open at once; for those after them idle ones give way, or they are closed.
    pub connections: usize,
}

impl Default for HttpLimits {
    /// Those of an endpoint that comes and goes, of which there may be many.
    fn default() -> Self {
        Self {
            header: Duration::from_secs(HEADER_SECONDS_MAX),
            body: Duration::from_secs(BODY_SECONDS_MAX),
            reply: Duration::from_secs(REPLY_SECONDS_MAX),
            connections: PASSING_ENDPOINT_CONNECTIONS_MAX,
        }
    }
}
