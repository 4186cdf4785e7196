//! The stream between hyper and the connection. Only our own replies reach the wire: hyper answers a head that it cannot
//! read by itself, without a body; that answer is kept back here, so that the surface can word it. And only requests with
//! one reading reach hyper.

use crate::admission::{Held, Holder, Rooms};
use crate::framing::Framing;
use crate::limits::{STEP_BYTES, UNCOUNTED_BYTES};
use bonafide_types::limits::HEAD_BYTES_MAX;
use bonafide_wire::Unserved;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Nothing is to be written: what hyper writes now is its own.
const NOTHING: u8 = 0;
/// A request is being answered; hyper may write `100 Continue`.
const ANSWERING: u8 = 1;
/// There is a reply, and perhaps not all of it is written.
const REPLYING: u8 = 2;
/// There is a reply, and hyper has not got all of it.
const REPLYING_AT_LENGTH: u8 = 3;

/// The beginning of a request that is answered without a body. Source: RFC 9110 section 9.3.2.
const HEAD: &[u8] = b"HEAD ";
/// The request begins otherwise.
const OTHER: u8 = u8::MAX;

/// The origin of the bytes that hyper writes, and the beginning of the request that they answer. The connection that
/// makes replies and the stream that takes them belong to one task.
#[derive(Default)]
pub(super) struct Turn {
    state: AtomicU8,
    has_kept_back: AtomicBool,
    /// The number of bytes of [`HEAD`] that the request has begun with, or [`OTHER`].
    begun: AtomicU8,
    /// Bytes that the peer has taken.
    taken: AtomicU64,
    /// The room of what waits for the peer to take it, until it has.
    room: Mutex<Option<Held>>,
    has_room: AtomicBool,
    /// True when the peer sends no more.
    is_ended: AtomicBool,
    /// Set when hyper was given no more of what the peer sends.
    cut: OnceLock<Cut>,
}

/// The end of what hyper reads.
#[derive(Debug, Clone, Copy)]
enum Cut {
    /// Before a request, which is refused for this reason.
    Head(Unserved),
    /// Within the body of a request, which its surface answers.
    Body,
}

impl Turn {
    /// A request has come.
    pub(super) fn answer(&self) {
        self.state.store(ANSWERING, Ordering::Relaxed);
    }

    /// Its reply goes to hyper: at length if it has room of its own.
    pub(super) fn reply(&self, room: Option<Held>) {
        self.state.store(if room.is_some() { REPLYING_AT_LENGTH } else { REPLYING }, Ordering::Relaxed);
        if room.is_some() {
            self.keep(room);
        }
    }

    /// True from the head of a request to its reply.
    pub(super) fn is_answering(&self) -> bool {
        self.state.load(Ordering::Relaxed) == ANSWERING
    }

    fn keep(&self, room: Option<Held>) {
        self.has_room.store(room.is_some(), Ordering::Relaxed);
        *self.room.lock().unwrap_or_else(PoisonError::into_inner) = room;
    }

    /// hyper has got all of a reply at length.
    pub(super) fn has_all(&self) {
        // On failure there was no such reply.
        let _ = self.state.compare_exchange(REPLYING_AT_LENGTH, REPLYING, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// The bytes that the peer has taken, while more of a reply waits for it.
    pub(super) fn taken_of_reply(&self) -> Option<u64> {
        (self.state.load(Ordering::Relaxed) >= REPLYING).then(|| self.taken.load(Ordering::Relaxed))
    }

    /// True when the peer sends no more.
    pub(super) fn is_ended(&self) -> bool {
        self.is_ended.load(Ordering::Relaxed)
    }

    /// The reason why hyper was given no more, if that has no answer yet.
    pub(super) fn cut_before_head(&self) -> Option<Unserved> {
        match self.cut.get()? {
            Cut::Head(why) => Some(*why),
            Cut::Body => None,
        }
    }

    fn is_cut_before_head(&self) -> bool {
        self.cut_before_head().is_some()
    }

    /// hyper has nothing left to write. What is read from now on is the next request.
    fn flushed(&self) {
        if self.state.compare_exchange(REPLYING, NOTHING, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.begun.store(0, Ordering::Relaxed);
            if self.has_room.load(Ordering::Relaxed) {
                self.keep(None);
            }
        }
    }

    /// hyper has read some bytes.
    fn read(&self, bytes: &[u8]) {
        let mut begun = self.begun.load(Ordering::Relaxed);
        for byte in bytes {
            begun = match HEAD.get(usize::from(begun)) {
                Some(expected) if expected == byte => begun + 1,
                // hyper passes over empty lines before a request.
                Some(_) if begun == 0 && matches!(byte, b'\r' | b'\n') => 0,
                Some(_) => OTHER,
                None => break,
            };
        }
        self.begun.store(begun, Ordering::Relaxed);
    }

    /// True when the request, which hyper may be unable to read, asks for no body. One that was sent before the reply to
    /// the request before it is not looked at.
    pub(super) fn wants_no_body(&self) -> bool {
        usize::from(self.begun.load(Ordering::Relaxed)) == HEAD.len()
    }

    /// True when hyper wanted to answer by itself.
    pub(super) fn has_kept_back(&self) -> bool {
        self.has_kept_back.load(Ordering::Relaxed)
    }
}

/// The stream that hyper gets.
pub(super) struct Ours<'a, S> {
    stream: &'a mut S,
    turn: &'a Turn,
    framing: Framing,
    rooms: &'a Rooms,
    holder: Holder,
    /// The room of hyper's buffer for reading, once a head has made it larger than each has.
    large_head: Option<Held>,
}

impl<'a, S> Ours<'a, S> {
    /// The stream of a connection of `holder`.
    pub(super) fn new(stream: &'a mut S, turn: &'a Turn, rooms: &'a Rooms, holder: Holder) -> Self {
        Self { stream, turn, framing: Framing::default(), rooms, holder, large_head: None }
    }

    /// Follows bytes that were read: how many of them hyper may have.
    fn follow(&mut self, bytes: &[u8]) -> usize {
        if let Err(fault) = self.framing.follow(bytes) {
            self.cut(if fault.in_body { Cut::Body } else { Cut::Head(Unserved::HeadMalformed) });
            return fault.good;
        }
        if self.framing.head_bytes() > UNCOUNTED_BYTES && self.large_head.is_none() {
            self.large_head = self.rooms.try_take(self.holder, HEAD_BYTES_MAX);
            if self.large_head.is_none() {
                self.cut(Cut::Head(Unserved::Busy));
                return 0;
            }
        }
        bytes.len()
    }

    /// Waits for a peer that does not take what is written, which counts from now on.
    fn stall<T>(&self) -> Poll<io::Result<T>> {
        if !self.turn.has_room.load(Ordering::Relaxed) {
            let Some(room) = self.rooms.try_take(self.holder, STEP_BYTES) else {
                return Poll::Ready(Err(io::ErrorKind::OutOfMemory.into()));
            };
            self.turn.keep(Some(room));
        }
        Poll::Pending
    }

    fn cut(&self, cut: Cut) {
        // The first is the reason.
        let _ = self.turn.cut.set(cut);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Ours<'_, S> {
    /// The end, once what follows is not to be read.
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.turn.cut.get().is_some() {
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut *this.stream).poll_read(cx, buffer))?;
        let bytes = &buffer.filled()[before..];
        if bytes.is_empty() {
            this.turn.is_ended.store(true, Ordering::Relaxed);
            return Poll::Ready(Ok(()));
        }
        this.turn.read(bytes);
        let good = this.follow(bytes);
        buffer.set_filled(before + good);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Ours<'_, S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.turn.state.load(Ordering::Relaxed) == NOTHING {
            self.turn.has_kept_back.store(true, Ordering::Relaxed);
            return Poll::Ready(Ok(bytes.len()));
        }
        let Poll::Ready(written) = Pin::new(&mut *self.stream).poll_write(cx, bytes) else {
            return self.stall();
        };
        let written = written?;
        // One task writes, so that nothing comes between.
        self.turn.taken.store(self.turn.taken.load(Ordering::Relaxed) + written as u64, Ordering::Relaxed);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut *self.stream).poll_flush(cx))?;
        // hyper flushes when it has handed over everything that it had.
        self.turn.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.turn.has_kept_back() || self.turn.is_cut_before_head() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut *self.stream).poll_shutdown(cx)
    }
}
