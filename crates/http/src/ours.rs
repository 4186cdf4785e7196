//! A stream on which only our own replies reach the wire. hyper answers a head that it cannot read by
//! itself, without a body; that answer is kept back here, so that the surface can word it.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Nothing is to be written: what hyper writes now is its own.
const NOTHING: u8 = 0;
/// A request is being answered; hyper may write `100 Continue`.
const ANSWERING: u8 = 1;
/// There is a reply, and perhaps not all of it is written.
const REPLYING: u8 = 2;

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
}

impl Turn {
    /// A request has come.
    pub(super) fn answer(&self) {
        self.state.store(ANSWERING, Ordering::Relaxed);
    }

    /// Its reply goes to hyper.
    pub(super) fn reply(&self) {
        self.state.store(REPLYING, Ordering::Relaxed);
    }

    /// hyper has nothing left to write. What is read from now on is the next request.
    fn flushed(&self) {
        if self.state.compare_exchange(REPLYING, NOTHING, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.begun.store(0, Ordering::Relaxed);
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
    pub(super) stream: &'a mut S,
    pub(super) turn: &'a Turn,
}

impl<S: AsyncRead + Unpin> AsyncRead for Ours<'_, S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut *self.stream).poll_read(cx, buffer))?;
        self.turn.read(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Ours<'_, S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.turn.state.load(Ordering::Relaxed) == NOTHING {
            self.turn.has_kept_back.store(true, Ordering::Relaxed);
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut *self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut *self.stream).poll_flush(cx))?;
        // hyper flushes when it has handed over everything that it had.
        self.turn.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.turn.has_kept_back() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut *self.stream).poll_shutdown(cx)
    }
}
