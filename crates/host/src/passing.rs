//! Lines of the control socket that bring descriptors along.

use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::UnixStream;

/// Bytes that are read at once. Source: ours; an answer about one endpoint.
const PIECE_BYTES: usize = 4_096;
/// Descriptors that a line brings, at most. Source: ours; `exec` sends a socket that listens, and one that asks the kernel.
const DESCRIPTORS_MAX: usize = 4;

/// Writes a line. The descriptors come with its end: a single byte, which is written whole or not at all.
pub(crate) async fn write_line(
    stream: &mut UnixStream,
    text: &[u8],
    brought: &[BorrowedFd<'_>],
) -> std::io::Result<()> {
    stream.write_all(text).await?;
    if brought.is_empty() {
        return stream.write_all(b"\n").await;
    }
    let send = || {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !control.push(SendAncillaryMessage::ScmRights(brought)) {
            return Err(Errno::TOOBIG);
        }
        sendmsg(&*stream, &[IoSlice::new(b"\n")], &mut control, SendFlags::NOSIGNAL)
    };
    stream.async_io(Interest::WRITABLE, || Ok(send()?)).await.map(drop)
}

/// Reads a line of so many bytes at most, and the descriptors that came with it.
pub(crate) async fn read_line(stream: &UnixStream, bytes_max: usize) -> std::io::Result<(Vec<u8>, Vec<OwnedFd>)> {
    let (mut line, mut brought) = (Vec::new(), Vec::new());
    while line.last() != Some(&b'\n') {
        let (piece, came) = stream.async_io(Interest::READABLE, || Ok(receive(stream)?)).await?;
        if piece.is_empty() {
            break;
        }
        line.extend(piece);
        brought.extend(came);
        if line.len() > bytes_max || brought.len() > DESCRIPTORS_MAX {
            return Err(ErrorKind::InvalidData.into());
        }
    }
    Ok((line, brought))
}

fn receive(stream: &UnixStream) -> Result<(Vec<u8>, Vec<OwnedFd>), Errno> {
    let mut piece = [0; PIECE_BYTES];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(stream, &mut [IoSliceMut::new(&mut piece)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let brought = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(received) => Some(received),
        _ => None,
    });
    Ok((piece[..received.bytes].to_vec(), brought.flatten().collect()))
}
