//! The real metadata address, 169.254.169.254:80, on the loopback device: no neighbour can reach it.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Output};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// The metadata port.
pub const PORT: u16 = 80;
/// Label that tells an address that we added from one that somebody else did (at most 15 bytes; it must begin
/// with the device's name).
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

/// The address on the loopback device; it is taken away again when this is dropped.
pub struct LinkLocal {
    added: bool,
}

impl LinkLocal {
    /// Adds the address and listens on it, bound to the device, so that packets for it from another
    /// interface find nobody.
    pub async fn open() -> Result<(Self, TcpListener), LinkLocalError> {
        let address = SocketAddr::from((ADDRESS, PORT));
        if let Ok(Ok(_)) = tokio::time::timeout(PROBE, TcpStream::connect(address)).await {
            return Err(LinkLocalError::Taken);
        }
        let guard = Self { added: ip("add")? };
        let listen = || -> std::io::Result<TcpListener> {
            let socket = TcpSocket::new_v4()?;
            socket.set_reuseaddr(true)?;
            socket.bind_device(Some(b"lo"))?;
            socket.bind(address)?;
            socket.listen(1024)
        };
        let listener = listen().map_err(LinkLocalError::Listen)?;
        Ok((guard, listener))
    }
}

impl Drop for LinkLocal {
    fn drop(&mut self) {
        if self.added {
            // An address that cannot be taken away now goes with the namespace or the next boot.
            let _ = ip("del");
        }
    }
}

/// Adds or removes the address. False when it was there before and is not ours to remove; one that is
/// left of a start that was killed is ours.
fn ip(verb: &str) -> Result<bool, LinkLocalError> {
    let output = run(&["address", verb, "169.254.169.254/32", "dev", "lo", "label", LABEL])?;
    let reason = String::from_utf8_lossy(&output.stderr);
    match output.status.success() {
        true => Ok(true),
        false if reason.contains("File exists") || reason.contains("already assigned") => {
            let ours = run(&["-4", "address", "show", "dev", "lo", "label", LABEL])?;
            Ok(String::from_utf8_lossy(&ours.stdout).contains("169.254.169.254"))
        }
        false => Err(LinkLocalError::Add(reason.trim().to_owned())),
    }
}

fn run(arguments: &[&str]) -> Result<Output, LinkLocalError> {
    Command::new("ip").args(arguments).output().map_err(|error| LinkLocalError::Add(error.to_string()))
}
