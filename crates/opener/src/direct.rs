//! The opener itself: in the process that has the privileges.

use crate::state::{Entry, Shared, State, Store, Waker};
use crate::text::{binding, check_device, check_key, selects};
use crate::watch;
use crate::{Gone, Held, OpenError, Opener, Where, capsule, inside, namespace_cookie, netlink::Netlink, place};
use rustix::net::sockopt::socket_type;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex};

/// Keys under which something is held, at most. Source: ours; a few of each of a thousand workloads.
const KEYS_MAX: usize = 8_192;
/// Lines that are told of what is gone, at most; the oldest gives way. Source: ours; one server has one.
const LINES_MAX: usize = 8;

/// Opens sockets with the privileges of this process.
pub struct Direct(pub(crate) Arc<Shared>);

impl Direct {
    /// Takes up what a store had kept, and watches from now on.
    ///
    /// # Errors
    /// The system's: there is no thread or socket for it. What cannot be read of the store is left out.
    pub fn start(store: Box<dyn Store>, kept: impl IntoIterator<Item = OwnedFd>) -> io::Result<Self> {
        let entries = kept.into_iter().filter_map(|kept| capsule::open(kept).ok()).collect();
        let state = Mutex::new(State { entries, lines: Vec::new() });
        let shared = Arc::new(Shared { state, store, waker: Waker::new()? });
        watch::start(&shared)?;
        Ok(Self(shared))
    }
}

/// The number of a file of `/proc` that is another one in each network namespace, as the calling thread sees it. Every user
/// can ask for that of every process.
fn mark_here() -> u64 {
    std::fs::metadata("/proc/thread-self/net/dev").map_or(0, |file| file.ino())
}

impl Shared {
    fn insert(&self, key: &str, entry: Entry) -> Result<Held, OpenError> {
        let failed = |error: io::Error| OpenError::Failed(format!("cannot keep the sockets of {key}: {error}"));
        let held = entry.held(key).map_err(failed)?;
        let sealed = capsule::seal(key, &entry).map_err(failed)?;
        self.store.put(key, sealed.as_fd()).map_err(failed)?;
        self.state().entries.insert(key.to_owned(), entry);
        self.waker.look_again();
        Ok(held)
    }
}

/// Closes the sockets of an entry for everybody who has them, and takes its addresses away.
fn undo(entry: &Entry) -> Result<(), OpenError> {
    entry.shut();
    let Some(device) = entry.device.filter(|_| !entry.added.is_empty()) else { return Ok(()) };
    inside(entry.door.as_ref().map(AsFd::as_fd), || {
        let failed = |error| place::failed("take the address away", error);
        let netlink = Netlink::open().map_err(failed)?;
        if entry.device_mark.is_some() && place::mark_of(&netlink, device) != entry.device_mark {
            // Another device has its number, and somebody else's addresses.
            return Ok(());
        }
        entry.added.iter().try_for_each(|address| netlink.remove(device, *address)).map_err(failed)
    })
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
            device_mark: opened.device_mark,
            lookup: opened.lookup,
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
        if sockets.iter().any(|socket| socket_type(socket).is_err()) {
            return Err(OpenError::Failed("what is to be kept is no socket".to_owned()));
        }
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
            device_mark: None,
            lookup: None,
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
            undo(&entry)?;
        }
        self.0.waker.look_again();
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
    /// The keys under which something is held that is not gone.
    pub(crate) fn keys(&self) -> Vec<String> {
        let state = self.0.state();
        state.entries.iter().filter(|(_, entry)| !entry.is_gone).map(|(key, _)| key.clone()).collect()
    }

    /// All that is held under one; `None` where that is nothing any more.
    pub(crate) fn held_under(&self, key: &str) -> Option<io::Result<Held>> {
        self.0.state().entries.get(key).filter(|entry| !entry.is_gone).map(|entry| entry.held(key))
    }

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
        // Of some nobody could be told before.
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
