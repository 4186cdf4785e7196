//! Notices that a device was deleted, or that nobody uses a network namespace any more.

use crate::inside;
use crate::netlink::Netlink;
use crate::place::{self, failed};
use crate::state::{Entry, Shared};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvFlags, recv};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// Interval at which the users of namespaces are looked for. Source: ours; it costs about three microseconds for each process of
/// the machine.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Watches from a thread of its own, as long as the opener is there.
pub(crate) fn start(shared: &Arc<Shared>) -> io::Result<()> {
    let (weak, woken) = (Arc::downgrade(shared), shared.waker.woken.try_clone()?);
    std::thread::Builder::new().name("watch".to_owned()).spawn(move || run(&weak, &woken)).map(drop)
}

fn run(shared: &Weak<Shared>, woken: &OwnedFd) {
    let (mut monitors, mut users) = (BTreeMap::new(), Users::default());
    let mut looked_at = Instant::now();
    loop {
        let Some(opener) = shared.upgrade() else { return };
        monitor(&opener, &mut monitors);
        let has_doors = opener.state().entries.values().any(|entry| entry.door.is_some() && !entry.is_gone);
        drop(opener);
        let mut waits: Vec<PollFd<'_>> = vec![PollFd::new(woken, PollFlags::IN)];
        waits.extend(
            monitors.values().map(|monitor: &Netlink| PollFd::from_borrowed_fd(monitor.as_fd(), PollFlags::IN)),
        );
        let left = LOOK_EVERY.saturating_sub(looked_at.elapsed());
        let within = Timespec::try_from(left).ok().filter(|_| has_doors);
        let _ = poll(&mut waits, within.as_ref());
        while recv(woken, &mut [0; 8], RecvFlags::DONTWAIT).is_ok_and(|(bytes, _)| bytes > 0) {}
        let Some(opener) = shared.upgrade() else { return };
        for (namespace, monitor) in &monitors {
            tell_deleted(&opener, *namespace, monitor);
        }
        if has_doors && looked_at.elapsed() >= LOOK_EVERY {
            looked_at = Instant::now();
            users.look(&opener);
        }
    }
}

/// Has one monitor for each namespace in which there is a device to watch; loopback devices stay as long as their namespace.
fn monitor(shared: &Shared, monitors: &mut BTreeMap<u64, Netlink>) {
    let state = shared.state();
    let watched = |entry: &&Entry| entry.is_on_device() && !entry.is_gone;
    let namespaces: BTreeSet<u64> = state.entries.values().filter(watched).map(|entry| entry.namespace).collect();
    monitors.retain(|namespace, _| namespaces.contains(namespace));
    let mut new = Vec::new();
    for namespace in namespaces.into_iter().filter(|namespace| !monitors.contains_key(namespace)) {
        let entry = state.entries.values().find(|entry| entry.namespace == namespace);
        let door = entry.and_then(|entry| entry.door.as_ref()).and_then(|door| door.try_clone().ok());
        let open = || Netlink::watching().map_err(|error| failed("watch network devices", error));
        if let Ok(monitor) = inside(door.as_ref().map(AsFd::as_fd), open) {
            new.push((namespace, monitor));
        }
    }
    drop(state);
    for (namespace, monitor) in new {
        // Those that went before there was one.
        tell_missing(shared, namespace);
        monitors.insert(namespace, monitor);
    }
}

fn tell_deleted(shared: &Shared, namespace: u64, monitor: &Netlink) {
    let Ok(deleted) = monitor.deleted() else { return tell_missing(shared, namespace) };
    if !deleted.is_empty() {
        tell(shared, |entry| {
            entry.namespace == namespace && entry.device.is_some_and(|device| deleted.contains(&device))
        });
    }
}

/// Asks for every device of a namespace: whether it is there, and the one that was opened.
fn tell_missing(shared: &Shared, namespace: u64) {
    let state = shared.state();
    let here = |entry: &&Entry| entry.namespace == namespace && entry.is_on_device();
    let device = |entry: &Entry| entry.device.map(|device| (device, entry.device_mark));
    let devices: BTreeSet<(u32, Option<u32>)> = state.entries.values().filter(here).filter_map(device).collect();
    let entry = state.entries.values().find(|entry| entry.namespace == namespace);
    let door = entry.and_then(|entry| entry.door.as_ref()).and_then(|door| door.try_clone().ok());
    drop(state);
    let missing = inside(door.as_ref().map(AsFd::as_fd), || {
        let netlink = Netlink::open().map_err(|error| failed("ask for network devices", error))?;
        let is_there = |device, mark: Option<u32>| {
            netlink.has(device) && (mark.is_none() || place::mark_of(&netlink, device) == mark)
        };
        Ok(devices.into_iter().filter(|(device, mark)| !is_there(*device, *mark)).collect::<Vec<_>>())
    });
    let missing = missing.unwrap_or_default();
    tell(shared, |entry| {
        here(&entry) && entry.device.is_some_and(|device| missing.contains(&(device, entry.device_mark)))
    });
}

fn tell(shared: &Shared, is_gone: impl Fn(&Entry) -> bool) {
    let mut state = shared.state();
    let gone: Vec<String> =
        state.entries.iter().filter(|(_, entry)| is_gone(entry)).map(|(key, _)| key.clone()).collect();
    gone.iter().for_each(|key| state.tell_gone(key));
}

impl Entry {
    /// True of one on a device that can be deleted without its namespace.
    pub(crate) fn is_on_device(&self) -> bool {
        matches!(&self.at, Some(crate::Where::Metadata { device: Some(_), .. }))
    }
}

/// The namespaces that somebody else than the opener was seen to use. The sockets that are held keep a namespace alive, so
/// that its end is never told: it is gone when no process is in it and no file leads there any more.
#[derive(Default)]
struct Users {
    /// Those that were seen to be used, and how often they were not since.
    missed: BTreeMap<u64, u32>,
}

/// Looks in a row that find nobody until a namespace is taken to be gone. Source: ours; a start that moves a process in may
/// be under way at one.
const MISSED_MAX: u32 = 2;

impl Users {
    fn look(&mut self, shared: &Shared) {
        let (marks, files) = (marks_of_processes(), namespaces_of_mounts());
        let mut used = BTreeMap::new();
        for entry in shared.state().entries.values() {
            if let Some(door) = &entry.door {
                let file = rustix::fs::fstat(door).map_or(0, |stat| stat.st_ino);
                used.insert(entry.namespace, marks.contains(&entry.mark) || files.contains(&file));
            }
        }
        self.missed.retain(|namespace, _| used.contains_key(namespace));
        for (namespace, is_used) in used {
            match (self.missed.get_mut(&namespace), is_used) {
                (_, true) => drop(self.missed.insert(namespace, 0)),
                (Some(missed), false) => *missed += 1,
                // Of one that nobody was seen in, nothing is known.
                (None, false) => {}
            }
        }
        let gone = |namespace| self.missed.get(&namespace).is_some_and(|missed| *missed >= MISSED_MAX);
        tell(shared, |entry| entry.door.is_some() && gone(entry.namespace));
    }
}

/// See `direct::mark_here`: of all processes.
fn marks_of_processes() -> BTreeSet<u64> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let is_process = |name: &std::ffi::OsStr| name.as_encoded_bytes().iter().all(u8::is_ascii_digit);
    let processes = processes.filter(|process| is_process(&process.file_name()));
    processes.filter_map(|process| Some(std::fs::metadata(process.path().join("net/dev")).ok()?.ino())).collect()
}

/// The numbers of namespaces that a file leads to, such as those that `ip netns add` makes.
fn namespaces_of_mounts() -> BTreeSet<u64> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let number = |row: &str| row.split(' ').nth(3)?.strip_prefix("net:[")?.strip_suffix(']')?.parse().ok();
    mounts.lines().filter_map(number).collect()
}
