//! One connection: reading requests within their limits, writing replies, and logging both.

use super::log::{Entry, Log, Note, connection_members};
use crate::clock;
use crate::event::Event;
use bonafide_types::Timestamp;
use bonafide_types::limits::{
    BODY_SECONDS_MAX, HEAD_BYTES_MAX, HEADER_SECONDS_MAX, LARGE_BODY_STEP_BYTES, PASSING_ENDPOINT_CONNECTIONS_MAX,
    STRANGER_BODY_BYTES_MAX, TARGET_BYTES_MAX,
};
use bonafide_wire::{Peer, Reply, Request, Unserved};
use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Method, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::error::Error;
use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, SemaphorePermit};

/// What answers requests on a listener.
pub(crate) trait Service: Send + Sync + 'static {
    /// Its name in the log.
    fn name(&self) -> &'static str;

    /// Who is at the other end, from the connection and the client certificate that was verified on
    /// it, or what to say instead of serving.
    fn admit(&self, address: SocketAddr, stream: &TcpStream, certificate: Option<&[u8]>) -> Admission;

    /// The largest body that a path takes, in bytes.
    fn body_bytes_max(&self, method: &Method, path: &str) -> usize;

    /// Whether a request's head is enough to read a large body. If not, the request is answered without
    /// its body, which says why.
    fn may_send_much(&self, _head: &Request) -> impl Future<Output = bool> + Send {
        std::future::ready(true)
    }

    /// The answer to one request, whose head had come `at`.
    fn answer(&self, request: Request, at: Timestamp) -> impl Future<Output = Answered> + Send;

    /// What is said of a request that is never put to `answer`, in the words of the surface that its
    /// path belongs to.
    fn refusal(&self, head: &Request, why: Unserved) -> Answered;
}

/// A reply, and what the log may know beside it.
pub(crate) struct Answered {
    pub(crate) reply: Reply,
    pub(crate) note: Note,
}

impl Answered {
    /// The same with its reason, for the log.
    pub(crate) fn because(self, why: &impl Display) -> Self {
        Self { reply: self.reply.because(why), ..self }
    }
}

impl From<Reply> for Answered {
    fn from(reply: Reply) -> Self {
        Self { reply, note: Note::Plain }
    }
}

/// What becomes of a connection.
pub(crate) enum Admission {
    /// It is served.
    Serve {
        /// Who is at the other end.
        peer: Peer,
        /// Until when that counts: the end of a client certificate, in seconds since the epoch.
        until: Option<u64>,
    },
    /// It gets this reply to whatever it asks, and is closed.
    Refuse(Reply),
}

impl Admission {
    /// Anybody who could open the connection.
    pub(crate) fn anybody(address: SocketAddr) -> Self {
        Self::Serve { peer: Peer::Anonymous(address), until: None }
    }
}

/// How patient a listener is, and with how many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HttpLimits {
    /// From the connection, or the request before, to the end of a request's head.
    pub(crate) header: Duration,
    /// From the head to the end of the body.
    pub(crate) body: Duration,
    /// Connections open at once; those after them wait to be accepted.
    pub(crate) connections: usize,
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

/// What all connections of a listener share.
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
}

const BUSY: u64 = u64::MAX;

impl<S: Service> Connections<S> {
    /// Serves one connection until it ends or has been quiet for too long.
    pub(super) async fn run(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: Peer,
        until: Option<u64>,
    ) {
        let (log_members, opened_at) = (connection_members(self.service.name(), peer), Instant::now());
        let quiet_since = AtomicU64::new(0);
        let connection = &Connection { shared: self, peer, log_members, until, opened_at, quiet_since };
        let serving = http1::Builder::new()
            // hyper itself takes 100 header fields at most (NP-06).
            .max_buf_size(HEAD_BYTES_MAX)
            // A client that has sent all it has to say still wants the answer.
            .half_close(true)
            .writev(false)
            .serve_connection(
                TokioIo::new(stream),
                service_fn(move |request| async move { Ok::<_, Infallible>(connection.exchange(request).await) }),
            );
        let quiet = tokio::time::sleep(self.limits.header);
        tokio::pin!(serving, quiet);
        loop {
            tokio::select! {
                biased;
                served = serving.as_mut() => {
                    let Err(error) = served else { return };
                    if error.is_parse_version_h2() {
                        self.log_closed(peer, &error);
                    } else if let Some(status) = parser_status(&error) {
                        self.log_refused(&connection.log_members, &Reply::empty(status));
                    }
                    return;
                }
                () = quiet.as_mut() => match connection.may_be_quiet_until() {
                    Some(until) if until <= Instant::now() => return,
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
            Peer::Host(host) => format!("host {host}"),
        };
        self.log.event(&Event::ConnectionRefused { surface: self.service.name(), peer }, why);
    }

    /// Logs what was refused before there was a request.
    pub(super) fn log_refused(&self, connection: &str, reply: &Reply) {
        let entry = Entry { at: clock::now(), connection, method: "", path: "", took: Duration::ZERO };
        self.log.write(&entry, reply, &Note::Plain);
    }
}

/// With what hyper itself has answered a head that it cannot read, if it has: the preface of HTTP/2 and
/// a connection that breaks off get no answer.
fn parser_status(error: &hyper::Error) -> Option<StatusCode> {
    match (error.is_parse_version_h2(), error.is_parse_too_large(), error.is_parse()) {
        (true, _, _) | (_, _, false) => None,
        (_, true, _) => Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
        (_, false, true) => Some(StatusCode::BAD_REQUEST),
    }
}

impl<S: Service> Connection<'_, S> {
    /// When the connection has been quiet for too long; `None` while it is not quiet.
    fn may_be_quiet_until(&self) -> Option<Instant> {
        match self.quiet_since.load(Ordering::Relaxed) {
            BUSY => None,
            micros => Some(self.opened_at + Duration::from_micros(micros) + self.shared.limits.header),
        }
    }

    async fn exchange(&self, request: http::Request<Incoming>) -> Response<Full<Bytes>> {
        let (at, started) = (clock::now(), Instant::now());
        self.quiet_since.store(BUSY, Ordering::Relaxed);
        let in_flight = InFlight::start(&self.shared.in_flight);
        let (parts, body) = request.into_parts();
        // Clones of both are cheap; the log needs them when the request has been given away.
        let (uri, method) = (parts.uri.clone(), parts.method.clone());
        let service = &self.shared.service;
        let (path, query) = target(&parts.uri);
        let Parts { method: asked, headers, .. } = parts;
        let mut request = Request { method: asked, path, query, headers, body: Bytes::new(), peer: self.peer };
        let (Answered { reply, note }, close) = match self.body(&request, body, at).await {
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
            connection: &self.log_members,
            method: method.as_str(),
            path: uri.path(),
            took: ended - started,
        };
        self.shared.log.write(&entry, &reply, &note);
        let quiet_since = u64::try_from((ended - self.opened_at).as_micros()).unwrap_or(BUSY - 1);
        self.quiet_since.store(quiet_since, Ordering::Relaxed);
        write(reply, close || self.shared.stopping.load(Ordering::Relaxed))
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
        let max = service.body_bytes_max(&head.method, &head.path);
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
                // Who holds room never waits for more: bodies that wait for each other would all fail.
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

/// Why a body did not arrive whole.
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

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok())
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

/// The size of the header fields. hyper bounds its buffer, but takes a head that arrives at once.
fn head_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum()
}

/// Path and query as written. A target that is not in origin form (`GET http://…`, `CONNECT host:port`,
/// `OPTIONS *`) is given whole as a path that does not begin with a slash, which no route has.
fn target(uri: &Uri) -> (String, String) {
    if uri.scheme().is_some() || uri.authority().is_some() {
        return (uri.to_string(), String::new());
    }
    (uri.path().to_owned(), uri.query().unwrap_or_default().to_owned())
}

fn write(reply: Reply, close: bool) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(reply.body));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    if close {
        // What is left of the request cannot be told from the next one.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
