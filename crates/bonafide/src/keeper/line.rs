//! The line between the keeper and the process that serves: a pair of sockets, on which sockets go both ways.

use bonafide_opener::{PUT, REMOVE};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Sockets in a message, at most. Source: ours; `up` has four.
const SOCKETS_MAX: usize = 16;
/// Longest text of a message, in bytes. Source: ours; names.
const TEXT_BYTES_MAX: usize = 4_096;

/// A word of one side to the other.
#[derive(Debug)]
pub(super) enum Message {
    /// To the process that serves, once: the sockets that there are, by name.
    Given(Vec<(String, TcpListener)>),
    /// To the keeper: a new socket to be kept under this name.
    Keep(String, TcpListener),
    /// To the keeper: leave the sockets that it gave alone, for this process is about to listen on them.
    HandOver,
    /// Its answer.
    HandedOver,
    /// To the keeper, and to the next process of the kind that says it: all that is held under a key, as one descriptor.
    Put(String, OwnedFd),
    /// To the keeper: keep nothing under this key.
    Remove(String),
    /// To the keeper: it serves.
    Ready,
}

/// The reason why a message was not understood.
#[derive(Debug, thiserror::Error)]
#[error("the line between our processes says what none of them would: stop bonafide and start it again")]
pub(super) struct Garbled;

/// Makes a line: the keeper's end, and that of the process that serves.
pub(super) fn pair() -> std::io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

/// Says something. The text of a message begins with its kind.
pub(super) fn send(line: impl AsFd, message: &Message) -> std::io::Result<()> {
    let (text, sockets): (String, Vec<BorrowedFd<'_>>) = match message {
        Message::Given(sockets) => {
            let names: Vec<&str> = sockets.iter().map(|(name, _)| name.as_str()).collect();
            (format!("given {}", names.join(":")), sockets.iter().map(|(_, socket)| socket.as_fd()).collect())
        }
        Message::Keep(name, socket) => (format!("keep {name}"), vec![socket.as_fd()]),
        Message::HandOver => ("hand-over ".to_owned(), Vec::new()),
        Message::HandedOver => ("handed-over ".to_owned(), Vec::new()),
        Message::Put(name, capsule) => (format!("{PUT}{name}"), vec![capsule.as_fd()]),
        Message::Remove(name) => (format!("{REMOVE}{name}"), Vec::new()),
        Message::Ready => ("ready ".to_owned(), Vec::new()),
    };
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_MAX))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !sockets.is_empty() && !control.push(SendAncillaryMessage::ScmRights(&sockets)) {
        return Err(std::io::ErrorKind::InvalidInput.into());
    }
    let text = &text.as_bytes()[..text.len().min(TEXT_BYTES_MAX)];
    sendmsg(line, &[IoSlice::new(text)], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// The next message; `None` when the other side is gone.
pub(super) fn receive(line: impl AsFd, flags: RecvFlags) -> std::io::Result<Option<Message>> {
    let mut text = [0; TEXT_BYTES_MAX];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_MAX))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(line, &mut [IoSliceMut::new(&mut text)], &mut control, flags | RecvFlags::CMSG_CLOEXEC);
    let bytes = match received {
        Ok(received) => received.bytes,
        Err(Errno::CONNRESET) => 0,
        Err(error) => return Err(error.into()),
    };
    let mut sockets = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            sockets.extend(received.map(TcpListener::from));
        }
    }
    if bytes == 0 {
        return Ok(None);
    }
    read(&String::from_utf8_lossy(&text[..bytes]), sockets).map(Some).map_err(std::io::Error::other)
}

fn read(text: &str, mut sockets: Vec<TcpListener>) -> Result<Message, Garbled> {
    let (kind, rest) = text.split_once(' ').ok_or(Garbled)?;
    match (kind, sockets.len()) {
        ("given", count) => {
            let names: Vec<String> = rest.split(':').filter(|name| !name.is_empty()).map(str::to_owned).collect();
            if names.len() != count {
                return Err(Garbled);
            }
            Ok(Message::Given(names.into_iter().zip(sockets).collect()))
        }
        ("keep", 1) => Ok(Message::Keep(rest.to_owned(), sockets.remove(0))),
        ("hand-over", 0) => Ok(Message::HandOver),
        ("handed-over", 0) => Ok(Message::HandedOver),
        ("put", 1) => Ok(Message::Put(rest.to_owned(), sockets.remove(0).into())),
        ("remove", 0) => Ok(Message::Remove(rest.to_owned())),
        ("ready", 0) => Ok(Message::Ready),
        _ => Err(Garbled),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_and_words_come_out_as_they_went_in() {
        let (keeper, server) = pair().unwrap();
        let socket = || TcpListener::bind("127.0.0.1:0").unwrap();
        let (one, two) = (socket(), socket());
        let addresses = [one.local_addr().unwrap(), two.local_addr().unwrap()];
        send(&keeper, &Message::Given(vec![("public".to_owned(), one), ("imds".to_owned(), two)])).unwrap();
        let Some(Message::Given(given)) = receive(&server, RecvFlags::empty()).unwrap() else { panic!("others") };
        let (names, given): (Vec<String>, Vec<TcpListener>) = given.into_iter().unzip();
        assert_eq!(names, ["public", "imds"]);
        assert_eq!(given.iter().map(|socket| socket.local_addr().unwrap()).collect::<Vec<_>>(), addresses);
        send(&keeper, &Message::Given(Vec::new())).unwrap();
        assert!(matches!(receive(&server, RecvFlags::empty()), Ok(Some(Message::Given(none))) if none.is_empty()));
        send(&server, &Message::Keep("hosts".to_owned(), socket())).unwrap();
        assert!(matches!(receive(&keeper, RecvFlags::empty()), Ok(Some(Message::Keep(name, _))) if name == "hosts"));
        send(&server, &Message::Put("a/imds".to_owned(), socket().into())).unwrap();
        assert!(matches!(receive(&keeper, RecvFlags::empty()), Ok(Some(Message::Put(name, _))) if name == "a/imds"));
        let removed = Message::Remove("a/imds".to_owned());
        for message in [Message::HandOver, Message::HandedOver, removed, Message::Ready] {
            send(&server, &message).unwrap();
            let received = receive(&keeper, RecvFlags::empty()).unwrap().unwrap();
            assert_eq!(format!("{received:?}"), format!("{message:?}"));
        }
        drop(server);
        assert!(receive(&keeper, RecvFlags::empty()).unwrap().is_none());
        assert!(
            read("keep x", Vec::new()).is_err()
                && read("given a:b", vec![socket()]).is_err()
                && read("x", Vec::new()).is_err()
        );
    }
}
