//! A place, as options of a command line or members of a file name it.

use super::place::{NetnsName, Place};
use std::net::Ipv6Addr;
use std::path::PathBuf;

/// The options that name a place.
#[derive(Debug, Clone, Default)]
pub struct PlaceOptions {
    /// `--netns`: `host`, a name of `ip netns`, a process id or a path.
    pub netns: Option<String>,
    /// `--tap`: a tap or veth interface.
    pub tap: Option<String>,
    /// `--unix`: the path of a unix socket.
    pub unix: Option<PathBuf>,
    /// `--vsock`: the address of a guest.
    pub vsock: Option<u32>,
    /// `--vsock-uds`: the path that a hypervisor was started with.
    pub vsock_uds: Option<PathBuf>,
    /// `--vsock-port`: the port that a guest connects to.
    pub vsock_port: Option<u32>,
    /// `--port`: a port of 127.0.0.1.
    pub port: Option<u16>,
    /// `--ipv6`: an address beside the metadata address.
    pub ipv6: Option<Ipv6Addr>,
    /// `--mode`: the permission bits of a unix socket.
    pub mode: Option<u32>,
}

/// The reason why options name no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PlaceOptionsError {
    /// None or too many.
    #[error("name one place: {}", either(PLACES, ""))]
    One,
    /// An option of another place.
    #[error("{option} is for {kind}: {}", either(places, ""))]
    OfAnother {
        /// The option.
        option: &'static str,
        /// The kind of places that it is for.
        kind: &'static str,
        /// Their options.
        places: &'static [&'static str],
    },
}

impl PlaceOptionsError {
    /// The same in the words of a command line, whose options have dashes.
    pub fn of_command_line(&self) -> String {
        match self {
            Self::One => format!("name one place: {}", either(PLACES, "--")),
            Self::OfAnother { option, kind, places } => format!("--{option} is for {kind}: {}", either(places, "--")),
        }
    }
}

/// The options of which one names a place.
const PLACES: &[&str] = &["netns", "tap", "unix", "vsock", "vsock-uds", "port"];

/// A list of options, each with a mark before it.
fn either(options: &[&str], mark: &str) -> String {
    let marked: Vec<String> = options.iter().map(|option| format!("{mark}{option}")).collect();
    match marked.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// The port of HTTP, which guests connect to unless told otherwise.
const HTTP: u32 = 80;
/// The permission bits of a socket that only its owner may use.
const OWNERS: u32 = 0o600;

impl PlaceOptions {
    /// The place that is named.
    pub fn place(&self) -> Result<Place, PlaceOptionsError> {
        self.check()?;
        let netns = self.netns.as_deref().map(NetnsName::parse);
        let mode = self.mode.unwrap_or(OWNERS);
        let vsock_port = self.vsock_port.unwrap_or(HTTP);
        match (netns, &self.tap, &self.unix, self.vsock, &self.vsock_uds, self.port) {
            (netns, Some(name), None, None, None, None) => {
                Ok(Place::Interface { name: name.clone(), netns, ipv6: self.ipv6 })
            }
            (Some(netns), None, None, None, None, port) => Ok(Place::Netns { netns, ipv6: self.ipv6, port }),
            (None, None, Some(path), None, None, None) => Ok(Place::Unix { path: path.clone(), mode }),
            (None, None, None, Some(cid), None, None) => Ok(Place::Vsock { cid, port: vsock_port }),
            (None, None, None, None, Some(path), None) => {
                Ok(Place::VsockUnix { path: path.clone(), port: vsock_port, mode })
            }
            (None, None, None, None, None, Some(number)) => Ok(Place::Port { number }),
            _ => Err(PlaceOptionsError::One),
        }
    }

    fn check(&self) -> Result<(), PlaceOptionsError> {
        let has_path = self.unix.is_some() || self.vsock_uds.is_some();
        let has_address = self.tap.is_some() || (self.netns.is_some() && self.port.is_none());
        let is_virtual = self.vsock.is_some() || self.vsock_uds.is_some();
        let others = [
            (self.mode.is_some() && !has_path, "mode", "a unix socket", &["unix", "vsock-uds"][..]),
            (
                self.ipv6.is_some() && !has_address,
                "ipv6",
                "a namespace without a port, or an interface",
                &["netns", "tap"],
            ),
            (self.vsock_port.is_some() && !is_virtual, "vsock-port", "a virtual socket", &["vsock", "vsock-uds"]),
        ];
        match others.into_iter().find(|(is_other, ..)| *is_other) {
            Some((_, option, kind, places)) => Err(PlaceOptionsError::OfAnother { option, kind, places }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_place_is_named_by_the_options_of_that_place() {
        let of = |options: PlaceOptions| options.place();
        let netns = || Some("web".to_owned());
        let web = || NetnsName::parse("web");
        let default = PlaceOptions::default;
        assert_eq!(
            of(PlaceOptions { netns: netns(), ..default() }),
            Ok(Place::Netns { netns: web(), ipv6: None, port: None })
        );
        assert_eq!(
            of(PlaceOptions { netns: netns(), port: Some(8), ..default() }),
            Ok(Place::Netns { netns: web(), ipv6: None, port: Some(8) })
        );
        assert_eq!(
            of(PlaceOptions { netns: netns(), tap: Some("tap0".to_owned()), ..default() }),
            Ok(Place::Interface { name: "tap0".to_owned(), netns: Some(web()), ipv6: None })
        );
        assert_eq!(of(PlaceOptions { port: Some(8), ..default() }), Ok(Place::Port { number: 8 }));
        for wrong in [default(), PlaceOptions { port: Some(8), unix: Some("/a".into()), ..default() }] {
            let why = of(wrong).unwrap_err();
            assert_eq!(why.to_string(), "name one place: netns, tap, unix, vsock, vsock-uds or port");
            let why = why.of_command_line();
            assert_eq!(why, "name one place: --netns, --tap, --unix, --vsock, --vsock-uds or --port");
        }
        for (wrong, name) in [
            (PlaceOptions { port: Some(8), mode: Some(0o600), ..default() }, "mode"),
            (PlaceOptions { unix: Some("/a".into()), ipv6: Some(Ipv6Addr::LOCALHOST), ..default() }, "ipv6"),
            (PlaceOptions { netns: netns(), vsock_port: Some(80), ..default() }, "vsock-port"),
        ] {
            assert!(matches!(of(wrong), Err(PlaceOptionsError::OfAnother { option, .. }) if option == name));
        }
    }
}
