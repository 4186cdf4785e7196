//! The way between an agent and its control plane, which a test can close or make silent.

use super::free_port;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The state of the way.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Is {
    /// Everything that is sent arrives.
    Open,
    /// Connections are taken, and nothing that is sent arrives.
    Silent,
    /// Connections are ended.
    Closed,
}

/// A way from one port of the loopback device to another.
pub(crate) struct Way {
    from: u16,
    to: u16,
    state: Arc<AtomicU8>,
    taken: Arc<AtomicUsize>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Way {
    pub(crate) fn open() -> Self {
        let (from, to) = (free_port(), free_port());
        let listener = TcpListener::bind(("127.0.0.1", from)).unwrap();
        let (state, taken, open) = (Arc::new(AtomicU8::new(Is::Open as u8)), Arc::default(), Arc::default());
        let way = Self { from, to, state, taken, open };
        let (state, taken, open) = (Arc::clone(&way.state), Arc::clone(&way.taken), Arc::clone(&way.open));
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                taken.fetch_add(1, Ordering::Relaxed);
                if state.load(Ordering::Relaxed) == Is::Closed as u8 {
                    continue;
                }
                open.lock().unwrap().push(near.try_clone().unwrap());
                if state.load(Ordering::Relaxed) == Is::Silent as u8 {
                    continue;
                }
                let Ok(far) = TcpStream::connect(("127.0.0.1", to)) else { continue };
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (from, to, state) = (from.try_clone().unwrap(), to.try_clone().unwrap(), Arc::clone(&state));
                    std::thread::spawn(move || pass(from, to, &state));
                }
            }
        });
        way
    }

    /// The options of an `up` whose agent takes this way.
    pub(crate) fn options(&self) -> [String; 4] {
        let at = |port: u16| format!("127.0.0.1:{port}");
        ["--hosts-listen".to_owned(), at(self.to), "--hosts-connect".to_owned(), at(self.from)]
    }

    pub(crate) fn set(&self, to: Is) {
        self.state.store(to as u8, Ordering::Relaxed);
        if to != Is::Silent {
            for connection in self.open.lock().unwrap().drain(..) {
                let _ = connection.shutdown(Shutdown::Both);
            }
        }
    }

    /// Opens a silent way: all that was sent meanwhile arrives, on the connections of before.
    pub(crate) fn go_on(&self) {
        self.state.store(Is::Open as u8, Ordering::Relaxed);
    }

    /// The connections that were begun so far.
    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, state: &AtomicU8) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        // Nothing arrives while the way is silent.
        while state.load(Ordering::Relaxed) == Is::Silent as u8 {
            std::thread::sleep(Duration::from_millis(10));
        }
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
