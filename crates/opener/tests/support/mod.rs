//! Network namespaces of a test's own, and callers inside of them.

#![allow(dead_code, reason = "each test file uses its part")]

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::Command;
use std::time::Duration;

/// Longer than any answer takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(500);

/// A network namespace with a name, until this is dropped.
pub(crate) struct Namespace {
    pub(crate) name: String,
    pub(crate) file: File,
}

impl Namespace {
    /// `None`, with a note, where there can be none.
    pub(crate) fn create(name: &str) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: network namespaces need root");
            return None;
        }
        let name = format!("bonafide-{name}-{}", std::process::id());
        if !Command::new("ip").args(["netns", "add", &name]).status().is_ok_and(|made| made.success()) {
            eprintln!("skipped: there are no network namespaces here");
            return None;
        }
        let file = File::open(format!("/run/netns/{name}")).unwrap();
        Some(Self { name, file })
    }

    pub(crate) fn ip(&self, arguments: &str) -> String {
        let words = arguments.split_ascii_whitespace();
        let output = Command::new("ip").args(["-netns", &self.name]).args(words).output().unwrap();
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn set(&self, name: &str, value: &str) {
        self.inside(|| std::fs::write(format!("/proc/sys/net/{name}"), value).unwrap());
    }

    /// Runs something in it, on a thread of its own.
    pub(crate) fn inside<T: Send>(&self, run: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|threads| {
            let run = || {
                move_into_link_name_space(self.file.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
                run()
            };
            threads.spawn(run).join().unwrap()
        })
    }

    /// The first byte that is sent to who connects from it; `None` where nobody listens.
    pub(crate) fn ask(&self, to: impl Into<IpAddr>, port: u16) -> Option<u8> {
        let to = SocketAddr::new(to.into(), port);
        self.inside(|| {
            let mut stream = TcpStream::connect_timeout(&to, SHORT).ok()?;
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let mut answer = [0];
            stream.read_exact(&mut answer).ok().map(|()| answer[0])
        })
    }

    pub(crate) fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.file.as_fd())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "delete", &self.name]).output();
    }
}

/// Answers each connection of sockets with a byte, on threads that end with the sockets.
pub(crate) fn answer(sockets: Vec<OwnedFd>, byte: u8) {
    for socket in sockets {
        std::thread::spawn(move || {
            for stream in TcpListener::from(socket).incoming() {
                let Ok(mut stream) = stream else { return };
                let _ = stream.write_all(&[byte]);
            }
        });
    }
}

/// Makes a pair of devices: one end here, under a name, the other in `other`.
pub(crate) fn veth(here: &Namespace, device: &str, other: &Namespace, peer: &str) {
    here.ip(&format!("link add {device} type veth peer name {peer} netns {}", other.name));
    here.ip(&format!("link set {device} up"));
    other.ip(&format!("link set {peer} up"));
}
