//! One connection: reading requests within their limits, writing replies, and logging both.

use super::admission::{Held, Holder, Place, Places, Rooms, Waits};
use super::body::{self, Body, Terms};
use super::head::{content_length, first, head_bytes, no_head, target, unread};
use super::last::{linger, write_last};
use super::limits::{PIECE_BYTES, REPLY_BYTES_MIN, STRANGER_BODY_BYTES_MAX};
use super::listening::Listening;
use super::log::{Entry, Log, connection_members};
use super::masked::logged_method;
use super::ours::{Ours, Turn};
use super::panics::{Panicked, caught};
use super::reply::{ReplyBody, response};
use super::service::{HttpLimits, Service};
use super::unasked::{AllUnasked, Unasked};
use crate::clock;
use crate::event::Event;
use bonafide_types::Timestamp;
use bonafide_types::limits::{HEAD_BYTES_MAX, TARGET_BYTES_MAX};
use bonafide_wire::{Answer, Peer, Remote, Request, Unserved};
use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Method, Response, Uri, Version};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::fmt::Display;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};

/// The common state of all connections of a listener.
pub(super) struct Connections<S> {
    pub(super) service: Arc<S>,
    pub(super) limits: HttpLimits,
    pub(super) log: Arc<Log>,
    /// Requests that are being answered.
    pub(super) in_flight: AtomicUsize,
    /// True when it is time to stop: each reply then ends its connection.
    pub(super) stopping: AtomicBool,
    /// Connections that have asked nothing yet.
    pub(super) unasked: AllUnasked,
    pub(super) places: Places,
    pub(super) rooms: Rooms,
}

/// One connection, as it was admitted.
pub(super) struct Admitted {
    /// The other end.
    pub(super) peer: Peer,
    /// See [`super::Admission::Serve`].
    pub(super) until: Option<u64>,
    /// Set where the first request is refused for this reason.
    pub(super) declined: Option<Unserved>,
    /// The holder of what its requests hold, as long as they prove no more.
    pub(super) holder: Holder,
    pub(super) place: Place,
    pub(super) unasked: Unasked,
}

/// One connection. Its deadlines are kept here and not by hyper, whose timer costs an allocation and a place in the timer
/// wheel for each request.
struct Connection<'a, S> {
    shared: &'a Connections<S>,
    admitted: Admitted,
    /// See [`Entry`].
    log_members: String,
    /// See [`Ours`].
    turn: Arc<Turn>,
}

/// The end of a connection.
enum Ended {
    /// hyper has ended it, after a reply or with its peer.
    Served,
    /// It was quiet for too long, or its peer takes no reply.
    TimedOut,
}

/// The line of a request, and when it came.
struct Asked {
    at: Timestamp,
    started: Instant,
    method: Method,
    uri: Uri,
    version: Version,
}

/// An answer, with the room that its body takes where that is large.
struct Answered {
    answer: Answer,
    room: Option<Held>,
    /// True when the connection cannot go on.
    close: bool,
}

/// A request whose connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed without an answer")]
struct Closed;

impl<S: Service> Connections<S> {
    /// Serves one connection until it ends or has been quiet for too long.
    pub(super) async fn run(
        &self,
        mut stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        admitted: Admitted,
    ) {
        let peer = admitted.peer;
        let log_members = connection_members(self.service.name(), peer);
        let connection = Connection { shared: self, admitted, log_members, turn: Arc::default() };
        let ended = self.serve(&mut stream, &connection).await;
        let turn = &connection.turn;
        let refused = match (turn.cut_before_head(), &ended) {
            (Some(why), _) => Some(why),
            (None, Err(error)) if error.is_parse_version_h2() => return self.log_closed(peer, error),
            (None, Err(error)) => unread(error),
            (None, Ok(Ended::TimedOut)) => return,
            (None, Ok(Ended::Served)) if turn.is_ended() => return,
            (None, Ok(Ended::Served)) => return linger(stream).await,
        };
        let Some(why) = refused else { return };
        let head = no_head(peer);
        if self.service.closes_instead(&head, why) {
            return;
        }
        let answer = self.service.refusal(&head, why);
        self.log_refused(&connection.log_members, &answer);
        if turn.has_kept_back() || turn.cut_before_head().is_some() {
            write_last(stream, &answer.reply, turn.wants_no_body()).await;
        }
    }

    /// Serves a connection until it ends, or its peer does nothing for too long.
    async fn serve(
        &self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin + Send),
        connection: &Connection<'_, S>,
    ) -> Result<Ended, hyper::Error> {
        let ours = Ours::new(stream, &connection.turn, &self.rooms, connection.admitted.holder);
        let serving = http1::Builder::new()
            // hyper itself takes 100 header fields at most (NP-06).
            .max_buf_size(HEAD_BYTES_MAX)
            // A client that has sent all it has to say still wants the answer.
            .half_close(true)
            .writev(false)
            .serve_connection(TokioIo::new(ours), service_fn(|request| connection.exchange(request)));
        let look = tokio::time::sleep(self.limits.header.min(self.limits.reply));
        tokio::pin!(serving, look);
        let mut taken = None;
        loop {
            tokio::select! {
                biased;
                served = serving.as_mut() => return served.map(|()| Ended::Served),
                () = look.as_mut() => match connection.look_again_at(&mut taken) {
                    Some(at) => look.as_mut().reset(at.into()),
                    None => return Ok(Ended::TimedOut),
                },
            }
        }
    }

    /// Logs why a connection ends that could carry no request and got no answer.
    pub(super) fn log_closed(&self, peer: Peer, why: &dyn Display) {
        let peer = match peer {
            Peer::Anonymous(remote) => remote.to_string(),
            Peer::Certified(host, _) | Peer::Host(host) => format!("host {host}"),
        };
        let event = Event::named("connectionRefused").with("surface", self.service.name()).with("peer", peer);
        self.log.event(&event, why);
    }

    /// Logs a connection that was closed because it is none of the network namespace that its listener is for (ID-03).
    pub(super) fn log_foreign(&self, remote: Remote) {
        let event = Event::named("namespaceMismatch").with("surface", self.service.name()).with("peer", remote);
        self.log.event(&event, &"the connection came from another network namespace than that of its binding");
    }

    /// Logs that somebody ended a listening socket, which listens again.
    pub(super) fn log_closed_socket(&self, socket: &Listening) {
        let event = Event::named("listenerClosed").with("surface", self.service.name());
        let event = socket.address().into_iter().fold(event, |event, address| event.with("address", address));
        self.log
            .event(&event, &"root of its network namespace closed the socket, as `ss --kill` does; it listens again");
    }

    /// Logs a panic of the service, or of what serves it.
    pub(super) fn log_panicked(&self, panicked: &Panicked) {
        self.log.event(&Event::named("requestPanicked").with("surface", self.service.name()), panicked);
    }

    /// Logs what was refused before there was a request.
    pub(super) fn log_refused(&self, connection: &str, answer: &Answer) {
        let (at, surface, took) = (clock::now(), self.service.name(), Duration::ZERO);
        let entry = Entry { at, surface, connection, method: "", path: "", took };
        self.log.write(&entry, answer);
    }
}

impl<S: Service> Connection<'_, S> {
    /// The next time to look whether the peer does something; `None` when it has done nothing for too long. `taken` is
    /// the part of a reply that it had taken when last looked at, if it had not all.
    fn look_again_at(&self, taken: &mut Option<u64>) -> Option<Instant> {
        let (now, limits, place) = (Instant::now(), &self.shared.limits, &self.admitted.place);
        let had = std::mem::replace(taken, self.turn.taken_of_reply());
        if let Some(has) = *taken {
            if had.is_some_and(|had| has < had + REPLY_BYTES_MIN) {
                return None;
            }
            if had.is_some() && place.quiet_since().is_some() {
                place.quiet(now);
            }
            return Some(now + limits.reply);
        }
        // The body of a request has a limit of its own, and its answer one of its surface.
        let since = place.quiet_since().filter(|_| !self.turn.is_answering()).unwrap_or(now);
        let until = since + limits.header;
        (until > now).then(|| until.min(now + limits.reply))
    }

    /// No `async fn`: hyper moves the future of each request, and what is done before it waits needs no room in it.
    fn exchange(
        &self,
        request: http::Request<Incoming>,
    ) -> impl Future<Output = Result<Response<ReplyBody>, Closed>> + use<'_, S> {
        let (at, started) = (clock::now(), Instant::now());
        self.turn.answer();
        let in_flight = InFlight::start(&self.shared.in_flight);
        self.admitted.unasked.end();
        let (Parts { method, uri, version, headers, .. }, body) = request.into_parts();
        let asked = Asked { at, started, method, uri, version };
        let mut request = self.request(&asked, headers);
        async move {
            // Left in its place: each layer that it came through would copy it.
            let mut answered = None;
            let ended = caught(pin!(self.answered(&asked, &mut request, body, &mut answered))).await;
            match ended {
                Ok(ended) => ended?,
                Err(panicked) => answered = Some(self.failed(&asked, &panicked)),
            }
            drop(in_flight);
            answered.map(|answered| self.replied(&asked, answered)).ok_or(Closed)
        }
    }

    /// All that the service does for a request.
    async fn answered(
        &self,
        asked: &Asked,
        request: &mut Request,
        body: Incoming,
        answered: &mut Option<Answered>,
    ) -> Result<(), Closed> {
        let service = &self.shared.service;
        // A clone of it is cheap, and the service may take the request.
        let authorization = first(&request.headers, &AUTHORIZATION).cloned();
        let body = match self.check(request, asked.at) {
            Ok(()) if hyper::body::Body::is_end_stream(&body) => Ok(Body::default()),
            Ok(()) => Box::pin(self.body(asked, request, body)).await,
            Err(why) => Err(why),
        };
        let (answer, close) = match body {
            Ok(Body { bytes, close, _held }) => {
                request.body = bytes;
                self.admitted.place.busy();
                (service.answer(request, asked.at, &Waits::at(&self.admitted.place)).await, close)
            }
            Err(why) if service.closes_instead(request, why) => return Err(Closed),
            Err(why) => (service.refusal(request, why), true),
        };
        *answered = Some(match answer.reply.body.len() {
            ..=PIECE_BYTES => Answered { answer, room: None, close },
            _ => self.with_room(asked, answer, authorization.as_ref(), close),
        });
        Ok(())
    }

    /// Logs an answer, and makes the reply of it.
    fn replied(&self, asked: &Asked, answered: Answered) -> Response<ReplyBody> {
        let Answered { mut answer, room, close } = answered;
        let (service, ended) = (&self.shared.service, Instant::now());
        let entry = Entry {
            at: asked.at,
            surface: service.name(),
            connection: &self.log_members,
            method: logged_method(&asked.method),
            path: &service.logged_path(asked.uri.path(), answer.reply.status),
            took: ended - asked.started,
        };
        self.shared.log.write(&entry, &answer);
        self.admitted.place.quiet(ended);
        let rest = std::mem::take(&mut answer.reply.body);
        let body = match room {
            Some(_) => ReplyBody::Pieces { rest, turn: Arc::clone(&self.turn) },
            None => ReplyBody::Whole(rest),
        };
        self.turn.reply(room);
        let close = close || self.admitted.declined.is_some() || self.shared.stopping.load(Ordering::Relaxed);
        response(answer.reply, body, close)
    }

    /// The answer of a service that panicked. The connection ends with it, for the body may be unread.
    fn failed(&self, asked: &Asked, panicked: &Panicked) -> Answered {
        self.shared.log_panicked(panicked);
        Answered { answer: self.refused(asked, Unserved::Failed).because(panicked), room: None, close: true }
    }

    /// The refusal of a request that was given away.
    fn refused(&self, asked: &Asked, why: Unserved) -> Answer {
        self.shared.service.refusal(&self.request(asked, HeaderMap::new()), why)
    }

    fn request(&self, asked: &Asked, headers: HeaderMap) -> Request {
        let (path, query) = target(&asked.uri);
        let (method, version) = (asked.method.clone(), asked.version);
        Request { method, path, query, version, headers, body: Bytes::new(), peer: self.admitted.peer }
    }

    /// The holder of what a request with this `Authorization` holds.
    fn holder(&self, authorization: Option<&HeaderValue>) -> Holder {
        let principal = authorization.and_then(|value| self.shared.service.principal(value));
        principal.map_or(self.admitted.holder, Holder::Principal)
    }

    /// An answer with the room of its large body; where there is no room for it, that there is none instead.
    fn with_room(&self, asked: &Asked, answer: Answer, authorization: Option<&HeaderValue>, close: bool) -> Answered {
        match self.shared.rooms.try_take(self.holder(authorization), answer.reply.body.len()) {
            Some(held) => Answered { answer, room: Some(held), close },
            None => {
                let busy = self.refused(asked, Unserved::Busy);
                let answer =
                    busy.because(&"the replies that its caller has not read yet take all the room it may have");
                Answered { answer, room: None, close }
            }
        }
    }

    /// Refuses what its surface need not look at.
    fn check(&self, head: &Request, at: Timestamp) -> Result<(), Unserved> {
        if let Some(why) = self.admitted.declined {
            return Err(why);
        }
        if self.admitted.until.is_some_and(|until| until < at.unix_seconds()) {
            return Err(Unserved::CertificateExpired);
        }
        if head.path.len() + head.query.len() > TARGET_BYTES_MAX {
            return Err(Unserved::TargetTooLong);
        }
        if head_bytes(&head.headers) > HEAD_BYTES_MAX {
            return Err(Unserved::HeadTooLarge);
        }
        Ok(())
    }

    /// The body of a request that has one, or why the request is refused before its surface looks at it.
    async fn body(&self, asked: &Asked, head: &Request, body: Incoming) -> Result<Body, Unserved> {
        // Until its body is there it waits for its peer, as an idle connection does.
        self.admitted.place.quiet(asked.started);
        let Connections { service, limits, rooms, .. } = self.shared;
        let max = service.body_bytes_max(head);
        let length = content_length(&head.headers).unwrap_or(max);
        if length > max {
            return Err(Unserved::BodyTooLarge);
        }
        let is_large = length > STRANGER_BODY_BYTES_MAX;
        if is_large && !service.may_send_much(head).await {
            return Ok(Body::unread());
        }
        let authorization = head.headers.get(AUTHORIZATION).filter(|_| is_large);
        let terms = Terms { within: limits.body, rooms, holder: self.holder(authorization) };
        body::read(body, length, terms).await
    }
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
