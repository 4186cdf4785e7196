//! The proxies that an operator trusts.

use super::LocalUser;
use std::net::IpAddr;

/// A proxy whose connections begin with the PROXY protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedProxy {
    /// Its address.
    pub address: IpAddr,
    /// The users as whom it may run where it is on this machine: its address is every user's there.
    pub users: Vec<u32>,
}

impl TrustedProxy {
    /// True of a connection from this address.
    pub(crate) fn is_at(&self, address: IpAddr) -> bool {
        self.address.to_canonical() == address.to_canonical()
    }

    /// True of a connection from its address that is its own: this user's, of whom the kernel was asked, or nobody's of this
    /// machine.
    pub(crate) fn runs_as(&self, user: LocalUser) -> bool {
        match user {
            LocalUser::Is(user) => self.users.contains(&user),
            LocalUser::Unknown => true,
            LocalUser::Nameless | LocalUser::NotAsked => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ov_03_an_address_of_this_machine_is_no_proof_of_who_uses_it() {
        let proxy = |address: &str| TrustedProxy { address: address.parse().unwrap(), users: vec![0, 33] };
        for (user, expected) in [
            (LocalUser::Is(33), true),
            (LocalUser::Is(34), false),
            (LocalUser::Unknown, true),
            (LocalUser::Nameless, false),
            (LocalUser::NotAsked, false),
        ] {
            assert_eq!(proxy("192.0.2.1").runs_as(user), expected, "{user:?}");
        }
        assert!(proxy("127.0.0.1").is_at("::ffff:127.0.0.1".parse().unwrap()));
    }
}
