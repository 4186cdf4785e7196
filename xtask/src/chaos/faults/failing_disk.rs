//! EIO of the database's files. After a failed sync nothing more is acknowledged until a start has read the file (row
//! DU-03), and what it lost stays lost: on ext4 an extent whose first write failed reads as zeros once the power was away,
//! although the same bytes were written again and that sync succeeded. A failed write is a clean failure.

use super::super::caller::Caller;
use super::super::excuse::Excuse;
use super::super::scene::Scene;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const LASTS: Duration = Duration::from_secs(3);
const GLANCE: Duration = Duration::from_millis(10);
/// Longest time until the load has asked for a sync.
const ASKED_WITHIN: Duration = Duration::from_secs(10);
/// The syncs of which one fails.
const NTH_MAX: usize = 20;
/// The log, below the data directory.
const LOG: &str = "store/store.db-wal";
/// Writes after a failed sync of which none may be acknowledged.
const WRITES_AFTER: usize = 10;

/// A sync fails. Later the power fails, too, and what was not synced is not there.
pub(super) fn syncs(scene: &mut Scene<'_>) -> Result<(), String> {
    let disk = scene.preload.disk()?;
    let failed = disk.failed_syncs()?;
    disk.take_lost()?;
    disk.fail_sync(scene.chance.between(1, NTH_MAX) as u64)?;
    let armed = Instant::now();
    while disk.failed_syncs()? == failed {
        if armed.elapsed() > ASKED_WITHIN {
            return Err(format!("nothing was synced within {ASKED_WITHIN:?}"));
        }
        std::thread::sleep(GLANCE);
    }
    std::thread::sleep(GLANCE);
    let shared = Arc::clone(&scene.shared);
    let mut caller = Caller::new(&shared);
    let acknowledged = (0..WRITES_AFTER).filter(|_| scene.write_steady(&mut caller).is_ok()).count();
    if acknowledged > 0 {
        shared.violation(format!("{acknowledged} writes were acknowledged after a sync had failed"));
    }
    let ready = scene.readiness(&mut caller)?;
    if ready["status"] == "ok" {
        shared.violation(format!("/readyz says ok after a sync had failed: {ready}"));
    }
    std::thread::sleep(LASTS);
    // Some starts happen before the power fails.
    if scene.chance.below(2) == 0 {
        scene.restart()?;
        std::thread::sleep(LASTS);
    }
    shared.set_excuse(Excuse::AWAY);
    scene.node.kill()?;
    lose(&scene.node.data.join(LOG), &disk.take_lost()?)?;
    scene.start()
}

/// The disk never had a part of the log.
fn lose(log: &Path, part: &Range<u64>) -> Result<(), String> {
    // A log that was deleted meanwhile has lost nothing.
    let Ok(file) = File::options().write(true).open(log) else { return Ok(()) };
    let failed = |error: std::io::Error| format!("{}: {error}", log.display());
    let end = part.end.min(file.metadata().map_err(failed)?.len());
    let zeros = vec![0; usize::try_from(end.saturating_sub(part.start)).unwrap_or_default()];
    file.write_all_at(&zeros, part.start).map_err(failed)
}

/// Writes fail for a while.
pub(super) fn writes(scene: &mut Scene<'_>) -> Result<(), String> {
    let disk = scene.preload.disk()?;
    disk.fail_writes(u64::MAX / 2)?;
    std::thread::sleep(LASTS);
    disk.fail_writes(0)?;
    // The engine may have to read its file anew.
    scene.shared.set_excuse(Excuse::AWAY);
    scene.restart()
}
