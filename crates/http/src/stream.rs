//! The bytes of a connection of any kind.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// Time between two looks at a beginning that is not whole. Source: ours; it comes in one piece but for who does it on purpose.
const PEEK_EVERY: Duration = Duration::from_millis(20);

/// A connection that was accepted.
pub(crate) enum Stream {
    Tcp(TcpStream),
    /// Of a unix socket or a vsock.
    Other(UnixStream),
}

impl Stream {
    /// One of a virtual machine. Its bytes are read, written and waited for as those of a unix socket are; its addresses are
    /// not asked for as such.
    pub(crate) fn of_vsock(socket: OwnedFd) -> io::Result<Self> {
        Ok(Self::Other(UnixStream::from_std(socket.into())?))
    }

    /// Our own end, of TCP.
    pub(crate) fn local(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(stream) => stream.local_addr().ok(),
            Self::Other(_) => None,
        }
    }

    /// True when the first bytes that come are these. They stay to be read.
    pub(crate) async fn begins_with(&self, word: &[u8]) -> bool {
        let Self::Tcp(stream) = self else { return false };
        let mut piece = vec![0; word.len()];
        loop {
            match stream.peek(&mut piece).await {
                Ok(bytes) if bytes == word.len() => return piece == word,
                Ok(bytes) if bytes > 0 && word.starts_with(&piece[..bytes]) => tokio::time::sleep(PEEK_EVERY).await,
                Ok(_) | Err(_) => return false,
            }
        }
    }

    /// Writes what there is at once: replies are written whole, and waiting to fill a packet only adds delay.
    pub(crate) fn delay_nothing(&self) {
        if let Self::Tcp(stream) = self {
            let _ = stream.set_nodelay(true);
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Other(stream) => stream.as_fd(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Other(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Other(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Other(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Other(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
