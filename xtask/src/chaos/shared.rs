//! All that the threads of a run share.

use super::excuse::{Excuse, Present};
use super::keys::Cloud;
use super::model::{Model, Wrong};
use super::preload::Clock;
use super::tally::Tally;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// All that the threads of a run share.
pub(super) struct Shared {
    model: Mutex<Model>,
    tally: Mutex<Tally>,
    /// Held for reading by a writer during a write; whoever reads back holds it for writing.
    gate: RwLock<()>,
    excuse: Present,
    /// The number of the process under test, of all that were started.
    life: AtomicU64,
    /// Its process number.
    process: AtomicU32,
    over: AtomicBool,
    /// The log of the process under test is not read.
    log_unread: AtomicBool,
    cloud: RwLock<Option<Arc<Cloud>>>,
    /// The folder of all files of the run.
    pub(super) folder: PathBuf,
    pub(super) clock: Clock,
}

impl Shared {
    pub(super) fn new(folder: PathBuf, clock: Clock) -> Self {
        Self {
            model: Mutex::new(Model::new()),
            tally: Mutex::default(),
            gate: RwLock::default(),
            excuse: Present::new(),
            life: AtomicU64::new(0),
            process: AtomicU32::new(0),
            over: AtomicBool::new(false),
            log_unread: AtomicBool::new(false),
            cloud: RwLock::default(),
            folder,
            clock,
        }
    }

    pub(super) fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The right to write, for one write.
    pub(super) fn writing(&self) -> RwLockReadGuard<'_, ()> {
        self.gate.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody writes while this is held.
    pub(super) fn nobody_writes(&self) -> RwLockWriteGuard<'_, ()> {
        self.gate.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn excuse(&self) -> &Present {
        &self.excuse
    }

    pub(super) fn set_excuse(&self, excuse: Excuse) {
        self.excuse.set(excuse);
    }

    pub(super) fn life(&self) -> u64 {
        self.life.load(Ordering::SeqCst)
    }

    /// Another process is about to start: its number.
    pub(super) fn next_life(&self) -> u64 {
        self.life.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// The number of the process that was started last.
    pub(super) fn process(&self) -> u32 {
        self.process.load(Ordering::SeqCst)
    }

    pub(super) fn set_process(&self, process: u32) {
        self.process.store(process, Ordering::SeqCst);
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    pub(super) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    pub(super) fn log_is_unread(&self) -> bool {
        self.log_unread.load(Ordering::SeqCst)
    }

    pub(super) fn leave_log_unread(&self, unread: bool) {
        self.log_unread.store(unread, Ordering::SeqCst);
    }

    /// The cloud under test, once one has started.
    pub(super) fn cloud(&self) -> Result<Arc<Cloud>, String> {
        let cloud = self.cloud.read().unwrap_or_else(PoisonError::into_inner);
        cloud.clone().ok_or_else(|| "no process has started yet".to_owned())
    }

    pub(super) fn set_cloud(&self, cloud: Cloud) {
        *self.cloud.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(cloud));
    }

    /// Counts a violation, if it is one.
    pub(super) fn check(&self, checked: Result<(), Wrong>) {
        if let Err(Wrong(text)) = checked {
            self.violation(text);
        }
    }

    pub(super) fn violation(&self, text: String) {
        self.tally().violation(text);
    }
}
