//! The opener itself: in the process that has the privileges.

use crate::text::{binding, check_device, check_key, selects};
use crate::watch::Watch;
use crate::{Gone, Held, OpenError, Opener, Where, capsule, inside, namespace_cookie, netlink::Netlink, place};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Keys under which something is held, at most. Source: ours; a few of each of a thousand workloads.
const KEYS_MAX: usize = 8_192;
/// Lines that are told of what is gone, at most; the oldest gives way. Source: ours; one server has one.
const LINES_MAX: usize = 8;

/// A place that outlives this process: descriptors under names.
pub trait Store: Send + Sync {
    /// Puts one there, in place of the one that has this name.
    ///
    /// # Errors
    /// The system's.
    fn put(&self, name: &str, descriptor: BorrowedFd<'_>) -> io::Result<()>;

    /// Takes one away.
    ///
    /// # Errors
    /// The system's.
    fn remove(&self, name: &str) -> io::Result<()>;
}

/// Outlives nothing: for a process that ends with what it holds.
pub struct Nowhere;

impl Store for Nowhere {
    fn put(&self, _name: &str, _descriptor: BorrowedFd<'_>) -> io::Result<()> {
        Ok(())
    }

    fn remove(&self, _name: &str) -> io::Result<()> {
        Ok(())
    }
}

/// All that is held under a key.
pub(crate) struct Entry {
    /// `None` of sockets that the caller opened.
    pub(crate) at: Option<Where>,
    pub(crate) sockets: Vec<OwnedFd>,
    /// The cookie of their network namespace.
    pub(crate) namespace: u64,
    pub(crate) device: Option<u32>,
    /// Addresses that are there because of this entry.
    pub(crate) added: Vec<IpAddr>,
    pub(crate) note: Option<String>,
    /// A descriptor of the namespace; `None` of the process's own.
    pub(crate) door: Option<OwnedFd>,
    /// The number that all processes in the namespace see of a file in `/proc`; 0 of the process's own.
    pub(crate) mark: u64,
    /// It has been told that it is gone.
    pub(crate) is_gone: bool,
}

/// Opens sockets with the privileges of this process.
pub struct Direct(pub(crate) Arc<Shared>);

/// The state that the opener and its watch have together.
pub(crate) struct Shared {
    state: Mutex<State>,
    store: Box<dyn Store>,
    watch: Watch,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) entries: BTreeMap<String, Entry>,
    pub(crate) lines: Vec<OwnedFd>,
}

impl Direct {
    /// Takes up what a store had kept, and watches from now on.
    ///
    /// # Errors
    /// The system's: there is no thread or socket for it. What cannot be read of the store is left out.
    pub fn start(store: Box<dyn Store>, kept: impl IntoIterator<Item = OwnedFd>) -> io::Result<Self> {
        let entries = kept.into_iter().filter_map(|kept| capsule::open(kept).ok()).collect();
        let state = Mutex::new(State { entries, lines: Vec::new() });
        let shared = Arc::new(Shared { state, store, watch: Watch::new()? });
        Watch::start(&shared)?;
        Ok(Self(shared))
    }
}

impl Shared {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn watch(&self) -> &Watch {
        &self.watch
    }

    fn insert(&self, key: &str, entry: Entry) -> Result<Held, OpenError> {
        let failed = |error: io::Error| OpenError::Failed(format!("cannot keep the sockets of {key}: {error}"));
        let held = entry.held(key).map_err(failed)?;
        let sealed = capsule::seal(key, &entry).map_err(failed)?;
        self.store.put(key, sealed.as_fd()).map_err(failed)?;
        self.state().entries.insert(key.to_owned(), entry);
        self.watch.look_again();
        Ok(held)
    }
}

impl State {
    /// Tells all lines that a key is gone.
    pub(crate) fn tell_gone(&mut self, key: &str) {
        let Some(entry) = self.entries.get_mut(key).filter(|entry| !entry.is_gone) else { return };
        entry.is_gone = true;
        // Whatever gets its device's number, or its place, next reaches nobody by it.
        entry.shut();
        let flags = rustix::net::SendFlags::NOSIGNAL | rustix::net::SendFlags::DONTWAIT;
        self.lines.retain(|line| rustix::net::send(line, key.as_bytes(), flags).is_ok());
    }
}

impl Entry {
    fn held(&self, key: &str) -> io::Result<Held> {
        let sockets = self.sockets.iter().map(OwnedFd::try_clone).collect::<Result<_, _>>()?;
        let (key, note) = (key.to_owned(), self.note.clone());
        Ok(Held { key, sockets, namespace: self.namespace, device: self.device, note })
    }
}

/// The number of a file of `/proc` that is another one in each network namespace, as the calling thread sees it. Every user
/// can ask for that of every process.
fn mark_here() -> u64 {
    std::fs::metadata("/proc/thread-self/net/dev").map_or(0, |file| file.ino())
}

impl Opener for Direct {
    fn open(&self, key: &str, at: &Where, namespace: Option<BorrowedFd<'_>>) -> Result<Held, OpenError> {
        check_key(key)?;
        check_device(at)?;
        let copied = |door: BorrowedFd<'_>| {
            door.try_clone_to_owned().map_err(|error| OpenError::Failed(format!("cannot keep the namespace: {error}")))
        };
        let state = self.0.state();
        let door = match namespace {
            Some(door) => Some(copied(door)?),
            None => {
                let of_binding = |(other, _): &(&String, &Entry)| binding(other) == binding(key);
                let first = state.entries.iter().find(of_binding).and_then(|(_, entry)| entry.door.as_ref());
                first.map(|door| copied(door.as_fd())).transpose()?
            }
        };
        drop(state);
        let door_at = door.as_ref().map(AsFd::as_fd);
        // A socket of no use but for its cookie: two descriptors of one namespace are not equal.
        let cookie = inside(door_at, || {
            let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None);
            let cookie = socket.map_err(io::Error::from).and_then(|socket| namespace_cookie(&socket));
            cookie.map_err(|error| OpenError::Failed(format!("the kernel tells no network namespace apart: {error}")))
        })?;
        let state = self.0.state();
        if let Some(entry) = state.entries.get(key) {
            let is_same = entry.at.as_ref() == Some(at) && entry.namespace == cookie && !entry.is_gone;
            let held = is_same.then(|| entry.held(key)).transpose();
            return held.ok().flatten().ok_or_else(|| OpenError::Held(key.to_owned()));
        }
        let same = |entry: &Entry| entry.namespace == cookie && entry.at.as_ref() == Some(at) && !entry.is_gone;
        if let Some((other, _)) = state.entries.iter().find(|(_, entry)| same(entry)) {
            return Err(OpenError::Held(other.clone()));
        }
        if state.entries.len() >= KEYS_MAX {
            return Err(OpenError::Failed(format!("{KEYS_MAX} sockets are held already; detach some")));
        }
        drop(state);
        let (opened, mark) = inside(door_at, || Ok((place::open(at)?, mark_here())))?;
        let entry = Entry {
            at: Some(at.clone()),
            sockets: opened.sockets,
            namespace: cookie,
            device: Some(opened.device),
            added: opened.added,
            note: opened.note,
            mark: if door.is_some() { mark } else { 0 },
            door,
            is_gone: false,
        };
        self.0.insert(key, entry)
    }

    fn keep(&self, key: &str, sockets: &[BorrowedFd<'_>]) -> Result<(), OpenError> {
        check_key(key)?;
        let copies = sockets.iter().map(|socket| socket.try_clone_to_owned()).collect::<Result<Vec<_>, _>>();
        let copies = copies.map_err(|error| OpenError::Failed(format!("cannot keep the sockets: {error}")))?;
        let namespace = copies.first().and_then(|socket| namespace_cookie(socket).ok()).unwrap_or_default();
        let state = self.0.state();
        if state.entries.get(key).is_some_and(|entry| entry.at.is_some()) {
            return Err(OpenError::Held(key.to_owned()));
        }
        if state.entries.len() >= KEYS_MAX && !state.entries.contains_key(key) {
            return Err(OpenError::Failed(format!("{KEYS_MAX} sockets are held already; detach some")));
        }
        drop(state);
        let entry = Entry {
            at: None,
            sockets: copies,
            namespace,
            device: None,
            added: Vec::new(),
            note: None,
            door: None,
            mark: 0,
            is_gone: false,
        };
        self.0.insert(key, entry).map(drop)
    }

    fn close(&self, key: &str) -> Result<(), OpenError> {
        let keys: Vec<String> = self.0.state().entries.keys().filter(|held| selects(key, held)).cloned().collect();
        for key in keys {
            let mut state = self.0.state();
            let Some(mut entry) = state.entries.remove(&key) else { continue };
            for address in std::mem::take(&mut entry.added) {
                let same = |other: &&mut Entry| {
                    other.namespace == entry.namespace && other.device == entry.device && other.uses(address)
                };
                // The last one that uses an address takes it away.
                match state.entries.values_mut().find(same) {
                    Some(heir) => heir.added.push(address),
                    None => entry.added.push(address),
                }
            }
            drop(state);
            let _ = self.0.store.remove(&key);
            entry.undo()?;
        }
        self.0.watch.look_again();
        Ok(())
    }

    fn held(&self) -> Result<Vec<Held>, OpenError> {
        let state = self.0.state();
        let held = state.entries.iter().filter(|(_, entry)| !entry.is_gone).map(|(key, entry)| entry.held(key));
        held.collect::<Result<_, _>>().map_err(|error| OpenError::Failed(format!("cannot hand over: {error}")))
    }

    fn gone(&self) -> Result<Gone, OpenError> {
        let pair = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None);
        let (ours, theirs) = pair.map_err(|error| OpenError::Failed(format!("no line for news: {error}")))?;
        self.tell(ours);
        Ok(Gone::on(theirs))
    }
}

impl Direct {
    /// Refuses connections from now on, and keeps addresses and ports, until a server listens again on what it is given.
    pub(crate) fn refuse(&self) {
        for socket in self.0.state().entries.values().flat_map(|entry| &entry.sockets) {
            // Without it nobody else can listen there meanwhile. Both fail on no socket that listens.
            let _ = rustix::net::sockopt::set_socket_reuseaddr(socket, false);
            let _ = rustix::net::shutdown(socket, rustix::net::Shutdown::Both);
        }
    }

    /// Tells of what is gone on this line, too.
    pub(crate) fn tell(&self, line: OwnedFd) {
        let mut state = self.0.state();
        if state.lines.len() >= LINES_MAX {
            state.lines.remove(0);
        }
        state.lines.push(line);
        // What was gone before anybody could be told.
        let gone: Vec<String> =
            state.entries.iter().filter(|(_, held)| held.is_gone).map(|(key, _)| key.clone()).collect();
        let flags = rustix::net::SendFlags::NOSIGNAL | rustix::net::SendFlags::DONTWAIT;
        if let Some(line) = state.lines.last() {
            for key in gone {
                let _ = rustix::net::send(line, key.as_bytes(), flags);
            }
        }
    }
}

impl Entry {
    fn uses(&self, address: IpAddr) -> bool {
        match &self.at {
            Some(Where::Metadata { ipv6, .. }) => address.is_ipv4() || ipv6.map(IpAddr::V6) == Some(address),
            Some(Where::Loopback { .. }) | None => false,
        }
    }

    /// Refuses connections for everybody who has its sockets.
    fn shut(&self) {
        for socket in &self.sockets {
            let _ = rustix::net::shutdown(socket, rustix::net::Shutdown::Both);
        }
    }

    /// Closes its sockets for everybody who has them, and takes its addresses away.
    fn undo(&self) -> Result<(), OpenError> {
        self.shut();
        let Some(device) = self.device.filter(|_| !self.added.is_empty()) else { return Ok(()) };
        inside(self.door.as_ref().map(AsFd::as_fd), || {
            let failed = |error| place::failed("take the address away", error);
            let netlink = Netlink::open().map_err(failed)?;
            self.added.iter().try_for_each(|address| netlink.remove(device, *address)).map_err(failed)
        })
    }
}
