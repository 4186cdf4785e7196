//! The connections that are passed on: how many there are, of whom, and which one gives way to a new one. None of the users of
//! this machine can keep the others from the port.

use crate::connection::{Connection, Pace};
use crate::users::users_at;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Connections that are passed on at once. Source: ours; each has two threads.
pub(crate) const CONNECTIONS_MAX: usize = 256;
/// Those that one user keeps in any case. Source: ours.
const CONNECTIONS_SHARE: usize = CONNECTIONS_MAX / 4;
/// Time in which a client that has connected sends something; before it is over it does not count as idle. Source: ours.
pub(crate) const FIRST_REQUEST: Duration = Duration::from_millis(500);
/// Connections with those that have given way and have not ended yet, because the host is being connected to.
const ALIVE_MAX: usize = 2 * CONNECTIONS_MAX;
/// Time between two looks at whose connections there are. Source: ours.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The part of the time that looks may take, as a divisor: with thousands of sockets one takes many milliseconds. Source: ours.
const LOOK_PART: u32 = 20;

/// The connections at one port.
pub(crate) struct Places {
    port: u16,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    next: u64,
    open: HashMap<u64, Open>,
    alive: usize,
    look_at: Option<Instant>,
}

struct Open {
    connection: Arc<Connection>,
    /// `None` while it is not known: nobody had to give way since it came, or the system does not tell.
    user: Option<u32>,
}

/// The place of one connection, given back when it is dropped, after a panic too.
pub(crate) struct Place {
    places: Arc<Places>,
    id: u64,
    pub(crate) connection: Arc<Connection>,
}

impl Places {
    /// None yet, at this port.
    pub(crate) fn at(port: u16) -> Arc<Self> {
        Arc::new(Self { port, table: Mutex::default() })
    }

    /// A place for one more. Where there is none, another one gives way: of the user who has the most that which has been idle
    /// for longest or, where that user has more than a share, the oldest request that has not been answered. `None` where nobody
    /// can.
    pub(crate) fn take(self: &Arc<Self>, client: TcpStream, peer: SocketAddr) -> Option<Place> {
        let mut table = self.table();
        if table.alive >= ALIVE_MAX {
            return None;
        }
        if table.open.len() >= CONNECTIONS_MAX {
            table.look_at_users(self.port);
            let id = table.gives_way()?;
            if let Some(Open { connection, .. }) = table.open.remove(&id) {
                connection.end();
            }
        }
        let connection = Arc::new(Connection::begin(client, peer));
        table.next += 1;
        table.alive += 1;
        let id = table.next;
        table.open.insert(id, Open { connection: Arc::clone(&connection), user: None });
        Some(Place { places: Arc::clone(self), id, connection })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.places.table();
        table.open.remove(&self.id);
        table.alive -= 1;
    }
}

impl Table {
    /// Learns whose those are of which it is not known.
    fn look_at_users(&mut self, port: u16) {
        let began = Instant::now();
        if self.look_at.is_some_and(|at| began < at) {
            return;
        }
        let users = users_at(port);
        self.look_at = Some(began + LOOK_EVERY.max(began.elapsed() * LOOK_PART));
        for open in self.open.values_mut().filter(|open| open.user.is_none()) {
            open.user = users.get(&open.connection.peer).copied();
        }
    }

    fn gives_way(&self) -> Option<u64> {
        let mut counts = HashMap::<Option<u32>, usize>::new();
        self.open.values().for_each(|open| *counts.entry(open.user).or_default() += 1);
        let candidates = self.open.iter().filter_map(|(id, open)| {
            let count = counts.get(&open.user).copied().unwrap_or_default();
            let (is_busy, since) = match open.connection.pace() {
                Pace::IdleSince(since) => (false, since),
                Pace::BegunAt(since) => (since.elapsed() < FIRST_REQUEST, since),
                Pace::AskedAt(since) => (true, since),
            };
            (!is_busy || count > CONNECTIONS_SHARE).then_some((Reverse(count), is_busy, since, *id))
        });
        candidates.min().map(|(.., id)| id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener};

    #[test]
    fn ov_08_a_place_comes_back_however_its_connection_ends() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let at = listener.local_addr().unwrap();
        let places = Places::at(at.port());
        let take = || places.take(TcpStream::connect(at).unwrap(), at);
        let taken: Vec<_> = (0..4).map(|_| take().unwrap()).collect();
        let ended = std::thread::spawn(move || {
            let _taken = taken;
            panic!("the test says so");
        });
        assert!(ended.join().is_err());
        let table = places.table();
        assert_eq!((table.open.len(), table.alive), (0, 0));
    }
}
