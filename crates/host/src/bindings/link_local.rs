//! The real metadata address, 169.254.169.254:80, on the loopback device: no neighbour can reach it.
//!
//! The address stays when nobody serves it any more: where it were gone, packets for it would go to the network, and who
//! answers them there would be this machine's metadata server.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output};
use std::time::Duration;

/// The metadata port.
pub const PORT: u16 = 80;
/// The name of the socket, for who keeps it.
pub const NAME: &str = "link-local";
/// The command that takes the address away again.
pub const REMOVE: &str = "ip address del 169.254.169.254/32 dev lo";
/// Label that says who added the address (at most 15 bytes; it must begin with the device's name).
const LABEL: &str = "lo:bonafide";
const ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
/// Longest time that something else takes to answer on the address. Source: ours; a real metadata service
/// answers within milliseconds.
const PROBE: Duration = Duration::from_millis(500);

/// The reason why the address cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum LinkLocalError {
    /// Something answers on it already: this machine may be a virtual machine of a cloud.
    #[error("169.254.169.254 answers already; --link-local would hide that service from this machine")]
    Taken,
    /// Not root, or no `ip` command.
    #[error("cannot add 169.254.169.254 to the loopback device: {0}; --link-local needs root and the `ip` command")]
    Add(String),
    /// The port is taken or not ours.
    #[error("cannot listen on 169.254.169.254:80: {0}")]
    Listen(std::io::Error),
}

/// Adds the address, if it is not there, and listens on it, on the loopback device alone, so that packets for it from
/// another interface find nobody. The only step that needs privileges.
pub fn open() -> Result<TcpListener, LinkLocalError> {
    let address = SocketAddr::from((ADDRESS, PORT));
    if TcpStream::connect_timeout(&address, PROBE).is_ok() {
        return Err(LinkLocalError::Taken);
    }
    add()?;
    bonafide_http::open_on_loopback_device(address).map_err(LinkLocalError::Listen)
}

fn add() -> Result<(), LinkLocalError> {
    let arguments = ["address", "add", "169.254.169.254/32", "dev", "lo", "label", LABEL];
    let added: std::io::Result<Output> = Command::new("ip").args(arguments).output();
    let added = added.map_err(|error| LinkLocalError::Add(error.to_string()))?;
    let reason = String::from_utf8_lossy(&added.stderr);
    let is_there = reason.contains("File exists") || reason.contains("already assigned");
    if added.status.success() || is_there { Ok(()) } else { Err(LinkLocalError::Add(reason.trim().to_owned())) }
}
