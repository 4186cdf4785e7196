//! Listening sockets that take privileges to open: in another network namespace, or on an address and device that belong
//! to one workload. Who asks gets a descriptor and needs no privilege (HA-02). No HTTP, no TLS, no key, no runtime.

#![allow(clippy::disallowed_methods, reason = "it owns sockets")]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod capsule;
mod cookie;
mod direct;
mod inside;
mod line;
mod lookup;
mod message;
mod near_side;
mod netlink;
mod place;
mod remote;
mod request;
mod serve;
mod state;
mod store;
mod text;
mod vsock;
mod watch;

pub use cookie::namespace_cookie;
pub use direct::Direct;
pub use near_side::NearSide;
pub use remote::Remote;
pub use serve::{Lines, serve};
pub use state::{Nowhere, Store};
pub use store::{PUT, Parent, REMOVE, Systemd};
pub use vsock::{listen_on_vsock, vsock_peer};

use inside::inside;
use std::io;
use std::net::Ipv6Addr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The place of a listening socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Where {
    /// 169.254.169.254, and an IPv6 address of the operator's, on a device. Each address is added where it is not there,
    /// and the loopback device brought up. On that, others can listen at port 80 of all addresses, where the kernel allows it;
    /// the sockets are bound to another port then, and connections are of port 80.
    Metadata {
        /// A tap or veth device; the loopback device when `None`.
        device: Option<String>,
        /// The operator's address.
        ipv6: Option<Ipv6Addr>,
        /// The port.
        port: u16,
    },
    /// 127.0.0.1 and ::1 on the loopback device.
    Loopback {
        /// The port.
        port: u16,
    },
}

/// Sockets that are held under a key.
#[derive(Debug)]
pub struct Held {
    /// `{binding}/{name}`.
    pub key: String,
    /// The listening sockets.
    pub sockets: Vec<OwnedFd>,
    /// The cookie of their network namespace ([`namespace_cookie`]); 0 of sockets that were kept and are of no network.
    pub namespace: u64,
    /// The index of the device that they are bound to.
    pub device: Option<u32>,
    /// A random number that the opener put on the device, with its address, and that goes with the device: the one that has it
    /// is the same. `None` of a loopback device, and where the address was there already.
    pub device_mark: Option<u32>,
    /// A sentence for the operator, where something was met that an attachment does not give up for: somebody else
    /// answered at the address, for instance.
    pub note: Option<String>,
    /// A socket that was opened there, through which the kernel tells who calls: of a device that has another end, the addresses
    /// on this side ([`NearSide`], rtnetlink(7)); of a loopback device, the users of connections (sock_diag(7)). `None` of sockets
    /// that the caller opened, and where the kernel gave none.
    pub asks: Option<OwnedFd>,
}

/// Opens sockets for workloads, and holds them for a server that is started again. Each call waits: at most for a few
/// milliseconds, unless another process has to be started first.
pub trait Opener: Send + Sync {
    /// Opens and holds. `key` is `{binding}/{name}`, as `…/imds`; where it is held already, what is held, if that is at
    /// the same place. `namespace` is an open descriptor of a network namespace; without one it is that of this binding's
    /// first socket, or else the opener's own.
    ///
    /// # Errors
    /// See [`OpenError`]. Nothing is left behind.
    fn open(&self, key: &str, at: &Where, namespace: Option<BorrowedFd<'_>>) -> Result<Held, OpenError>;

    /// Holds sockets that the caller opened itself, beside or in place of those under the same key.
    ///
    /// # Errors
    /// See [`OpenError`].
    fn keep(&self, key: &str, sockets: &[BorrowedFd<'_>]) -> Result<(), OpenError>;

    /// Closes what is held under a key, or under all keys of a binding (`{binding}/`), and takes the addresses away that it
    /// added for them. What was there before stays.
    ///
    /// # Errors
    /// See [`OpenError`]. A key under which nothing is held is none.
    fn close(&self, key: &str) -> Result<(), OpenError>;

    /// All that is held, for a server that starts again.
    ///
    /// # Errors
    /// See [`OpenError`].
    fn held(&self) -> Result<Vec<Held>, OpenError>;

    /// News of what is gone from now on. Each call begins a line of its own.
    ///
    /// # Errors
    /// See [`OpenError`].
    fn gone(&self) -> Result<Gone, OpenError>;
}

/// News of keys whose device was deleted, or whose network namespace nobody uses any more. They stay held until they are
/// closed.
#[derive(Debug)]
pub struct Gone(OwnedFd);

/// The reason why nothing was opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Another program listens there.
    #[error("{address} is taken{by}: stop what listens there, or have one of the two use another address or port")]
    Taken {
        /// The address and port.
        address: String,
        /// The program that has it, as ` by a program of user 33`; empty where it is not known.
        by: String,
    },
    /// Another program listens on the port of all addresses, and the kernel does not give us the one of ours.
    #[error(
        "{address} is taken{by}, which has the port of all addresses, and the two cannot have it together ({why}): have \
         that program listen on addresses of its own or on another port, or give the workload a veth pair and attach \
         this end of it with --tap (docs/guide/attach.md)"
    )]
    Undivided {
        /// The address and port.
        address: String,
        /// See [`Self::Taken`].
        by: String,
        /// The reason.
        why: String,
    },
    /// This place is held under another key, or another place under this key.
    #[error("{0} is attached already; detach that first")]
    Held(String),
    /// No device has this name.
    #[error(
        "there is no network device {0} there: `ip link` shows those of this namespace, and --netns names another one"
    )]
    NoDevice(String),
    /// The device carries packets of more than one workload.
    #[error(
        "{device} is {kind}: several machines share what it carries, so nobody can tell which of them asks. Attach the \
         tap or veth device of one workload, which is in no bridge"
    )]
    Shared {
        /// Its name.
        device: String,
        /// Its kind, as `a port of a bridge`.
        kind: String,
    },
    /// Neither root nor an opener.
    #[error(
        "{0} takes privileges that this process does not have: start the agent as root, or install the unit \
         bonafide-opener (docs/guide/systemd.md)"
    )]
    NotPermitted(String),
    /// The namespace of the binding is not there any more.
    #[error("the network namespace of this binding is gone; attach it anew")]
    NamespaceGone,
    /// Another failure.
    #[error("{0}")]
    Failed(String),
}

impl Gone {
    /// News that come on a socket of messages, each of which is a key.
    pub fn on(line: OwnedFd) -> Self {
        Self(line)
    }

    /// The next key that is gone; waits for it. `None` when there will be none any more: ask for a new line.
    ///
    /// # Errors
    /// The system's.
    pub fn next(&self) -> io::Result<Option<String>> {
        let mut text = [0; KEY_BYTES_MAX];
        let (bytes, _) = rustix::net::recv(&self.0, &mut text, rustix::net::RecvFlags::empty())?;
        Ok((bytes > 0).then(|| String::from_utf8_lossy(&text[..bytes]).into_owned()))
    }
}

impl AsFd for Gone {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Longest key, in bytes. Source: ours; systemd takes names of 255 bytes.
pub const KEY_BYTES_MAX: usize = 128;
