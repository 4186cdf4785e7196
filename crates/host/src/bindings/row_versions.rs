//! The versions of the rows of bindings, and the record by which a row that was put back is told from one that is there.

use crate::files::HostFiles;
use crate::state::{StateError, context};
use bonafide_crypto::Kek;
use bonafide_crypto::seal::{self, Sealed};
use bonafide_files::{Readers, io, read, write_private};
use bonafide_http::clock;
use bonafide_types::BindingId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The kind of what is sealed.
const PURPOSE: &str = "bindings";

/// The version of a row of the time before they had one.
pub(super) const UNNUMBERED: u64 = 0;

/// The rows that there are, by the record and by what was written since.
pub(super) struct RowVersions {
    path: PathBuf,
    /// The record as it is on the disk; `None` where there is none that can be read.
    recorded: Option<Record>,
    /// The rows now.
    rows: BTreeMap<BindingId, u64>,
    newest: u64,
}

/// The rows that counted when it was written. It is beside the folder whose older copy it tells, and written when a row ends
/// or gives way to another version of it; of rows that came afterwards it knows nothing, but that they are newer.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Record {
    newest: u64,
    /// The oldest version of each that counts.
    rows: BTreeMap<BindingId, u64>,
}

impl RowVersions {
    /// As the record has them.
    pub(super) fn read(files: &HostFiles, kek: &Kek) -> Self {
        let path = files.attached();
        let recorded = || {
            let sealed: Sealed = serde_json::from_slice(&read(&path, Readers::Owner).ok()?).ok()?;
            let text = seal::open(kek, &context(PURPOSE, "host"), &sealed).ok()?;
            serde_json::from_slice::<Record>(text.expose()).ok()
        };
        let recorded = recorded();
        let newest = recorded.as_ref().map_or(UNNUMBERED, |record| record.newest);
        Self { path, recorded, rows: BTreeMap::new(), newest }
    }

    /// True of a version of a row that is there, and not one that was put back. Without a record, which is there before the
    /// first row with a version, nobody can tell.
    pub(super) fn counts(&self, id: BindingId, version: u64) -> bool {
        match &self.recorded {
            None => version == UNNUMBERED,
            Some(record) => record.rows.get(&id).map_or(version > record.newest, |least| version >= *least),
        }
    }

    /// Takes down a row that is there.
    pub(super) fn note(&mut self, id: BindingId, version: u64) {
        self.rows.insert(id, version);
        self.newest = self.newest.max(version);
    }

    /// Takes down that one is there no more.
    pub(super) fn forget(&mut self, id: BindingId) {
        self.rows.remove(&id);
    }

    /// A version for a row that is about to be written: newer than all.
    pub(super) fn next(&mut self, kek: &Kek) -> Result<u64, StateError> {
        if self.recorded.is_none() {
            self.record(kek)?;
        }
        Ok(clock::now().unix_micros().max(self.newest.saturating_add(1)))
    }

    /// Puts on record, durably, that these are all.
    pub(super) fn record(&mut self, kek: &Kek) -> Result<(), StateError> {
        let record = Record { newest: self.newest, rows: self.rows.clone() };
        let failed = |error: serde_json::Error| io(&self.path, error.into());
        let sealed = seal::seal(kek, &context(PURPOSE, "host"), &serde_json::to_vec(&record).map_err(failed)?)?;
        write_private(&self.path, &serde_json::to_vec(&sealed).map_err(failed)?)?;
        self.recorded = Some(record);
        Ok(())
    }
}
