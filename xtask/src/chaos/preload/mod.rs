//! The library that is loaded into the process under test: a failing disk, and a clock that is set. The disk is the one
//! of the engine's own tests.

use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The sources, from the root of the tree.
const SOURCES: [&str; 2] = ["crates/store-sqlite/tests/support/disk.c", "xtask/src/chaos/preload/clock.c"];
/// The sizes of what the sources share with the run, in bytes; more than they use.
const CONTROL_BYTES: usize = 128;

/// The library and its controls.
pub(super) struct Preload {
    library: PathBuf,
    disk_control: PathBuf,
    clock_control: PathBuf,
}

impl Preload {
    /// Compiles the library below `folder`.
    pub(super) fn make(root: &Path, folder: &Path) -> Result<Self, String> {
        let made = Self {
            library: folder.join("preload.so"),
            disk_control: folder.join("disk-control"),
            clock_control: folder.join("clock-control"),
        };
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&made.library).args(SOURCES.map(|source| root.join(source)));
        let status = cc.status().map_err(|error| format!("cc: {error}; install a C compiler"))?;
        if !status.success() {
            return Err("the library for the process under test cannot be compiled".to_owned());
        }
        for control in [&made.disk_control, &made.clock_control] {
            std::fs::write(control, [0; CONTROL_BYTES]).map_err(|error| format!("{}: {error}", control.display()))?;
        }
        Ok(made)
    }

    /// Has `command` load it.
    pub(super) fn load_into(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", &self.library)
            .env("BONAFIDE_TEST_DISK_CONTROL", &self.disk_control)
            .env("BONAFIDE_TEST_CLOCK_CONTROL", &self.clock_control);
    }

    pub(super) fn disk(&self) -> Result<Disk, String> {
        Ok(Disk(control(&self.disk_control)?))
    }

    pub(super) fn clock(&self) -> Result<Clock, String> {
        Ok(Clock { control: Arc::new(control(&self.clock_control)?), ahead: Arc::default() })
    }
}

fn control(path: &Path) -> Result<File, String> {
    File::options().read(true).write(true).open(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The disk of the process under test: our end of `struct control` in `disk.c`.
pub(super) struct Disk(File);

impl Disk {
    /// Has the n-th sync of the store's files from now on fail with EIO.
    pub(super) fn fail_sync(&self, nth: u64) -> Result<(), String> {
        self.set(3, nth)
    }

    /// The number of syncs that have failed.
    pub(super) fn failed_syncs(&self) -> Result<u64, String> {
        self.field(5)
    }

    /// So many writes to the store's files fail with EIO.
    pub(super) fn fail_writes(&self, count: u64) -> Result<(), String> {
        self.set(6, count)
    }

    /// The part of the log that a failed sync has lost, if the log was not cut since.
    pub(super) fn take_lost(&self) -> Result<Range<u64>, String> {
        let lost = self.field(9)?..self.field(10)?;
        self.set(9, 0)?;
        self.set(10, 0)?;
        Ok(lost)
    }

    fn field(&self, at: u64) -> Result<u64, String> {
        let mut bytes = [0; 8];
        self.0.read_exact_at(&mut bytes, 8 * at).map_err(|error| format!("the disk's control: {error}"))?;
        Ok(u64::from_ne_bytes(bytes))
    }

    fn set(&self, at: u64, value: u64) -> Result<(), String> {
        self.0.write_all_at(&value.to_ne_bytes(), 8 * at).map_err(|error| format!("the disk's control: {error}"))
    }
}

/// The wall clock of the process under test, which its clients share.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    control: Arc<File>,
    ahead: Arc<AtomicI64>,
}

impl Clock {
    /// Sets it so many seconds ahead of the true time, or behind it.
    pub(super) fn set(&self, seconds: i64) -> Result<(), String> {
        self.control
            .write_all_at(&seconds.to_ne_bytes(), 0)
            .map_err(|error| format!("the clock's control: {error}"))?;
        self.ahead.store(seconds, Ordering::SeqCst);
        Ok(())
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
        let seconds = since_epoch.saturating_add_signed(self.ahead.load(Ordering::SeqCst));
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}
