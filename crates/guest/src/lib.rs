//! The forwarder for a guest with a kernel of its own: it listens on the port of the extension for managed identities, on the
//! loopback addresses of the guest alone, and passes each connection on to the host. It holds no credential and knows no
//! token; who can speak to it can speak to the host (docs/wire/vm-extension.md, "A guest with a kernel of its own").
//!
//! No TLS, no cryptography, nothing but the standard library: it is built for Linux and Windows.

#![allow(clippy::disallowed_methods, reason = "it owns sockets and time")]
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod ask;
mod connection;
mod forward;
mod places;
mod port;
#[cfg(test)]
mod tests;
mod users;

use ask::Wanted;
use port::OpenPort;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Time between two questions to the host, and two signs of life. The host waits for a sign for 4 s. Source: ours.
const EVERY: Duration = Duration::from_secs(1);

/// The place of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Host {
    /// The metadata address.
    pub address: IpAddr,
    /// Its port, at which the host says which extension there is.
    pub port: u16,
}

impl Default for Host {
    fn default() -> Self {
        Self { address: Ipv4Addr::new(169, 254, 169, 254).into(), port: 80 }
    }
}

/// Forwards for as long as the process runs. `say` is told what changes, a line each.
pub fn run(host: Host, say: &mut dyn FnMut(&str)) -> ! {
    let mut state = State::new(host);
    loop {
        if let Some(line) = state.look() {
            say(&line);
        }
        std::thread::sleep(EVERY);
    }
}

/// The forwarder between two looks.
struct State {
    host: Host,
    open: Option<(Wanted, OpenPort)>,
    said: String,
}

impl State {
    fn new(host: Host) -> Self {
        Self { host, open: None, said: String::new() }
    }

    /// Learns what is wanted, does it, and tells the host. Returns a line where it is news.
    fn look(&mut self) -> Option<String> {
        let line = match ask::wanted(self.host) {
            Ok(wanted) => self.follow(wanted),
            // An open port stays open: the host may be back before the next request.
            Err(error) => format!("no word of an extension from the host at {}: {error}", self.host.address),
        };
        (self.said != line).then(|| {
            self.said.clone_from(&line);
            line
        })
    }

    fn follow(&mut self, wanted: Option<Wanted>) -> String {
        if self.open.as_ref().map(|(open, _)| open) != wanted.as_ref() {
            self.open = None;
        }
        let Some(wanted) = wanted else { return "this machine has no extension; waiting for one".to_owned() };
        let at = SocketAddr::from((self.host.address, wanted.port));
        if self.open.is_none() {
            match OpenPort::open(wanted.port, at) {
                Ok(port) => self.open = Some((wanted.clone(), port)),
                Err(error) => {
                    // It is told over the host's own port, for ours is another's.
                    let _ = ask::tell(at, &wanted, ask::PORT_TAKEN);
                    return format!("cannot listen on port {}: {error}", wanted.port);
                }
            }
        }
        match ask::tell(SocketAddr::from((Ipv4Addr::LOCALHOST, wanted.port)), &wanted, ask::ANSWERS) {
            Ok(()) => format!("http://localhost:{}/oauth2/token answers", wanted.port),
            Err(error) => format!("port {} is open, and the host does not take that up: {error}", wanted.port),
        }
    }
}
