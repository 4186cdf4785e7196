//! Keeping a mark while a store is written to: written after each batch, synced in the background.

use super::HighWater;
use super::file::MarkFile;
use crate::trouble::Trouble;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Time from a write of the mark to its sync, which is for all writes of that time. Source: ours; what a power cut may take
/// from the mark.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// A mark, and the thread that syncs it. Dropping it syncs it once more.
pub(crate) struct KeptMark {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    file: MarkFile,
    is_unsynced: bool,
    is_ending: bool,
    /// The first failure; after it the mark stays as it is, because a later sync says nothing about earlier writes.
    failed: Option<String>,
}

impl KeptMark {
    /// Brings the mark up to the store.
    pub(crate) fn start(path: &Path, store: &HighWater) -> io::Result<Self> {
        let file = MarkFile::settled(path, store)?;
        let to_sync = file.for_syncing()?;
        let state = State { file, is_unsynced: false, is_ending: false, failed: None };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let of_thread = Arc::clone(&shared);
        let run = move || of_thread.sync_until_end(&to_sync);
        let thread = std::thread::Builder::new().name("store-mark".to_owned()).spawn(run)?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Has the mark say, from when it is next raised, that all rows of the store have MACs.
    pub(crate) fn remember_macs(&self) {
        self.shared.lock().file.remember_macs();
    }

    /// Raises the mark to a point that the engine has made durable.
    pub(crate) fn raise(&self, to: &HighWater) {
        let mut state = self.shared.lock();
        if state.failed.is_some() {
            return;
        }
        let is_first = match state.file.write(to) {
            Ok(()) => !std::mem::replace(&mut state.is_unsynced, true),
            Err(error) => {
                state.failed = Some(error.to_string());
                false
            }
        };
        drop(state);
        // One sync is for all writes until then: the others would wake its thread for nothing.
        if is_first {
            self.shared.changed.notify_one();
        }
    }

    pub(crate) fn trouble(&self) -> Option<Trouble> {
        self.shared.lock().failed.clone().map(Trouble::MarkNotKept)
    }
}

impl Drop for KeptMark {
    fn drop(&mut self) {
        self.shared.lock().is_ending = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic of that thread has been reported on stderr; the mark is then only older.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sync_until_end(&self, file: &File) {
        loop {
            let rests = |state: &mut State| !state.is_unsynced && !state.is_ending;
            let state = self.changed.wait_while(self.lock(), rests).unwrap_or_else(PoisonError::into_inner);
            // Not at once: more is about to come, and a start has other things to sync.
            let waited = self.changed.wait_timeout_while(state, SYNC_EVERY, |state| !state.is_ending);
            let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
            let is_last = state.is_ending;
            if std::mem::take(&mut state.is_unsynced) && state.failed.is_none() {
                drop(state);
                if let Err(error) = file.sync_data() {
                    self.lock().failed = Some(error.to_string());
                }
            }
            if is_last {
                return;
            }
        }
    }
}
