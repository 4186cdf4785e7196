//! Lines of the control socket that bring a socket along.

use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::UnixStream;

/// Bytes that are read at once. Source: ours; an answer about one endpoint.
const PIECE_BYTES: usize = 4_096;

/// Writes a line. The socket comes with its end: a single byte, which is written whole or not at all.
pub(crate) async fn write_line(
    stream: &mut UnixStream,
    text: &[u8],
    socket: Option<&impl AsFd>,
) -> std::io::Result<()> {
    stream.write_all(text).await?;
    let Some(socket) = socket else { return stream.write_all(b"\n").await };
    let send = || {
        let (sockets, mut space) = ([socket.as_fd()], [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))]);
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(&sockets));
        sendmsg(&*stream, &[IoSlice::new(b"\n")], &mut control, SendFlags::NOSIGNAL)
    };
    stream.async_io(Interest::WRITABLE, || Ok(send()?)).await.map(drop)
}

/// Reads a line, and the socket that came with it.
pub(crate) async fn read_line(stream: &UnixStream) -> std::io::Result<(Vec<u8>, Option<OwnedFd>)> {
    let (mut line, mut socket) = (Vec::new(), None);
    while line.last() != Some(&b'\n') {
        let (piece, came) = stream.async_io(Interest::READABLE, || Ok(receive(stream)?)).await?;
        if piece.is_empty() {
            break;
        }
        line.extend(piece);
        socket = came.or(socket);
    }
    Ok((line, socket))
}

fn receive(stream: &UnixStream) -> Result<(Vec<u8>, Option<OwnedFd>), Errno> {
    let (mut piece, mut space) = ([0; PIECE_BYTES], [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))]);
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(stream, &mut [IoSliceMut::new(&mut piece)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut sockets = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(received) => Some(received),
        _ => None,
    });
    Ok((piece[..received.bytes].to_vec(), sockets.next().and_then(|mut received| received.next())))
}
