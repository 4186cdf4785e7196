//! The control plane of a data directory: its parts, opened or made on first start, and the data that requests share.

use crate::files::PlaneFiles;
use crate::first_start_check::{self, DatabaseLost, Progress};
use crate::lanes::Lanes;
use crate::origin::Origin;
use crate::parts::{Parts, PartsError};
use crate::secrets::{self, SecretsError};
use crate::shared_answer::SharedAnswer;
use crate::{forbidding_tables, row_keys};
use bonafide_core::keys::INSTALLATION_SECRETS;
use bonafide_crypto::ca::ServerCa;
use bonafide_files::FilesError;
use bonafide_http::Log;
use bonafide_store::{Locked, OpenMarkedError, StoreError};
use bonafide_store_sqlite::{DATABASE_FILE, OpenError, SqliteEngine};
use bonafide_wire::Lane;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Longest time that a refusal waits to be confirmed. Source: ours.
const CONFIRM_PATIENCE: Duration = Duration::from_millis(500);
/// Longest time that readiness waits for the store. Source: ours; probes wait a second or more.
const READ_PATIENCE: Duration = Duration::from_millis(900);
/// Longest time that a start, or a restore, waits for another process to let go of the data directory. Source: ours; the
/// kernel takes some milliseconds to end one that was killed.
const LET_GO: Duration = Duration::from_secs(1);
/// Time between two looks.
const ASK_EVERY: Duration = Duration::from_millis(10);

/// The control plane, ready to be served.
pub struct ControlPlane {
    parts: Parts,
    confirmed: SharedAnswer<()>,
    pub(crate) readable: SharedAnswer<bool>,
    /// Told when a host has said what it has heard of.
    pub(crate) heard: Notify,
    pub(crate) log: Arc<Log>,
}

impl Deref for ControlPlane {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

/// The reason why the control plane could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenControlPlaneError {
    /// The files of the data directory.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The database was lost.
    #[error(transparent)]
    Lost(#[from] DatabaseLost),
    /// The database.
    #[error(transparent)]
    Engine(#[from] OpenError),
    /// Its high-water mark.
    #[error(transparent)]
    Marked(#[from] OpenMarkedError),
    /// The database, once open.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys and secrets of the installation.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// The parts.
    #[error(transparent)]
    Parts(#[from] PartsError),
}

/// Opens the database, and takes the data directory for this process. Refuses when the database is not the one that the
/// other files belong to; `of_others` are the files that other parts make only after a first start.
pub(crate) fn open_store(files: &PlaneFiles, of_others: &[PathBuf]) -> Result<Locked, OpenControlPlaneError> {
    files.look_at_store()?;
    if has_no_database(files) {
        // Before SQLite looks: it removes the log of an emptied database, which may have everything.
        first_start_check::check(files, of_others, Progress::Nothing)?;
    }
    let engine = once_let_go(|| SqliteEngine::open_marked(&files.store(), &files.mark()))?;
    let store = Locked::open_marked(engine, &files.mark())?;
    first_start_check::check(files, of_others, Progress::read(&store)?)?;
    files.remove_drafts()?;
    Ok(store)
}

/// Takes the store once no other process has it. One that was killed a moment ago is still ending.
pub(crate) fn once_let_go<T>(mut take: impl FnMut() -> Result<T, OpenError>) -> Result<T, OpenError> {
    let until = Instant::now() + LET_GO;
    loop {
        match take() {
            Err(OpenError::InUse { .. }) if Instant::now() < until => std::thread::sleep(ASK_EVERY),
            taken => return taken,
        }
    }
}

/// Tells whether nothing was ever stored here, as far as the files tell.
pub(crate) fn has_no_database(files: &PlaneFiles) -> bool {
    let database = files.store().join(DATABASE_FILE);
    database.metadata().is_ok_and(|file| file.len() == 0) || !database.exists()
}

/// The authority of our own servers' certificates, where there is one already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnAuthority {
    /// It stays.
    Kept,
    /// A new one is made for the names as they are now.
    Replaced,
}

impl ControlPlane {
    /// Opens the control plane on a store. The authority that signs the server's certificate is given beside it, for
    /// TLS.
    pub(crate) fn open(
        files: &PlaneFiles,
        locked: Locked,
        origin: &Origin,
        authority: OwnAuthority,
        log: Arc<Log>,
    ) -> Result<(Self, ServerCa), OpenControlPlaneError> {
        let is_new = !locked.has_any(&INSTALLATION_SECRETS)?;
        let kek = files.key(is_new)?;
        let store = row_keys::unlock(locked, &kek)?;
        forbidding_tables::check(&store)?;
        if is_new {
            secrets::make(&store, &kek, &origin.public)?;
        } else if authority == OwnAuthority::Replaced {
            secrets::replace_server_ca(&store, &kek, &origin.public)?;
        }
        let secrets = secrets::open(&store, &kek)?;
        files.write_ca(&secrets.server_ca.trust_anchor_pem())?;
        let log_file = files.log_file().display().to_string();
        let shared = (secrets.pepper, secrets.host_ca, secrets.attesting_ca);
        let parts = Parts::new(store, kek, shared, &origin.url, Some(log_file))?;
        let (confirmed, readable) = (SharedAnswer::default(), SharedAnswer::default());
        Ok((Self { parts, confirmed, readable, heard: Notify::new(), log }, secrets.server_ca))
    }

    /// The same with another usual lifetime of tokens.
    pub(crate) fn with_token_lifetime(mut self, seconds: Option<u32>) -> Self {
        self.parts.login.authority.set_token_lifetime(seconds);
        self
    }

    /// Lets each client of the token service have its share, or as much as it likes.
    pub(crate) fn throttle(&self, is_on: bool) {
        self.parts.login.shares.iter().for_each(|shares| shares.lift(!is_on));
    }

    /// Returns when the view has caught up with the store as it was at the time of the call, or a
    /// moment before it, or cannot in time: a refusal that rests on the view is confirmed so. When the store is slow or
    /// down, the view decides as it is.
    pub(crate) async fn confirm(self: &Arc<Self>, lanes: &Lanes) {
        let plane = Arc::clone(self);
        let catch_up = lanes.of(Lane::System).run(move || drop(plane.catch_up()));
        self.confirmed.get(CONFIRM_PATIENCE, async { drop(catch_up.await) }).await;
    }

    /// Tells whether the store can be read, now or a moment ago.
    pub(crate) async fn can_read_store(self: &Arc<Self>, lanes: &Lanes) -> bool {
        let plane = Arc::clone(self);
        let head = lanes.of(Lane::System).run(move || plane.store.head().is_ok());
        self.readable.get(READ_PATIENCE, async { head.await == Ok(true) }).await.unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn op_05_a_store_whose_process_is_ending_is_waited_for_and_another_failure_is_not() {
        let in_use = || Err(OpenError::InUse { dir: PathBuf::new() });
        let mut looks = 0;
        let taken = once_let_go(|| {
            looks += 1;
            if looks < 3 { in_use() } else { Ok(looks) }
        });
        assert_eq!(taken.unwrap(), 3);
        let failed = once_let_go(|| {
            looks += 1;
            Err::<(), _>(OpenError::NoEntropy)
        });
        assert!(matches!(failed, Err(OpenError::NoEntropy)));
        assert_eq!(looks, 4);
    }
}
