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

/// Whose the bytes are that hyper writes. The connection that makes replies and the stream that takes them
/// belong to one task.
#[derive(Default)]
pub(super) struct Turn {
    state: AtomicU8,
    has_kept_back: AtomicBool,
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

    /// hyper has nothing left to write.
    fn flushed(&self) {
        let _ = self.state.compare_exchange(REPLYING, NOTHING, Ordering::Relaxed, Ordering::Relaxed);
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
        Pin::new(&mut *self.stream).poll_read(cx, buffer)
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
