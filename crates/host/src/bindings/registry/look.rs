//! Looking whether what serves still does: root of a namespace can end its sockets (`ss --kill`), and whoever has a folder the files
//! in it.

use super::Bindings;
use super::serving::Serving;
use crate::bindings::place::Place;
use crate::bindings::row::{BindingRow, BindingState};
use crate::bindings::unix_socket;
use bonafide_opener::Held;
use bonafide_types::BindingId;
use std::collections::HashMap;

impl Bindings {
    /// The sockets of devices that nothing but these proves.
    pub(super) async fn held_without_mark(&self, rows: &[BindingRow]) -> HashMap<String, Held> {
        let has_mark = |row: &BindingRow| row.identity.device_mark.is_some();
        if rows.iter().all(|row| !matches!(row.place, Place::Interface { .. }) || has_mark(row)) {
            return HashMap::new();
        }
        let held = self.ask(|opener| opener.held()).await.unwrap_or_default();
        held.into_iter().map(|held| (held.key.clone(), held)).collect()
    }

    /// Looks whether what serves still does. What does not waits to be opened anew, and says why.
    pub(super) async fn look(&self) {
        let ended = self.ended().await;
        if ended.is_empty() {
            return;
        }
        let _one_at_a_time = self.changing.lock().await;
        for (id, why) in ended {
            let serving = {
                let mut entries = self.entries();
                let Some(entry) = entries.get_mut(&id) else { continue };
                let Some(serving) = entry.serving.take() else { continue };
                entry.state = BindingState::Waiting(format!("{why}; it is opened anew"));
                self.log.event(&self.event("bindingNotServed", &entry.row), &why);
                serving
            };
            serving.end().await;
        }
        self.changed.send_replace(());
    }

    /// Those that serve nobody any more, and the reason.
    async fn ended(&self) -> Vec<(BindingId, &'static str)> {
        let (mut ended, mut reached) = (Vec::new(), Vec::new());
        for (id, entry) in self.entries().iter_mut() {
            match entry.serving.as_mut().map(Serving::why_ended) {
                Some(Some(why)) => ended.push((*id, why)),
                Some(None) if entry.row.place.socket_path().is_some() => reached.push(entry.row.clone()),
                Some(None) | None => {}
            }
        }
        // Paths are looked at where it may take time.
        let missed = tokio::task::spawn_blocking(move || -> Vec<BindingRow> {
            reached.into_iter().filter(|row| !row.is_reached()).collect()
        });
        let missed = missed.await.unwrap_or_default();
        ended.extend(missed.iter().map(|row| (row.id, "its path leads to its socket no more: the file was removed")));
        ended
    }
}

impl BindingRow {
    /// False of a unix socket whose file is there no more.
    pub(super) fn is_reached(&self) -> bool {
        let file = self.place.socket_path().zip(self.identity.socket);
        file.is_none_or(|(path, file)| unix_socket::is_there(&path, file))
    }
}
