//! The port in the guest.

use crate::forward::forward;
use crate::places::Places;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Pause after an accept that failed, for want of descriptors for instance.
const PAUSE: Duration = Duration::from_millis(50);
/// Longest time that our own listener takes to accept us.
const SELF: Duration = Duration::from_secs(1);

/// The port, open on 127.0.0.1, and on ::1 where there is one. Dropped, it is closed; connections end with the host's.
pub(crate) struct OpenPort {
    is_closed: Arc<AtomicBool>,
    listeners: Vec<(SocketAddr, JoinHandle<()>)>,
}

impl OpenPort {
    /// Listens, and passes connections on to `host`.
    pub(crate) fn open(port: u16, host: SocketAddr) -> io::Result<Self> {
        let mut opened = vec![TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?];
        match TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port))) {
            Ok(listener) => opened.push(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
            // A guest without IPv6.
            Err(_) => {}
        }
        let is_closed = Arc::new(AtomicBool::new(false));
        let places = Places::at(port);
        let mut listeners = Vec::new();
        for listener in opened {
            let at = listener.local_addr()?;
            let (is_closed, places) = (Arc::clone(&is_closed), Arc::clone(&places));
            let serve = move || accept(&listener, port, host, &is_closed, &places);
            listeners.push((at, std::thread::Builder::new().spawn(serve)?));
        }
        Ok(Self { is_closed, listeners })
    }
}

impl Drop for OpenPort {
    fn drop(&mut self) {
        self.is_closed.store(true, Ordering::Release);
        for (at, thread) in self.listeners.drain(..) {
            // It waits for a connection: this is one.
            let _ = TcpStream::connect_timeout(&at, SELF);
            let _ = thread.join();
        }
    }
}

fn accept(listener: &TcpListener, port: u16, host: SocketAddr, is_closed: &AtomicBool, places: &Arc<Places>) {
    loop {
        let accepted = listener.accept();
        if is_closed.load(Ordering::Acquire) {
            return;
        }
        match accepted {
            Ok((client, peer)) if is_loopback(peer.ip()) => take(client, peer, port, host, places),
            Ok(_) => {}
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}

fn take(client: TcpStream, peer: SocketAddr, port: u16, host: SocketAddr, places: &Arc<Places>) {
    let Some(place) = places.take(client, peer) else { return };
    let pass_on = move || drop(forward(&place.connection, port, host));
    // The place and the connection are dropped where there is no thread for it.
    let _ = std::thread::Builder::new().spawn(pass_on);
}

/// True of an address of this guest's own loopback device, whatever the system routes there.
fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}
