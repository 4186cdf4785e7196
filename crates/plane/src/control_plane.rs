//! The control plane of a data directory: its parts, opened or made on first start, and the data that requests share.

use crate::confirm::Confirming;
use crate::files::PlaneFiles;
use crate::first_start_check::{self, DatabaseLost, Progress};
use crate::origin::Origin;
use crate::parts::{Parts, PartsError};
use crate::pool::Pool;
use crate::secrets::{self, SecretsError};
use bonafide_crypto::ca::ServerCa;
use bonafide_files::{FilesError, write_public};
use bonafide_http::Log;
use bonafide_store::{OpenMarkedError, Store, StoreError};
use bonafide_store_sqlite::{DATABASE_FILE, OpenError, SqliteEngine};
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

/// The control plane, ready to be served.
pub struct ControlPlane {
    parts: Parts,
    confirming: Confirming,
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
pub(crate) fn open_store(files: &PlaneFiles, of_others: &[PathBuf]) -> Result<Store, OpenControlPlaneError> {
    if has_no_database(files) {
        // Before SQLite looks: it removes the log of an emptied database, which may have everything.
        first_start_check::check(files, of_others, Progress::Nothing)?;
    }
    let store = Store::open_marked(SqliteEngine::open_marked(&files.store(), &files.mark())?, &files.mark())?;
    first_start_check::check(files, of_others, Progress::read(&store)?)?;
    files.remove_drafts()?;
    Ok(store)
}

/// Tells whether nothing was ever stored here, as far as the files tell.
pub(crate) fn has_no_database(files: &PlaneFiles) -> bool {
    let database = files.store().join(DATABASE_FILE);
    database.metadata().is_ok_and(|file| file.len() == 0) || !database.exists()
}

impl ControlPlane {
    /// Opens the control plane on a store. The authority that signs the server's certificate is given beside it, for
    /// TLS.
    pub(crate) fn open(
        files: &PlaneFiles,
        store: Store,
        origin: Origin<'_>,
        log: Arc<Log>,
    ) -> Result<(Self, ServerCa), OpenControlPlaneError> {
        let is_new = secrets::are_missing(&store)?;
        let kek = files.key(is_new)?;
        if is_new {
            secrets::make(&store, &kek)?;
        }
        let secrets = secrets::open(&store, &kek)?;
        write_public(&files.ca_file(), secrets.server_ca.trust_anchor_pem().as_bytes())?;
        let log_file = files.log_file().display().to_string();
        let shared = (secrets.pepper, secrets.host_ca);
        let parts = Parts::new(store, kek, shared, &origin.url(), Some(log_file))?;
        Ok((Self { parts, confirming: Confirming::default(), log }, secrets.server_ca))
    }

    /// Returns when the view has caught up with the store as it was at the time of the call, or a
    /// moment before it, or cannot in time.
    pub(crate) async fn confirm(self: &Arc<Self>, store_pool: &Pool) {
        let plane = Arc::clone(self);
        self.confirming.run(store_pool, move || drop(plane.catch_up())).await;
    }
}
