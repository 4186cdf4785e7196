//! Restoring an installation's database from a backup, while nobody uses it.

use crate::control_plane::once_let_go;
use crate::files::PlaneFiles;
use crate::row_keys::unlock;
use crate::secrets::{self, SecretsError};
use bonafide_core::placement::withdraw_invitations;
use bonafide_files::{FilesError, KEY, io};
use bonafide_http::clock;
use bonafide_store::mark::BelowMark;
use bonafide_store::{Locked, StoreError};
use bonafide_store_sqlite::{Backup, OpenError, Restoring, SqliteEngine, look};
use bonafide_types::Timestamp;
use std::fs::Metadata;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// The reason why nothing was restored: the store is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// Something else was given for a backup.
    #[error("{} {what}: give a file of `bonafide backup`", path.display())]
    NotABackup {
        /// The path.
        path: PathBuf,
        /// The thing that is there.
        what: &'static str,
    },
    /// There is nothing to open the backup with.
    #[error(
        "the key file {} is missing, and without the key that the backup was made with nothing opens it: put that key \
         there, or name the data directory that has it with --data-dir", .0.display()
    )]
    NoKey(PathBuf),
    /// The store, or the backup.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The key file.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The key does not open what is in the backup.
    #[error("the key in this data directory does not open the backup: {0}; put the key back that belongs to it")]
    Key(#[from] SecretsError),
    /// The copy of the backup.
    #[error(transparent)]
    Copy(#[from] StoreError),
    /// The backup is not the newest.
    #[error("{0}")]
    Older(Box<Older>),
}

/// A backup that is not the newest that is known of the store.
#[derive(Debug)]
pub struct Older {
    backup: PathBuf,
    contents: Backup,
    reason: BelowMark,
    newest_at: Option<Timestamp>,
    /// False for a store that is lost.
    replaces_a_store: bool,
}

impl std::fmt::Display for Older {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { backup, contents, reason, newest_at, replaces_a_store } = self;
        let backup = backup.display();
        match reason {
            BelowMark::MarkLost { .. } => {
                write!(f, "the mark of the store is lost, and nobody can tell whether {backup} is the newest")?;
            }
            _ => write!(f, "{backup} {reason}")?,
        }
        f.write_str("; restoring it loses ")?;
        match reason {
            BelowMark::Older { store, mark } => {
                write!(f, "{} revisions", mark.cursor.revision.0.saturating_sub(store.cursor.revision.0))?;
            }
            _ if !replaces_a_store => f.write_str("what the lost store had and it has not")?,
            _ => f.write_str("what the store has and it has not, and nobody can tell how much that is")?,
        }
        if let Some(made_at) = contents.made_at {
            write!(f, ", all since {}", Timestamp::from_unix_micros(made_at.saturating_mul(1_000_000)).second())?;
        }
        if let Some(at) = newest_at {
            write!(f, ", the last of {}", at.second())?;
        }
        f.write_str(", and revives what was deleted meanwhile; to do so, add --accept-older")
    }
}

/// A store that was restored.
#[derive(Debug)]
pub struct Restored {
    /// The contents of the backup.
    pub backup: Backup,
    /// The folder of the store that was there before, where one was.
    pub aside: Option<PathBuf>,
}

/// Looks at a backup, and whether its key is in the data directory, of which nothing has to be there yet.
///
/// # Errors
/// It is no backup, or its key is missing. Nothing was made.
pub fn look_before_restoring(data_dir: &Path, from: &Path) -> Result<(), RestoreError> {
    let not_a_backup = |what| Err(RestoreError::NotABackup { path: from.to_owned(), what });
    match std::fs::metadata(from) {
        Err(error) if error.kind() == ErrorKind::NotFound => return not_a_backup("is not there"),
        Err(error) => return Err(io(from, error).into()),
        Ok(found) if found.is_dir() => return not_a_backup("is a directory"),
        Ok(found) if !found.is_file() => return not_a_backup("is no file"),
        Ok(found) if found.len() == 0 => return not_a_backup("is empty"),
        Ok(_) => {}
    }
    look(from)?;
    let key = data_dir.join(KEY);
    if key.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        return Err(RestoreError::NoKey(key));
    }
    Ok(())
}

/// Puts a backup, or the database of a store, in the place of the store.
///
/// # Errors
/// `up` runs; the backup is damaged, of another key, or older than what is known of the store and `accept_older` is false.
pub fn restore(files: &PlaneFiles, from: &Path, accept_older: bool) -> Result<Restored, RestoreError> {
    let kek = files.key(false)?;
    let restoring = once_let_go(|| Restoring::prepare(&files.store(), &files.mark(), from))?;
    if let Some(reason) = restoring.older().filter(|_| !accept_older) {
        let newest_at = std::fs::metadata(files.mark()).ok().and_then(|mark| changed_at(&mark));
        let (backup, contents) = (from.to_owned(), *restoring.backup());
        let (reason, replaces_a_store) = (reason.clone(), restoring.replaces_a_store());
        let older = Older { backup, contents, reason, newest_at, replaces_a_store };
        return Err(RestoreError::Older(Box::new(older)));
    }
    let draft = SqliteEngine::open(&restoring.draft())?;
    let store = unlock(Locked::restored(draft, restoring.has_macs()), &kek).map_err(|error| match error {
        SecretsError::Store(error) => RestoreError::Copy(error),
        other => RestoreError::Key(other),
    })?;
    secrets::open(&store, &kek)?;
    while store.write(withdraw_invitations)? {}
    drop(store);
    let backup = *restoring.backup();
    let name = format!("before-{}", clock::now().unix_micros());
    Ok(Restored { backup, aside: restoring.finish(&name)? })
}

fn changed_at(file: &Metadata) -> Option<Timestamp> {
    let since_epoch = file.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp::from_unix_micros(u64::try_from(since_epoch.as_micros()).ok()?))
}
