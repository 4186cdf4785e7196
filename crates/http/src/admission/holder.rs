//! For whom connections and bytes are counted.

use bonafide_types::HostId;
use bonafide_wire::Remote;
use std::fmt::{Display, Formatter};
use std::net::{IpAddr, Ipv6Addr};

/// The user at the other end of a connection that begins on this machine, as the kernel tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalUser {
    /// This one.
    Is(u32),
    /// One whose id the kernel does not tell: of another user namespace, or by a connection that it does not show.
    Nameless,
    /// There is none: it begins on another machine.
    Unknown,
    /// The kernel could not be asked: the process has no descriptor left for the question.
    NotAsked,
}

impl Display for LocalUser {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Is(user) => write!(f, "user {user}"),
            Self::Nameless | Self::Unknown => f.write_str("a user whom the kernel does not tell"),
            Self::NotAsked => f.write_str("the kernel could not be asked"),
        }
    }
}

/// The one for whom something is held, by the most that is proven of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Holder {
    /// A principal, by a token that was verified.
    Principal(u128),
    /// A host, by its client certificate.
    Host(HostId),
    /// A user of this machine, by the kernel.
    User(u32),
    /// A virtual machine, by the kernel.
    Machine(u32),
    /// An address, or a network of which one subscriber has all addresses.
    Network(IpAddr),
}

impl Holder {
    /// Of a new connection.
    pub(crate) fn of(user: LocalUser, remote: Remote) -> Self {
        match (user, remote) {
            (LocalUser::Is(user), _) | (_, Remote::Unix { uid: user, .. }) => Self::User(user),
            (_, Remote::Vsock { cid }) => Self::Machine(cid),
            (LocalUser::Nameless | LocalUser::Unknown | LocalUser::NotAsked, Remote::Ip(address)) => {
                Self::Network(network(address.ip()))
            }
        }
    }

    /// True of who has shown a credential.
    pub(super) fn is_known(self) -> bool {
        matches!(self, Self::Principal(_) | Self::Host(_))
    }
}

/// An IPv4 address, or the first 64 bits of an IPv6 address: what one subscriber gets (RFC 6177).
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_subscriber_are_one_holder() {
        let at = |address: &str| Remote::from((address.parse::<IpAddr>().unwrap(), 1));
        let of = |address: &str| Holder::of(LocalUser::Unknown, at(address));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:2"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        let unix = Remote::Unix { uid: 7, pid: None, cgroup: None };
        assert_eq!(Holder::of(LocalUser::Unknown, unix), Holder::User(7));
        assert_eq!(Holder::of(LocalUser::Unknown, Remote::Vsock { cid: 7 }), Holder::Machine(7));
        assert_eq!(Holder::of(LocalUser::Is(7), at("127.0.0.1")), Holder::User(7));
    }
}
