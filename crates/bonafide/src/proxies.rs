//! `--trusted-proxy`: the address of a proxy, and where it is on this machine the user that it runs as.

use bonafide_files::{User, user_named};
use bonafide_http::TrustedProxy;
use std::io::ErrorKind;
use std::net::{IpAddr, UdpSocket};

/// `ADDRESS` or `ADDRESS@USER`. Without a user it is root, or the user who runs `up`.
pub(crate) fn trusted_proxy(text: &str) -> Result<TrustedProxy, String> {
    let (address, user) = text.split_once('@').map_or((text, None), |(address, user)| (address, Some(user)));
    let address: IpAddr = address.parse().map_err(|_| {
        "give the proxy's IP address, and if it is on this machine the user that it runs as: 192.0.2.1 or \
         127.0.0.1@haproxy"
            .to_owned()
    })?;
    let users = match user {
        Some(user) if is_elsewhere(address) => {
            return Err(format!(
                "{address} is not an address of this machine, and the kernel knows the users of this machine's \
                 connections only: leave @{user} out for a proxy elsewhere"
            ));
        }
        Some(user) => vec![user_named(user).map_err(|error| error.to_string())?.id()],
        None => vec![User::ROOT.id(), User::of_this_process().map_err(|error| error.to_string())?.id()],
    };
    Ok(TrustedProxy { address, users })
}

/// True of an address that no socket of this machine can have.
fn is_elsewhere(address: IpAddr) -> bool {
    let bound = UdpSocket::bind((address, 0));
    !address.is_loopback() && bound.is_err_and(|error| error.kind() == ErrorKind::AddrNotAvailable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ov_03_a_proxy_has_an_address_and_may_have_a_user() {
        let users = |text| trusted_proxy(text).unwrap().users;
        assert_eq!(users("127.0.0.1@33"), [33]);
        assert_eq!(users("::1@root"), [0]);
        assert_eq!(users("192.0.2.1"), [0, User::of_this_process().unwrap().id()]);
        for (text, said) in [
            ("localhost", "give the proxy's IP address"),
            ("127.0.0.1@", "there is no user ''"),
            ("127.0.0.1@no such", "there is no user 'no such'"),
            ("127.0.0.1@4294967295", "the kernel shows many users"),
            ("192.0.2.1@33", "192.0.2.1 is not an address of this machine"),
        ] {
            assert!(trusted_proxy(text).unwrap_err().starts_with(said), "{text}");
        }
    }
}
