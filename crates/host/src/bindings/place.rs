//! The places at which a binding can listen.

use serde::{Deserialize, Serialize};
use std::fmt::{Display, Formatter};
use std::net::Ipv6Addr;
use std::path::PathBuf;

/// A place that is attached to a workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Place {
    /// A network namespace: the metadata address on its loopback device or, with a port, that port of its loopback
    /// addresses.
    Netns {
        /// The namespace.
        netns: NetnsName,
        /// An address beside the metadata address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ipv6: Option<Ipv6Addr>,
        /// A port of the loopback addresses, in place of the metadata address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        port: Option<u16>,
    },
    /// A tap or veth interface, whose other end is one workload's.
    Interface {
        /// Its name.
        name: String,
        /// The namespace in which it is; the agent's own if none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        netns: Option<NetnsName>,
        /// An address beside the metadata address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ipv6: Option<Ipv6Addr>,
    },
    /// A unix socket.
    Unix {
        /// Its path.
        path: PathBuf,
        /// The permission bits of the socket.
        mode: u32,
    },
    /// The unix socket at which Firecracker and cloud-hypervisor pass connections of a guest's virtual socket on: theirs,
    /// an underscore and the port.
    VsockUnix {
        /// The path that the hypervisor was started with.
        path: PathBuf,
        /// The port that the guest connects to, at the host's address.
        port: u32,
        /// The permission bits of the socket.
        mode: u32,
    },
    /// The virtual socket of a guest.
    Vsock {
        /// The guest's address.
        cid: u32,
        /// The port that the guest connects to.
        port: u32,
    },
    /// A port of 127.0.0.1 and nothing else, in the agent's own namespace.
    Port {
        /// The number.
        number: u16,
    },
}

/// A network namespace, as it was named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NetnsName {
    /// That of this machine, or of the container that the agent runs in: the agent's own.
    Host,
    /// A file that keeps one: of `ip netns`, of a container runtime, of a process.
    Path(PathBuf),
}

/// The folder in which `ip netns` and podman keep namespaces (ip-netns(8)).
const NAMED: &str = "/run/netns";
/// The word for the agent's own namespace.
const HOST: &str = "host";

impl NetnsName {
    /// Reads `host`, a path, the id of a process, or a name of `ip netns`.
    pub fn parse(text: &str) -> Self {
        if text == HOST {
            return Self::Host;
        }
        Self::Path(match text.parse::<u32>() {
            Ok(pid) => PathBuf::from(format!("/proc/{pid}/ns/net")),
            Err(_) if text.contains('/') => PathBuf::from(text),
            Err(_) => PathBuf::from(NAMED).join(text),
        })
    }
}

impl Display for NetnsName {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Host => f.write_str(HOST),
            Self::Path(path) => match path.strip_prefix(NAMED) {
                Ok(name) => name.display().fmt(f),
                Err(_) => path.display().fmt(f),
            },
        }
    }
}

impl Place {
    /// The path of its unix socket, if it has one.
    pub fn socket_path(&self) -> Option<PathBuf> {
        match self {
            Self::Unix { path, .. } => Some(path.clone()),
            Self::VsockUnix { path, port, .. } => {
                let mut path = path.clone().into_os_string();
                path.push(format!("_{port}"));
                Some(path.into())
            }
            _ => None,
        }
    }

    /// True where the kernel can be asked for users and control groups of who calls there: they are processes of this machine.
    pub fn shows_callers(&self) -> bool {
        match self {
            Self::Netns { .. } | Self::Port { .. } | Self::Unix { .. } => true,
            Self::Interface { .. } | Self::VsockUnix { .. } | Self::Vsock { .. } => false,
        }
    }

    /// The address beside the metadata address.
    pub fn ipv6(&self) -> Option<Ipv6Addr> {
        match self {
            Self::Netns { ipv6, .. } | Self::Interface { ipv6, .. } => *ipv6,
            _ => None,
        }
    }

    /// The namespace that it is in, if it is in one that has a name.
    pub fn netns(&self) -> Option<&NetnsName> {
        match self {
            Self::Netns { netns, .. } => Some(netns),
            Self::Interface { netns, .. } => netns.as_ref(),
            _ => None,
        }
    }
}

/// The options that name the place.
impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Netns { netns, port: Some(port), .. } => write!(f, "--netns {netns} --port {port}"),
            Self::Netns { netns, .. } => write!(f, "--netns {netns}"),
            Self::Interface { name, netns: Some(netns), .. } => write!(f, "--tap {name} --netns {netns}"),
            Self::Interface { name, .. } => write!(f, "--tap {name}"),
            Self::Unix { path, .. } => write!(f, "--unix {}", path.display()),
            Self::VsockUnix { path, .. } => write!(f, "--vsock-uds {}", path.display()),
            Self::Vsock { cid, .. } => write!(f, "--vsock {cid}"),
            Self::Port { number } => write!(f, "--port {number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_read_as_it_is_printed() {
        for (text, printed) in [
            ("host", "host"),
            ("web", "web"),
            ("/run/netns/web", "web"),
            ("42", "/proc/42/ns/net"),
            ("/proc/42/ns/net", "/proc/42/ns/net"),
            ("./n", "./n"),
        ] {
            let name = NetnsName::parse(text);
            assert_eq!(name.to_string(), printed);
            assert_eq!(NetnsName::parse(&name.to_string()), name);
        }
    }

    #[test]
    fn a_hypervisor_passes_connections_on_at_a_path_with_the_port() {
        let place = Place::VsockUnix { path: "/run/vm.sock".into(), port: 80, mode: 0o600 };
        assert_eq!(place.socket_path(), Some("/run/vm.sock_80".into()));
    }
}
