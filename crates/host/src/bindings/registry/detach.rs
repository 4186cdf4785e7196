//! Taking bindings away: at once, whatever their clients do.

use super::{Bindings, Entry};
use crate::bindings::place::Place;
use crate::bindings::row::{BindingLine, BindingRow};
use crate::bindings::unix_socket;
use bonafide_files::FilesError;
use bonafide_http::Event;
use bonafide_opener::OpenError;
use bonafide_types::{BindingId, ResourceId, enumerate_some};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The bindings that are meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Which {
    /// The one with this id.
    Binding(BindingId),
    /// The one at this place.
    Place(Place),
    /// All of a workload, by its ARM id or name.
    Workload(String),
}

/// The reason why a binding was not taken away.
#[derive(Debug, thiserror::Error)]
pub enum DetachError {
    /// None is meant.
    #[error("nothing is attached {0}; `bonafide host list` shows what is")]
    Nothing(String),
    /// A name that workloads of several groups or types have.
    #[error("several workloads have bindings here under the name '{wanted}'; give the whole id of one: {ids}")]
    Several {
        /// The name.
        wanted: String,
        /// Their ARM ids.
        ids: String,
    },
    /// The row cannot be removed.
    #[error("cannot remove the binding: {0}")]
    Row(#[from] FilesError),
    /// It serves nothing any more, but its sockets are still held.
    #[error("the binding serves nothing any more, but its sockets and addresses could not be taken away: {0}")]
    Opener(#[from] OpenError),
}

impl Bindings {
    /// Takes bindings away. When this returns no connection of theirs is open, and none can be opened.
    pub(crate) async fn detach(&self, which: &Which) -> Result<Vec<BindingLine>, DetachError> {
        let _one_at_a_time = self.changing.lock().await;
        let mut meant: Vec<(u64, BindingId)> = {
            let entries = self.entries();
            let rows = || entries.values().map(|entry| &entry.row).filter(|row| row.is_meant(which));
            if let Which::Workload(wanted) = which {
                one_workload(wanted, rows().map(|row| &row.resource_id))?;
            }
            rows().map(|row| (row.attached_micros, row.id)).collect()
        };
        meant.sort_unstable();
        if meant.is_empty() {
            return Err(DetachError::Nothing(which.in_words()));
        }
        let mut ended = Vec::new();
        for (_, id) in meant {
            ended.extend(self.end(id).await?.map(|entry| entry.line()));
        }
        Ok(ended)
    }

    /// Ends one: first its row, so that no restart takes it up again, then its connections, then its sockets.
    pub(super) async fn end(&self, id: BindingId) -> Result<Option<Entry>, OpenError> {
        let removed = self.rows.remove(id);
        if let Err(error) = self.rows.record() {
            // On a full disk a binding ends, too.
            self.log.event(&Event::named("stateNotKept").with("file", "agent.attached"), &error);
        }
        let Some(mut entry) = self.entries().remove(&id) else { return Ok(None) };
        if let Some(serving) = entry.serving.take() {
            serving.end().await;
        }
        // A secret of nothing is of no use to anybody.
        let _ = std::fs::remove_file(self.files.header_of(id));
        if let (Some(path), Some(file)) = (entry.row.place.socket_path(), entry.row.identity.socket) {
            // One that stays is removed by whoever listens there next.
            let _ = unix_socket::remove(&path, file);
        }
        let closed = self.close(id).await;
        self.log.event(&self.event("bindingDetached", &entry.row), &"it was asked for");
        self.changed.send_replace(());
        // The control plane is not waited for.
        let (placements, workload) = (Arc::clone(&self.placements), entry.row.workload);
        tokio::spawn(async move { placements.release(workload).await });
        removed.map_err(|error| OpenError::Failed(error.to_string()))?;
        closed.map(|()| Some(entry))
    }
}

/// A name that several have means none of them, as where a place is attached.
fn one_workload<'a>(wanted: &str, found: impl Iterator<Item = &'a ResourceId>) -> Result<(), DetachError> {
    let ids: BTreeSet<&ResourceId> = found.collect();
    match ids.len() {
        0 | 1 => Ok(()),
        _ => Err(DetachError::Several { wanted: wanted.to_owned(), ids: enumerate_some(ids) }),
    }
}

impl BindingRow {
    fn is_meant(&self, which: &Which) -> bool {
        match which {
            Which::Binding(id) => self.id == *id,
            Which::Place(place) => self.place.is_named(place),
            Which::Workload(wanted) => match ResourceId::parse(wanted) {
                Ok(id) => self.resource_id == id,
                Err(_) => self.resource_id.is_named(wanted),
            },
        }
    }
}

impl Place {
    /// True of the place that somebody names so.
    fn is_named(&self, named: &Self) -> bool {
        match (self, named) {
            (Self::Netns { netns, port, .. }, Self::Netns { netns: other, port: asked, .. }) => {
                netns == other && (asked.is_none() || port == asked)
            }
            (Self::Interface { name, netns, .. }, Self::Interface { name: other, netns: asked, .. }) => {
                name == other && netns == asked
            }
            (one, other) if one.socket_path().is_some() => one.socket_path() == other.socket_path(),
            (one, other) => one == other,
        }
    }
}

impl Which {
    fn in_words(&self) -> String {
        match self {
            Self::Binding(id) => format!("as binding {id}"),
            Self::Place(place) => format!("with {place}"),
            Self::Workload(name) => format!("to workload {name}"),
        }
    }
}
