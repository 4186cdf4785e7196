//! Port 80 of our addresses alone: a program of the kernel finds our sockets there (`BPF_PROG_TYPE_SK_LOOKUP`), which are
//! bound to another port, so that a web server of the workload can have port 80 of all addresses (ADR 35).

mod program;

use aya::EbpfLoader;
use aya::maps::{MapData, SockMap};
use aya::programs::links::{FdLink, Link};
use aya::programs::{Program, SkLookup};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use rustix::net::{AddressFamily, RecvFlags, Shutdown, SocketFlags, SocketType, listen, shutdown, socketpair};
use std::fs::{File, read_to_string};
use std::io::{self, ErrorKind, IoSlice};
use std::net::IpAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{LazyLock, Mutex, PoisonError};

/// The port of all addresses that web servers have.
pub(crate) const PORT: u16 = 80;
/// The port that our sockets are bound to instead, at which they refuse. Source: ours; one that is assigned to nobody
/// (IANA, Service Name and Transport Protocol Port Number Registry). It is the same for all of us, so that two agents do not
/// hide one another.
pub(crate) const HELD_PORT: u16 = 4;

/// The first port that every user of a namespace may have, in the namespace of the thread that reads it. Linux has 1024 in
/// each new one, Docker 0.
const FIRST_FREE_PORT: &str = "/proc/sys/net/ipv4/ip_unprivileged_port_start";

/// Longest reason, in characters. Source: ours; it is part of a message of [`crate::message::TEXT_BYTES_MAX`].
const REASON_CHARS_MAX: usize = 300;

/// The reason why the kernel does not find sockets for us, for the operator.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unable(String);

/// The loader, without the types of the kernel, which no program of ours needs: it reads megabytes of them when it is made.
static LOADER: LazyLock<Mutex<EbpfLoader<'static>>> = LazyLock::new(|| {
    let mut loader = EbpfLoader::new();
    loader.btf(None);
    Mutex::new(loader)
});

/// Refuses a namespace in which every user may have [`PORT`]. The kernel asks no program about a connection that it knows
/// already, and whoever has the port can make one, from there to the port from which a client is about to connect: it
/// then meets that, and not us. Where the port is ours alone nobody has it, and root has the namespace anyway.
pub(crate) fn is_safe_here() -> Result<(), Unable> {
    let first = read_to_string(FIRST_FREE_PORT).map_err(unable(&format!("read {FIRST_FREE_PORT}")))?;
    match first.trim().parse::<u32>() {
        Ok(first) if first > u32::from(PORT) => Ok(()),
        _ => Err(Unable(format!(
            "every user there may have port {PORT}, and so answer in the agent's place: attach it with the sysctl \
             net.ipv4.ip_unprivileged_port_start above {PORT}"
        ))),
    }
}

/// From now on, has the sockets found at [`PORT`] of their addresses, in the namespace of the calling thread and on its
/// loopback device, as long as the descriptor is open anywhere. They listen at [`HELD_PORT`].
pub(crate) fn attach(addresses: &[IpAddr], sockets: &[OwnedFd], backlog: i32) -> Result<OwnedFd, Unable> {
    let file = program::object(addresses).map_err(unable("make its program"))?;
    let loaded = LOADER.lock().unwrap_or_else(PoisonError::into_inner).load(&file);
    let mut loaded = loaded.map_err(unable("make a map of sockets"))?;
    let map = loaded.take_map(program::SOCKETS).ok_or_else(|| Unable("its program has no map".to_owned()))?;
    let mut map = SockMap::try_from(map).map_err(unable("use a map of sockets"))?;
    put(&mut map, sockets, backlog)?;
    let program: &mut SkLookup = match loaded.program_mut(program::PROGRAM) {
        Some(Program::SkLookup(program)) => program,
        _ => return Err(Unable("its program is not there".to_owned())),
    };
    program.load().map_err(unable("load its program"))?;
    let here = File::open("/proc/thread-self/ns/net").map_err(unable("open the network namespace"))?;
    let link = program.attach(&here).and_then(|link| program.take_link(link));
    // The program has it from now on.
    drop(map);
    let link = link.map_err(unable("attach its program to the network namespace"))?;
    descriptor(&link.into()).map_err(unable("keep its program"))
}

/// Puts the sockets into the map, in which they are to stay.
fn put(map: &mut SockMap<MapData>, sockets: &[OwnedFd], backlog: i32) -> Result<(), Unable> {
    for (socket, at) in sockets.iter().zip(0..) {
        map.set(at, socket, 0).map_err(unable("put a socket into a map"))?;
        // Sockets that a server left refuse, until the next one listens on them (`Direct::refuse`). Linux before 5.19 takes
        // them out of the map then, and nobody would find them any more.
        shutdown(socket, Shutdown::Both).and_then(|()| listen(socket, backlog)).map_err(unable("listen again"))?;
    }
    match map.indices().filter(Result::is_ok).count() == sockets.len() {
        true => Ok(()),
        false => Err(Unable("this kernel forgets sockets that refuse for a time (Linux 5.19 does not)".to_owned())),
    }
}

/// A descriptor of a link, which aya has and does not hand out: it tells the number. That it is the link's is the kernel's
/// word.
fn descriptor(link: &FdLink) -> io::Result<OwnedFd> {
    let number = format!("{:?}", link.id());
    let digits = number.trim_matches(|char: char| !char.is_ascii_digit());
    let number = digits.parse::<u32>().map_err(|_| ErrorKind::InvalidData)?;
    let link_id = link.info().map_err(io::Error::other)?.id();
    let facts = read_to_string(format!("/proc/thread-self/fdinfo/{number}"))?;
    let told = facts.lines().find_map(|line| line.strip_prefix("link_id:")?.trim().parse().ok());
    if told != Some(link_id) {
        return Err(ErrorKind::InvalidData.into());
    }
    let number = number.cast_signed();
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    let descriptors = [ControlMessage::ScmRights(&[number])];
    sendmsg::<()>(ours.as_raw_fd(), &[IoSlice::new(b"link")], &descriptors, MsgFlags::empty(), None)?;
    let came = crate::message::receive(&theirs, RecvFlags::DONTWAIT)?;
    came.and_then(|message| message.descriptors.into_iter().next()).ok_or_else(|| ErrorKind::InvalidData.into())
}

/// The error of a step, with what led to it. Of the kernel's protocol, which can be long, the first line.
fn unable<E: std::error::Error>(doing: &str) -> impl FnOnce(E) -> Unable {
    move |error| {
        let mut text = format!("cannot {doing}: {error}");
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        let line = text.lines().next().unwrap_or_default();
        Unable(line.chars().take(REASON_CHARS_MAX).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inside::{THREADS, inside};
    use crate::{Direct, Nowhere, OpenError, Opener, Where};
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
    use std::os::fd::AsFd;
    use std::process::Command;
    use std::sync::MutexGuard;
    use std::time::Duration;

    /// Programs of a namespace, at most. Source: `netns_bpf_max_progs` of Linux.
    const PROGRAMS_MAX: usize = 64;
    const LO: Where = Where::Metadata { device: None, ipv6: None, port: PORT };
    const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

    /// A network namespace with a name; `None` where there can be none.
    struct Namespace(String, File, #[expect(dead_code, reason = "it ends with this")] MutexGuard<'static, ()>);

    impl Namespace {
        fn create(name: &str) -> Option<Self> {
            let alone = THREADS.lock().unwrap_or_else(PoisonError::into_inner);
            let name = format!("bonafide-lookup-{name}-{}", std::process::id());
            if !Command::new("ip").args(["netns", "add", &name]).output().is_ok_and(|made| made.status.success()) {
                eprintln!("skipped: there are no network namespaces here");
                return None;
            }
            let file = File::open(format!("/run/netns/{name}")).unwrap();
            let namespace = Self(name, file, alone);
            assert!(
                Command::new("ip")
                    .args(["-netns", &namespace.0, "link", "set", "lo", "up"])
                    .status()
                    .unwrap()
                    .success()
            );
            Some(namespace)
        }

        fn inside<T: Send>(&self, run: impl FnOnce() -> T + Send) -> T {
            inside(Some(self.1.as_fd()), || Ok(run())).unwrap()
        }

        fn listen(&self, at: impl Into<SocketAddr>) -> OwnedFd {
            let at = at.into();
            self.inside(|| TcpListener::bind(at).unwrap()).into()
        }

        fn ask(&self, at: impl Into<SocketAddr>) -> Option<u8> {
            let at = at.into();
            self.inside(|| {
                let mut byte = [0];
                let stream = TcpStream::connect_timeout(&at, Duration::from_secs(2));
                stream.and_then(|mut stream| stream.read_exact(&mut byte)).ok().map(|()| byte[0])
            })
        }
    }

    /// Answers with a byte.
    fn serve(socket: &OwnedFd, byte: u8) {
        let listener = TcpListener::from(socket.try_clone().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let _ = stream.write_all(&[byte]);
            }
        });
    }

    impl Drop for Namespace {
        fn drop(&mut self) {
            let _ = Command::new("ip").args(["netns", "delete", &self.0]).output();
        }
    }

    #[test]
    fn id_07_ours_chooses_after_other_programs_and_lets_nobody_have_what_it_cannot_give() {
        let Some(namespace) = Namespace::create("order") else { return };
        let address = Ipv4Addr::new(127, 0, 0, 9);
        let [theirs, ours, web] = [5, HELD_PORT, PORT].map(|port| [namespace.listen((address, port))]);
        let attach = |sockets: &[OwnedFd], byte| {
            let link = namespace.inside(|| attach(&[address.into()], sockets, 8).unwrap());
            serve(&sockets[0], byte);
            link
        };
        let ask = || namespace.ask((address, PORT));
        serve(&web[0], 3);
        assert_eq!(ask(), Some(3));
        let first = attach(&theirs, 1);
        assert_eq!(ask(), Some(1));
        let second = attach(&ours, 2);
        assert_eq!(ask(), Some(2), "in place of the one that was chosen before it");
        drop(first);
        assert_eq!(ask(), Some(2));
        shutdown(&ours[0], Shutdown::Both).unwrap();
        assert_eq!(ask(), None);
        listen(&ours[0], 8).unwrap();
        serve(&ours[0], 2);
        assert_eq!(ask(), Some(2));
        shutdown(&ours[0], Shutdown::Both).unwrap();
        drop(ours);
        assert_eq!(ask(), None);
        let copy = second.try_clone().unwrap();
        drop(second);
        assert_eq!(ask(), None, "it stays for whoever has it");
        drop(copy);
        assert_eq!(ask(), Some(3));
        drop(web);
    }

    #[test]
    fn where_the_kernel_takes_no_program_the_port_is_as_it_was_before_and_the_operator_is_told_the_ways_out() {
        let Some(namespace) = Namespace::create("full") else { return };
        let other = [namespace.listen((Ipv4Addr::LOCALHOST, 5))];
        let attach = || namespace.inside(|| attach(&[Ipv4Addr::LOCALHOST.into()], &other, 8));
        let full: Vec<OwnedFd> = (0..PROGRAMS_MAX).map(|_| attach().unwrap()).collect();
        let opener = Direct::start(Box::new(Nowhere), []).unwrap();
        let door = Some(namespace.1.as_fd());
        let web = namespace.inside(|| TcpListener::bind("0.0.0.0:80").unwrap());
        let why = opener.open("a/imds", &LO, door).unwrap_err();
        assert!(matches!(&why, OpenError::Undivided { by, .. } if by == " by a program of user 0"), "{why}");
        let why = why.to_string();
        assert!(
            why.contains("169.254.169.254:80") && why.contains("--tap") && why.contains("attach its program"),
            "{why}"
        );
        drop(web);
        let held = opener.open("a/imds", &LO, door).unwrap();
        let note = held.note.unwrap();
        assert!(note.starts_with("nobody can listen on port 80 of all addresses beside it here: "), "{note}");
        let at = TcpListener::from(held.sockets.into_iter().next().unwrap()).local_addr().unwrap();
        assert_eq!(at, (METADATA, PORT).into());
        assert!(namespace.inside(|| TcpListener::bind("0.0.0.0:80")).is_err());
        opener.close("a/").unwrap();
        drop(full);
        assert_eq!(opener.open("a/imds", &LO, door).unwrap().note, None);
    }

    #[test]
    fn id_07_where_every_user_may_have_the_port_it_is_ours_alone() {
        let Some(namespace) = Namespace::create("anybody") else { return };
        let first = |port: &str| namespace.inside(|| std::fs::write(FIRST_FREE_PORT, port).unwrap());
        let opener = Direct::start(Box::new(Nowhere), []).unwrap();
        let held = |port| {
            first(port);
            opener.close("a/").unwrap();
            opener.open("a/imds", &LO, Some(namespace.1.as_fd())).unwrap()
        };
        for port in ["0", "80"] {
            let note = held(port).note.unwrap();
            assert!(note.contains("every user there") && note.contains("ip_unprivileged_port_start"), "{note}");
            assert!(namespace.inside(|| TcpListener::bind("0.0.0.0:80")).is_err(), "{port}");
        }
        assert_eq!(held("81").note, None);
        assert!(namespace.inside(|| TcpListener::bind("0.0.0.0:80")).is_ok());
    }
}
