//! All that is held under a key, in one descriptor: a socket with a message in it that nobody has read, which brings the
//! record and its descriptors along. Whoever has the socket keeps them, without knowing what they are: systemd (its store of
//! descriptors), or the keeper.

use crate::Where;
use crate::message::{receive, send};
use crate::state::Entry;
use crate::text::{Unreadable, field, optional, optional_value, value};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, socketpair};
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The place of an entry whose sockets the caller opened.
const KEPT: &str = "kept\n\n\n0";

/// The entry of a key as one descriptor.
pub(crate) fn seal(key: &str, entry: &Entry) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (write, read) = socketpair(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
    let added: Vec<String> = entry.added.iter().map(ToString::to_string).collect();
    let place = entry.at.as_ref().map_or(KEPT.to_owned(), Where::print);
    let text = format!(
        "{key}\n{place}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}",
        entry.namespace,
        optional(entry.device.as_ref()),
        added.join(","),
        optional(entry.note.as_ref()),
        entry.mark,
        u8::from(entry.door.is_some()),
        optional(entry.device_mark.as_ref()),
        u8::from(entry.lookup.is_some()),
    );
    let descriptors = entry.sockets.iter().chain(entry.lookup.as_ref()).chain(entry.door.as_ref()).map(AsFd::as_fd);
    send(&write, &text, &descriptors.collect::<Vec<BorrowedFd<'_>>>())?;
    Ok(read)
}

/// The key and the entry of a descriptor, which can be opened again.
pub(crate) fn open(capsule: impl AsFd) -> io::Result<(String, Entry)> {
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    let message = receive(capsule, flags)?.ok_or(Unreadable)?;
    let (mut lines, mut sockets) = (message.text.lines(), message.descriptors);
    let key = field(&mut lines)?.to_owned();
    let at = match lines.clone().next() {
        Some("kept") => {
            lines.by_ref().take(4).for_each(drop);
            None
        }
        _ => Some(Where::read(&mut lines)?),
    };
    let (namespace, device) = (value(&mut lines)?, optional_value(&mut lines)?);
    let added = field(&mut lines)?.split(',').filter(|address| !address.is_empty());
    let added: Vec<IpAddr> = added.map(str::parse).collect::<Result<_, _>>().map_err(|_| Unreadable)?;
    let note = optional_value(&mut lines)?;
    let mark = value(&mut lines)?;
    let door = match field(&mut lines)? {
        "1" => Some(sockets.pop().ok_or(Unreadable)?),
        _ => None,
    };
    // One of an earlier version has neither.
    let device_mark = lines.next().and_then(|mark| mark.parse().ok());
    let lookup = match lines.next() {
        Some("1") => Some(sockets.pop().ok_or(Unreadable)?),
        _ => None,
    };
    Ok((key, Entry { at, sockets, namespace, device, device_mark, lookup, added, note, door, mark, is_gone: false }))
}
