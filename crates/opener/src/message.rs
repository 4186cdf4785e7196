//! Messages of a few lines that bring descriptors along, on sockets that keep their ends (`SOCK_SEQPACKET`).

use crate::text::Unreadable;
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Descriptors of a message, at most. Source: ours; a place has two sockets, and a namespace.
pub(crate) const DESCRIPTORS_MAX: usize = 16;
/// Longest text of a message, in bytes. Source: ours; a key, a place and a note.
pub(crate) const TEXT_BYTES_MAX: usize = 2_048;

/// A message as it came.
pub(crate) struct Message {
    pub(crate) text: String,
    pub(crate) descriptors: Vec<OwnedFd>,
}

/// Sends a message, whole or not at all.
pub(crate) fn send(line: impl AsFd, text: &str, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    send_as(line, text, descriptors, SendFlags::empty())
}

/// The same, where it takes no waiting.
pub(crate) fn send_now(line: impl AsFd, text: &str, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    send_as(line, text, descriptors, SendFlags::DONTWAIT)
}

fn send_as(line: impl AsFd, text: &str, descriptors: &[BorrowedFd<'_>], flags: SendFlags) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fits = descriptors.is_empty() || control.push(SendAncillaryMessage::ScmRights(descriptors));
    if !fits || text.len() > TEXT_BYTES_MAX {
        return Err(ErrorKind::InvalidInput.into());
    }
    loop {
        match sendmsg(&line, &[IoSlice::new(text.as_bytes())], &mut control, flags | SendFlags::NOSIGNAL) {
            Err(Errno::INTR) => {}
            sent => return Ok(sent.map(drop)?),
        }
    }
}

/// The next message; `None` when the other side is gone. One that is longer than any may be is an error.
pub(crate) fn receive(line: impl AsFd, flags: RecvFlags) -> io::Result<Option<Message>> {
    let mut text = [0; TEXT_BYTES_MAX];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        match recvmsg(&line, &mut [IoSliceMut::new(&mut text)], &mut control, flags | RecvFlags::CMSG_CLOEXEC) {
            Err(Errno::INTR) => {}
            Err(Errno::CONNRESET) => return Ok(None),
            received => break received?,
        }
    };
    let descriptors = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    let descriptors = descriptors.flatten().collect();
    if received.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
        return Err(Unreadable.into());
    }
    if received.bytes == 0 {
        return Ok(None);
    }
    let text = std::str::from_utf8(&text[..received.bytes]).map_err(|_| Unreadable)?.to_owned();
    Ok(Some(Message { text, descriptors }))
}

impl From<Unreadable> for io::Error {
    fn from(_: Unreadable) -> Self {
        Self::new(ErrorKind::InvalidData, "a message that none of ours would send")
    }
}
