//! Places that keep what is held over the end of the opener.

use crate::message::send as send_message;
use crate::state::Store;
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType,
    connect, sendmsg, socket_with,
};
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// systemd's store of descriptors. Source: sd_pid_notify_with_fds(3), `FDSTORE=1`.
pub struct Systemd(OwnedFd);

impl Systemd {
    /// At the socket of `NOTIFY_SOCKET`: a path, or a name that begins with `@`.
    ///
    /// # Errors
    /// The system's.
    pub fn at(socket: &str) -> io::Result<Self> {
        let address = match socket.strip_prefix('@') {
            Some(name) => SocketAddrUnix::new_abstract_name(name.as_bytes())?,
            None => SocketAddrUnix::new(socket)?,
        };
        let line = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
        connect(&line, &address)?;
        Ok(Self(line))
    }

    /// Says that this process is ready for requests.
    ///
    /// # Errors
    /// The system's.
    pub fn ready(&self) -> io::Result<()> {
        self.send("READY=1", &[])
    }

    fn send(&self, text: &str, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(descriptors));
        }
        sendmsg(&self.0, &[IoSlice::new(text.as_bytes())], &mut control, SendFlags::NOSIGNAL)?;
        Ok(())
    }
}

impl Store for Systemd {
    fn put(&self, name: &str, descriptor: BorrowedFd<'_>) -> io::Result<()> {
        // It keeps several under one name.
        self.remove(name)?;
        self.send(&format!("FDSTORE=1\nFDNAME={name}\nFDPOLL=0"), &[descriptor])
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.send(&format!("FDSTOREREMOVE=1\nFDNAME={name}"), &[])
    }
}

/// The process that started this one, at the other end of a line of messages.
pub struct Parent(pub OwnedFd);

/// The first word of the messages to a parent.
pub const PUT: &str = "put ";
/// The same, of what it is to keep no longer.
pub const REMOVE: &str = "remove ";

impl Store for Parent {
    fn put(&self, name: &str, descriptor: BorrowedFd<'_>) -> io::Result<()> {
        send_message(self.0.as_fd(), &format!("{PUT}{name}"), &[descriptor])
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        send_message(self.0.as_fd(), &format!("{REMOVE}{name}"), &[])
    }
}
