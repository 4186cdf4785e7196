//! The port in the guest.

use crate::forward::{end, forward};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Connections that are passed on at once; further ones are closed. Source: ours; each has two threads.
pub(crate) const CONNECTIONS_MAX: usize = 256;
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
        let count = Arc::new(AtomicUsize::new(0));
        let mut listeners = Vec::new();
        for listener in opened {
            let at = listener.local_addr()?;
            let (is_closed, count) = (Arc::clone(&is_closed), Arc::clone(&count));
            let serve = move || accept(&listener, port, host, &is_closed, &count);
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

fn accept(listener: &TcpListener, port: u16, host: SocketAddr, is_closed: &AtomicBool, count: &Arc<AtomicUsize>) {
    loop {
        let accepted = listener.accept();
        if is_closed.load(Ordering::Acquire) {
            return;
        }
        match accepted {
            Ok((client, peer)) if is_loopback(peer.ip()) => take(client, peer, port, host, count),
            Ok(_) => {}
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}

fn take(client: TcpStream, peer: SocketAddr, port: u16, host: SocketAddr, count: &Arc<AtomicUsize>) {
    let Some(place) = Place::take(count) else { return end(&client) };
    let pass_on = move || {
        let _place = place;
        let _ = forward(&client, peer, port, host);
    };
    // Both are dropped where there is no thread for it.
    let _ = std::thread::Builder::new().spawn(pass_on);
}

/// The place of one connection among those that are passed on at once, given back when it is dropped, after a panic too.
pub(crate) struct Place(Arc<AtomicUsize>);

impl Place {
    pub(crate) fn take(count: &Arc<AtomicUsize>) -> Option<Self> {
        let place = Self(Arc::clone(count));
        (count.fetch_add(1, Ordering::Relaxed) < CONNECTIONS_MAX).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// True of an address of this guest's own loopback device, whatever the system routes there.
fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}
