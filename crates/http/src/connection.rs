//! One connection: reading requests within their limits, writing replies, and logging both.

use super::head::{content_length, head_bytes, no_head, target, unread};
use super::last::write_last;
use super::log::{Entry, Log, connection_members};
use super::ours::{Ours, Turn};
use crate::clock;
use crate::event::Event;
use bonafide_types::Timestamp;
use bonafide_types::limits::{BODY_SECONDS_MAX, HEAD_BYTES_MAX, TARGET_BYTES_MAX};
use bonafide_wire::{Answer, Peer, Reply, Request, Unserved};
use bytes::{Bytes, BytesMut};
use http::Response;
use http::header::{CONNECTION, HeaderValue};
use http::request::Parts;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::borrow::Cow;
use std::convert::Infallible;
use std::error::Error;
use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Longest time that a peer may take to send a request head, in seconds; also the longest that a connection may lie
/// idle between requests. Source: hyper's default (30 s).
const HEADER_SECONDS_MAX: u64 = 30;
/// Largest body that is read from anybody, in bytes; of a larger one the caller must be known first. Source: ours.
const STRANGER_BODY_BYTES_MAX: usize = 64 * 1024;
/// Connections open at once on an endpoint that lives as long as one command (`exec`, `token`). Source: ours.
const PASSING_ENDPOINT_CONNECTIONS_MAX: usize = 256;
/// The part of the room for large bodies (`LARGE_BODIES_BYTES_MAX`) that a body takes at a time, as it arrives, in bytes.
/// Source: ours.
pub(super) const LARGE_BODY_STEP_BYTES: usize = 64 * 1024;

/// The service that answers requests on a listener.
pub trait Service: Send + Sync + 'static {
    /// Its name in the log.
    fn name(&self) -> &'static str;

    /// Identifies the other end, from the connection and the client certificate that was verified on it, or gives the
    /// reply that is sent instead of serving.
    fn admit(&self, peer: &PeerFacts, certificate: Option<&[u8]>) -> Admission;

    /// The largest body that a request takes, in bytes.
    fn body_bytes_max(&self, head: &Request) -> usize;

    /// Tells whether a request's head is enough to read a large body. If not, the request is answered without its
    /// body, and the answer says why.
    fn may_send_much(&self, _head: &Request) -> impl Future<Output = bool> + Send {
        std::future::ready(true)
    }

    /// A path as the service reads it, for the log; one that it refuses to read, as it was sent.
    fn read_path<'r>(&self, raw: &'r str) -> Cow<'r, str>;

    /// The answer to one request, whose head had come `at`.
    fn answer(&self, request: Request, at: Timestamp) -> impl Future<Output = Answer> + Send;

    /// The refusal of a request that never reaches `answer`, in the words of the surface that its path
    /// belongs to. The path is empty where no head could be read.
    fn refusal(&self, head: &Request, why: Unserved) -> Answer;
}

/// The kernel's facts about a connection. Nothing in it can be written by the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerFacts {
    /// The peer's address.
    pub remote: SocketAddr,
    /// Our own end of the connection; `None` when the connection is gone already.
    pub local: Option<SocketAddr>,
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
    /// Connections open at once; those after them wait to be accepted.
    pub connections: usize,
}

impl Default for HttpLimits {
    /// Those of an endpoint that comes and goes, of which there may be many.
    fn default() -> Self {
        Self {
            header: Duration::from_secs(HEADER_SECONDS_MAX),
            body: Duration::from_secs(BODY_SECONDS_MAX),
            connections: PASSING_ENDPOINT_CONNECTIONS_MAX,
        }
    }
}

/// The common state of all connections of a listener.
pub(super) struct Connections<S> {
    pub(super) service: Arc<S>,
    pub(super) limits: HttpLimits,
    pub(super) log: Arc<Log>,
    /// Requests that are being answered.
    pub(super) in_flight: AtomicUsize,
    /// True when it is time to stop: each reply then ends its connection.
    pub(super) stopping: AtomicBool,
    /// Steps of `LARGE_BODY_STEP_BYTES` that large bodies may still take.
    pub(super) large_bodies: Semaphore,
}

/// One connection. Its deadline for a head is kept here and not by hyper, whose timer costs an
/// allocation and a place in the timer wheel for each request.
struct Connection<'a, S> {
    shared: &'a Connections<S>,
    peer: Peer,
    /// See [`Entry`].
    log_members: String,
    /// See [`Admission::Serve`].
    until: Option<u64>,
    opened_at: Instant,
    /// Microseconds after `opened_at` at which the last request ended; [`BUSY`] while there is one.
    quiet_since: AtomicU64,
    /// See [`Ours`].
    turn: Turn,
}

const BUSY: u64 = u64::MAX;

impl<S: Service> Connections<S> {
    /// Serves one connection until it ends or has been quiet for too long.
    pub(super) async fn run(
        &self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: Peer,
        until: Option<u64>,
    ) {
        let (log_members, opened_at) = (connection_members(self.service.name(), peer), Instant::now());
        let (quiet_since, turn) = (AtomicU64::new(0), Turn::default());
        let connection = Connection { shared: self, peer, log_members, until, opened_at, quiet_since, turn };
        let Err(error) = self.serve(&mut stream, &connection).await else { return };
        if error.is_parse_version_h2() {
            self.log_closed(peer, &error);
        } else if let Some(why) = unread(&error) {
            let answer = self.service.refusal(&no_head(peer), why);
            self.log_refused(&connection.log_members, &answer);
            if connection.turn.has_kept_back() {
                write_last(stream, &answer.reply, connection.turn.wants_no_body()).await;
            }
        }
    }

    /// Serves a connection until it ends, or has been quiet for too long.
    async fn serve(
        &self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin + Send),
        connection: &Connection<'_, S>,
    ) -> Result<(), hyper::Error> {
        let serving = http1::Builder::new()
            // hyper itself takes 100 header fields at most (NP-06).
            .max_buf_size(HEAD_BYTES_MAX)
            // A client that has sent all it has to say still wants the answer.
            .half_close(true)
            .writev(false)
            .serve_connection(
                TokioIo::new(Ours { stream, turn: &connection.turn }),
                service_fn(move |request| async move { Ok::<_, Infallible>(connection.exchange(request).await) }),
            );
        let quiet = tokio::time::sleep(self.limits.header);
        tokio::pin!(serving, quiet);
        loop {
            tokio::select! {
                biased;
                served = serving.as_mut() => return served,
                () = quiet.as_mut() => match connection.may_be_quiet_until() {
                    Some(until) if until <= Instant::now() => return Ok(()),
                    Some(until) => quiet.as_mut().reset(until.into()),
                    None => quiet.as_mut().reset((Instant::now() + self.limits.header).into()),
                },
            }
        }
    }

    /// Logs why a connection ends that could carry no request and got no answer.
    pub(super) fn log_closed(&self, peer: Peer, why: &dyn Display) {
        let peer = match peer {
            Peer::Anonymous(address) => address.to_string(),
            Peer::Certified(host, _) | Peer::Host(host) => format!("host {host}"),
        };
        let event = Event::named("connectionRefused").with("surface", self.service.name()).with("peer", peer);
        self.log.event(&event, why);
    }

    /// Logs what was refused before there was a request.
    pub(super) fn log_refused(&self, connection: &str, answer: &Answer) {
        let (at, surface, took) = (clock::now(), self.service.name(), Duration::ZERO);
        let entry = Entry { at, surface, connection, method: "", path: "", took };
        self.log.write(&entry, answer);
    }
}

impl<S: Service> Connection<'_, S> {
    /// The time at which the connection has been quiet for too long; `None` while it is not quiet.
    fn may_be_quiet_until(&self) -> Option<Instant> {
        match self.quiet_since.load(Ordering::Relaxed) {
            BUSY => None,
            micros => Some(self.opened_at + Duration::from_micros(micros) + self.shared.limits.header),
        }
    }

    async fn exchange(&self, request: http::Request<Incoming>) -> Response<Full<Bytes>> {
        let (at, started) = (clock::now(), Instant::now());
        self.quiet_since.store(BUSY, Ordering::Relaxed);
        self.turn.answer();
        let in_flight = InFlight::start(&self.shared.in_flight);
        let (parts, body) = request.into_parts();
        // Clones of both are cheap; the log needs them when the request has been given away.
        let (uri, method) = (parts.uri.clone(), parts.method.clone());
        let service = &self.shared.service;
        let (path, query) = target(&parts.uri);
        let Parts { method: asked, version, headers, .. } = parts;
        let mut request = Request { method: asked, path, query, version, headers, body: Bytes::new(), peer: self.peer };
        let (answer, close) = match self.body(&request, body, at).await {
            Ok(Body { bytes, close, held: _held }) => {
                request.body = bytes;
                (service.answer(request, at).await, close)
            }
            Err(why) => (service.refusal(&request, why), true),
        };
        drop(in_flight);
        let ended = Instant::now();
        let entry = Entry {
            at,
            surface: service.name(),
            connection: &self.log_members,
            method: method.as_str(),
            path: &service.read_path(uri.path()),
            took: ended - started,
        };
        self.shared.log.write(&entry, &answer);
        let quiet_since = u64::try_from((ended - self.opened_at).as_micros()).unwrap_or(BUSY - 1);
        self.quiet_since.store(quiet_since, Ordering::Relaxed);
        self.turn.reply();
        write(answer.reply, close || self.shared.stopping.load(Ordering::Relaxed))
    }

    /// The body of a request, or why the request is refused before its surface looks at it.
    async fn body(&self, head: &Request, body: Incoming, at: Timestamp) -> Result<Body<'_>, Unserved> {
        if self.until.is_some_and(|until| until < at.unix_seconds()) {
            return Err(Unserved::CertificateExpired);
        }
        if head.path.len() + head.query.len() > TARGET_BYTES_MAX {
            return Err(Unserved::TargetTooLong);
        }
        if head_bytes(&head.headers) > HEAD_BYTES_MAX {
            return Err(Unserved::HeadTooLarge);
        }
        let service = &self.shared.service;
        let max = service.body_bytes_max(head);
        let length = match hyper::body::Body::is_end_stream(&body) {
            true => 0,
            false => content_length(&head.headers).unwrap_or(max),
        };
        if length > max {
            return Err(Unserved::BodyTooLarge);
        }
        let is_large = length > STRANGER_BODY_BYTES_MAX;
        let close = is_large && !service.may_send_much(head).await;
        let (bytes, held) = match (length, is_large) {
            (0, _) => (Bytes::new(), None),
            (_, true) if close => (Bytes::new(), None),
            (_, true) => self.read_large(body, max).await?,
            (_, false) => (self.read(body, max).await?, None),
        };
        Ok(Body { bytes, close, held })
    }

    /// Reads a large body, which takes room as it arrives: who announces much and sends nothing takes none.
    async fn read_large(&self, body: Incoming, max: usize) -> Result<(Bytes, Option<SemaphorePermit<'_>>), Unserved> {
        let (mut body, mut bytes, mut held) = (Limited::new(body, max), BytesMut::new(), None);
        let mut until = Instant::now() + self.shared.limits.body;
        loop {
            let frame = match tokio::time::timeout_at(until.into(), body.frame()).await {
                Ok(Some(frame)) => frame.map_err(|error| broken(&*error))?,
                Ok(None) => return Ok((bytes.freeze(), held)),
                Err(_) => return Err(Unserved::BodyTooSlow),
            };
            // Trailers say nothing to any surface.
            let Ok(data) = frame.into_data() else { continue };
            let has = held.as_ref().map_or(0, SemaphorePermit::num_permits);
            let lacks = (bytes.len() + data.len()).div_ceil(LARGE_BODY_STEP_BYTES).saturating_sub(has);
            let lacks = u32::try_from(lacks).unwrap_or(u32::MAX);
            match &mut held {
                // A body that holds room never waits for more: bodies that wait for each other would all fail.
                Some(held) => held.merge(self.shared.large_bodies.try_acquire_many(lacks).map_err(|_| Unserved::Busy)?),
                None => {
                    held = Some(self.first_room(lacks).await?);
                    until = Instant::now() + self.shared.limits.body;
                }
            }
            bytes.extend_from_slice(&data);
        }
    }

    /// Waits for room for the beginning of a large body.
    async fn first_room(&self, steps: u32) -> Result<SemaphorePermit<'_>, Unserved> {
        let room = self.shared.large_bodies.acquire_many(steps);
        match tokio::time::timeout(self.shared.limits.body, room).await {
            Ok(Ok(held)) => Ok(held),
            Ok(Err(_)) | Err(_) => Err(Unserved::Busy),
        }
    }

    /// Reads a body whole.
    async fn read(&self, body: Incoming, max: usize) -> Result<Bytes, Unserved> {
        match tokio::time::timeout(self.shared.limits.body, Limited::new(body, max).collect()).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) => Err(broken(&*error)),
            Err(_) => Err(Unserved::BodyTooSlow),
        }
    }
}

/// The reason why a body did not arrive whole.
fn broken(error: &(dyn Error + Send + Sync + 'static)) -> Unserved {
    if error.is::<LengthLimitError>() { Unserved::BodyTooLarge } else { Unserved::BodyBroken }
}

/// A body that was read.
struct Body<'a> {
    bytes: Bytes,
    /// True when it was left unread, so that the connection cannot go on.
    close: bool,
    /// The room that it takes, until the request is answered.
    held: Option<SemaphorePermit<'a>>,
}

/// Counts a request while it is being answered, also when its caller hangs up meanwhile.
struct InFlight<'a>(&'a AtomicUsize);

impl<'a> InFlight<'a> {
    fn start(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn write(reply: Reply, close: bool) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(reply.body));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    if close {
        // The rest of the request cannot be told from the next one.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
