//! The agent's files for the time without a control plane: the workloads that are to run here and their tokens, sealed, in
//! files. Each function may wait for the disk, and none is called while a request waits.
//!
//! - `agent/kept/desired`: all workloads and identities. A file of tokens counts only beside it.
//! - `agent/kept/tokens/{workload}`: the tokens of one workload, bound to the version that `desired` names.
//! - `agent.seen`: the newest version of `desired` that there was, and the last moment on record.

mod record;

use crate::files::HostFiles;
use bonafide_crypto::{Kek, random};
use bonafide_files::{io, open_folder, read_of_system};
use bonafide_http::{Event, Log, clock};
use bonafide_metadata::{KeptAt, KeptToken};
use bonafide_types::ResourceUuid;
use bonafide_wire::hosts::Workload;
use record::{Binder, DesiredFile, Row, SeenFile, TokensFile};
pub(crate) use record::{Facts, RefusedFile};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use uuid::Uuid;

/// Size of all files of tokens together, in bytes; tokens beyond are not kept. Source: ours; 1,000 workloads with 40 tokens each.
const TOKENS_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The files, and what is in them.
pub(crate) struct Kept {
    files: HostFiles,
    kek: Kek,
    log: Arc<Log>,
    machine: String,
    boot: String,
    disk: Mutex<Disk>,
    /// True while nothing may be kept: the host is frozen or disabled.
    is_off: AtomicBool,
    due: Mutex<BTreeSet<ResourceUuid>>,
    /// Told when a workload becomes due.
    pub(crate) wake: Notify,
}

/// The files as they are on the disk.
#[derive(Default)]
struct Disk {
    /// The newest version of `desired` that there was.
    generation: u64,
    /// `None` where there is no file, or none that counts.
    desired: Option<DesiredFile>,
    sizes: HashMap<ResourceUuid, u64>,
}

/// The content of the files that count.
pub(crate) struct Found {
    pub(crate) facts: Facts,
    pub(crate) workloads: Vec<Workload>,
    pub(crate) tokens: Vec<(ResourceUuid, KeptAt, Vec<KeptToken>)>,
    pub(crate) seen: KeptAt,
}

impl Kept {
    pub(crate) fn new(files: HostFiles, kek: Kek, log: Arc<Log>) -> Self {
        let told = |path: &str| {
            let text = read_of_system(Path::new(path)).unwrap_or_default();
            String::from_utf8_lossy(&text).trim().to_owned()
        };
        let (machine, boot) = (told("/etc/machine-id"), told("/proc/sys/kernel/random/boot_id"));
        let (disk, is_off, due, wake) = (Mutex::default(), AtomicBool::new(false), Mutex::default(), Notify::new());
        Self { files, kek, log, machine, boot, disk, is_off, due, wake }
    }

    /// This moment, for the record.
    pub(crate) fn present(&self) -> KeptAt {
        KeptAt::new(&self.boot, clock::now(), clock::since_boot())
    }

    /// Reads all that was kept. A file that is damaged, foreign or older than it should be is not taken, and the log says so.
    pub(crate) fn read(&self) -> Option<Found> {
        let mut disk = self.disk();
        let seen = self.taken("agent.seen", self.of_seen().read::<SeenFile>(&self.files.seen())).flatten();
        let newest = seen.as_ref().map_or(0, |seen| seen.generation);
        let desired = self.of_desired().read::<DesiredFile>(&self.files.desired());
        let there = desired.as_ref().map_or(0, |file| file.as_ref().map_or(0, |file| file.generation));
        let desired = desired.and_then(|file| match file {
            // Without the record, which is there before the first version, nobody can tell how old one is.
            Some(file) if seen.is_none() || file.generation < newest => Err(RefusedFile::Older),
            other => Ok(other),
        });
        let desired = self.taken("agent/kept/desired", desired).flatten();
        // The next one is newer than one that was refused, too.
        disk.generation = there.max(newest);
        self.remove_strays(desired.as_ref());
        let desired = desired?;
        let mut tokens = Vec::new();
        for (id, row) in &desired.rows {
            let path = self.files.kept_tokens_of(*id);
            match self
                .taken(&format!("agent/kept/tokens/{id}"), self.of_tokens(*id, row.tokens).read::<TokensFile>(&path))
            {
                Some(Some(file)) => {
                    disk.sizes.insert(*id, std::fs::metadata(&path).map_or(0, |found| found.len()));
                    tokens.push((*id, file.written, file.tokens));
                }
                Some(None) => {}
                None => drop(std::fs::remove_file(&path)),
            }
        }
        let workloads = desired.rows.values().map(|row| row.workload.clone()).collect();
        let seen = seen.map_or_else(|| self.present(), |seen| seen.at);
        let facts = desired.facts.clone();
        disk.desired = Some(desired);
        Some(Found { facts, workloads, tokens, seen })
    }

    /// A file that may be taken; the log says why one may not.
    fn taken<T>(&self, name: &str, read: Result<T, RefusedFile>) -> Option<T> {
        read.map_err(|why| self.log.event(&Event::named("keptFileRefused").with("file", name).apart(name), &why)).ok()
    }

    /// Removes the tokens of workloads that are not here, which a crash may have left.
    fn remove_strays(&self, desired: Option<&DesiredFile>) {
        let Ok(files) = std::fs::read_dir(self.files.kept_tokens()) else { return };
        for file in files.flatten() {
            let id = file.file_name().to_str().and_then(|name| name.parse::<ResourceUuid>().ok());
            if id.is_none_or(|id| !desired.is_some_and(|desired| desired.rows.contains_key(&id))) {
                let _ = std::fs::remove_file(file.path());
            }
        }
    }

    /// True where the disk has an identity that is in none of these workloads: before the change is told to have been taken
    /// over it must be on the disk, too.
    pub(crate) fn has_more_than(&self, workloads: &[Workload]) -> bool {
        let by_id: HashMap<_, _> = workloads.iter().map(|workload| (workload.id, workload)).collect();
        self.disk().desired.as_ref().is_some_and(|desired| {
            desired.rows.iter().any(|(id, row)| by_id.get(id).is_none_or(|now| loses_some(&row.workload, now)))
        })
    }

    /// Keeps the workloads that are here now. Where that fails nothing is kept of before either, so that nothing that was
    /// taken away can come back.
    ///
    /// # Errors
    /// The disk has what it had before: it takes no change at all.
    pub(crate) fn keep_desired(
        &self,
        facts: Facts,
        workloads: impl FnOnce() -> Vec<Workload>,
    ) -> Result<(), RefusedFile> {
        let mut disk = self.disk();
        if self.is_off.load(Ordering::Acquire) {
            return Ok(());
        }
        let before = disk.desired.take();
        let kept = before.as_ref().filter(|before| before.facts == facts);
        let mut rows = BTreeMap::new();
        for workload in workloads() {
            let known = kept.and_then(|kept| kept.rows.get(&workload.id));
            let known = known.filter(|row| !loses_some(&row.workload, &workload));
            let tokens = known.map_or_else(random::uuid, |row| row.tokens);
            rows.insert(workload.id, Row { workload, tokens });
        }
        if kept.is_some_and(|kept| kept.rows == rows) {
            disk.desired = before;
            return Ok(());
        }
        let still_opens = |id: &ResourceUuid| match (rows.get(id), kept.and_then(|kept| kept.rows.get(id))) {
            (Some(now), Some(before)) => now.tokens == before.tokens,
            (Some(_) | None, _) => false,
        };
        let gone: Vec<_> = disk.sizes.keys().copied().filter(|id| !still_opens(id)).collect();
        for id in gone {
            let _ = std::fs::remove_file(self.files.kept_tokens_of(id));
            disk.sizes.remove(&id);
            if rows.contains_key(&id) {
                self.touch(id);
            }
        }
        if disk.generation == 0 {
            self.keep_seen(&disk);
        }
        disk.generation += 1;
        let file = DesiredFile { generation: disk.generation, facts, rows };
        match self.of_desired().write(&self.files.desired(), &file) {
            Ok(_) => {
                disk.desired = Some(file);
                self.keep_seen(&disk);
                Ok(())
            }
            Err(why) => {
                self.log.event(&Event::named("stateNotKept").with("file", "agent/kept/desired"), &why);
                self.remove_desired().map_err(|error| {
                    disk.desired = before;
                    io(&self.files.desired(), error).into()
                })
            }
        }
    }

    /// Keeps the tokens of a workload: the bytes that were written.
    pub(crate) fn keep_tokens(
        &self,
        id: ResourceUuid,
        tokens: impl FnOnce() -> Vec<KeptToken>,
    ) -> Result<u64, RefusedFile> {
        let mut disk = self.disk();
        let path = self.files.kept_tokens_of(id);
        let version = disk.desired.as_ref().and_then(|desired| desired.rows.get(&id)).map(|row| row.tokens);
        let tokens = tokens();
        let others: u64 = disk.sizes.iter().filter(|(other, _)| **other != id).map(|(_, size)| size).sum();
        let (Some(version), false) = (version.filter(|_| !self.is_off.load(Ordering::Acquire)), tokens.is_empty())
        else {
            disk.sizes.remove(&id);
            let _ = std::fs::remove_file(&path);
            return Ok(0);
        };
        let file = TokensFile { written: self.present(), tokens };
        if others > TOKENS_BYTES_MAX {
            return Ok(0);
        }
        let size = self.of_tokens(id, version).write(&path, &file)?;
        disk.sizes.insert(id, size);
        Ok(size)
    }

    /// Puts this moment on record, where there are tokens whose life it bounds.
    pub(crate) fn keep_moment(&self) {
        let disk = self.disk();
        if !disk.sizes.is_empty() {
            self.keep_seen(&disk);
        }
    }

    /// Forgets everything, and keeps nothing until [`Kept::turn_on`].
    pub(crate) fn turn_off(&self) {
        if self.is_off.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut disk = self.disk();
        disk.generation += 1;
        disk.desired = None;
        disk.sizes.clear();
        if let Err(error) = self.remove_desired() {
            self.log.event(&Event::named("stateNotKept").with("file", "agent/kept/desired"), &error);
        }
        self.remove_strays(None);
        self.keep_seen(&disk);
    }

    /// Keeps again. True where it did not.
    pub(crate) fn turn_on(&self) -> bool {
        self.is_off.swap(false, Ordering::AcqRel)
    }

    /// The facts under which the files were written.
    pub(crate) fn facts(&self) -> Option<Facts> {
        self.disk().desired.as_ref().map(|desired| desired.facts.clone())
    }

    /// The tokens of a workload have changed.
    pub(crate) fn touch(&self, id: ResourceUuid) {
        self.due().insert(id);
        self.wake.notify_one();
    }

    /// The next workloads whose tokens are to be kept, so many at most.
    pub(crate) fn take_due(&self, count_max: usize) -> Vec<ResourceUuid> {
        let mut due = self.due();
        let next: Vec<_> = due.iter().take(count_max).copied().collect();
        for id in &next {
            due.remove(id);
        }
        next
    }

    fn keep_seen(&self, disk: &Disk) {
        let file = SeenFile { generation: disk.generation, at: self.present() };
        if let Err(why) = self.of_seen().write(&self.files.seen(), &file) {
            self.log.event(&Event::named("stateNotKept").with("file", "agent.seen"), &why);
        }
    }

    fn remove_desired(&self) -> std::io::Result<()> {
        match std::fs::remove_file(self.files.desired()) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(()) => open_folder(&self.files.kept()).and_then(|folder| folder.sync_all()),
        }
    }

    fn of_desired(&self) -> Binder<'_> {
        self.binder("agent-desired", String::new(), String::new())
    }

    fn of_seen(&self) -> Binder<'_> {
        self.binder("agent-seen", String::new(), String::new())
    }

    fn of_tokens(&self, id: ResourceUuid, version: Uuid) -> Binder<'_> {
        self.binder("agent-tokens", id.to_string(), version.to_string())
    }

    fn binder(&self, purpose: &'static str, name: String, version: String) -> Binder<'_> {
        Binder { kek: &self.kek, machine: &self.machine, purpose, name, version }
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn due(&self) -> MutexGuard<'_, BTreeSet<ResourceUuid>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// True where a workload has no longer an identity that it had.
fn loses_some(before: &Workload, now: &Workload) -> bool {
    let has = |principal, client| {
        now.identities.iter().any(|identity| identity.principal_id == principal && identity.client_id == client)
    };
    before.tenant_id != now.tenant_id
        || before.identities.iter().any(|identity| !has(identity.principal_id, identity.client_id))
}

#[cfg(test)]
mod tests;
