//! The other end of a connection, as the kernel shows it.

use std::fmt::{Display, Formatter};
use std::net::{AddrParseError, IpAddr, SocketAddr};
use std::str::FromStr;

/// The other end of a connection of any kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remote {
    /// Of a TCP connection.
    Ip(SocketAddr),
    /// Of a unix socket: the process that connected (`SO_PEERCRED`), which may have passed its end on since.
    Unix {
        /// Its user.
        uid: u32,
        /// Its id, where it has one here.
        pid: Option<i32>,
        /// The id of its control group, where somebody wants to know and the kernel tells.
        cgroup: Option<u64>,
    },
    /// Of a vsock: a virtual machine.
    Vsock {
        /// The number that its monitor gave it.
        cid: u32,
    },
}

impl Remote {
    /// The address, of TCP.
    pub fn ip(self) -> Option<IpAddr> {
        match self {
            Self::Ip(address) => Some(address.ip()),
            Self::Unix { .. } | Self::Vsock { .. } => None,
        }
    }
}

impl Display for Remote {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix { uid, pid: Some(pid), .. } => write!(f, "user {uid}, process {pid}"),
            Self::Unix { uid, pid: None, .. } => write!(f, "user {uid}"),
            Self::Vsock { cid } => write!(f, "vsock {cid}"),
        }
    }
}

impl From<SocketAddr> for Remote {
    fn from(address: SocketAddr) -> Self {
        Self::Ip(address)
    }
}

impl<I: Into<IpAddr>> From<(I, u16)> for Remote {
    fn from(address: (I, u16)) -> Self {
        Self::Ip(address.into())
    }
}

impl FromStr for Remote {
    type Err = AddrParseError;

    fn from_str(address: &str) -> Result<Self, AddrParseError> {
        address.parse().map(Self::Ip)
    }
}
