//! The bindings of the configuration file among the others.

use super::Bindings;
use crate::bindings::row::{BindingRow, BindingState};
use crate::bindings::wanted::Wanted;
use bonafide_files::User;
use bonafide_http::Event;
use bonafide_types::{BindingId, ResourceUuid};
use std::sync::PoisonError;

impl Bindings {
    /// Those of the file, with their states.
    pub(in crate::bindings) fn configured(&self) -> Vec<(BindingRow, BindingState)> {
        let entries = self.entries();
        let configured = entries.values().filter(|entry| entry.row.is_configured);
        configured.map(|entry| (entry.row.clone(), entry.state.clone())).collect()
    }

    /// True of a binding that was attached since the machine started. What was attached before has nothing but its name left.
    pub(in crate::bindings) fn is_of_this_start(&self, row: &BindingRow) -> bool {
        row.identity.boot == self.here.boot
    }

    /// Ends one of the file. True where it was there.
    pub(in crate::bindings) async fn end_configured(&self, id: BindingId) -> bool {
        let _one_at_a_time = self.changing.lock().await;
        match self.end(id).await {
            Ok(ended) => ended.is_some(),
            Err(error) => {
                self.log.event(&Event::named("bindingNotClosed").with("binding", id), &error);
                true
            }
        }
    }

    /// True of a name of this workload.
    pub(in crate::bindings) async fn means(&self, name: &str, workload: ResourceUuid) -> bool {
        match self.placements.resolve(name.to_owned()).await {
            Ok(id) => id == workload,
            // While nobody can tell, what is attached stays.
            Err(_) => self.agent.core.workloads().iter().any(|here| here.id == workload),
        }
    }

    /// The user whose the agent is.
    pub(in crate::bindings) fn owner(&self) -> User {
        self.files.owner()
    }

    pub(in crate::bindings) fn tell(&self, event: &Event, why: &str) {
        self.log.event(event, &why);
    }

    /// Remembers what the file says and could not be attached, in place of what was remembered before.
    pub(in crate::bindings) fn miss(&self, missing: Vec<Wanted>) {
        *self.missing.lock().unwrap_or_else(PoisonError::into_inner) = missing;
    }

    /// Tries again to attach it.
    pub(super) async fn attach_missing(&self) {
        let missing = std::mem::take(&mut *self.missing.lock().unwrap_or_else(PoisonError::into_inner));
        let mut again = Vec::new();
        for wanted in missing {
            if self.attach(&wanted, None, self.as_configuration()).await.is_err() {
                again.push(wanted);
            }
        }
        let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        // A file that was read meanwhile says all anew.
        if missing.is_empty() {
            *missing = again;
        }
    }
}
