//! The bindings of the configuration file among the others.

use super::{AttachError, Bindings};
use crate::bindings::row::{BindingRow, BindingState};
use crate::bindings::wanted::Wanted;
use bonafide_files::User;
use bonafide_http::Event;
use bonafide_types::{BindingId, ResourceUuid};
use std::sync::PoisonError;
use tokio::sync::MutexGuard;

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

    /// Remembers what the file says and could not be attached, in place of what was remembered before: the file is followed.
    pub(in crate::bindings) fn miss(&self, missing: Vec<Missing>) {
        self.not_followed(None);
        *self.missing.lock().unwrap_or_else(PoisonError::into_inner) = missing;
    }

    /// Remembers the reason why the configuration is not followed as it is now; `None` where it is.
    pub fn not_followed(&self, why: Option<String>) {
        *self.unfollowed.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// Sentences about the configuration: why it is not followed, and what of it could not be attached.
    pub fn notes(&self) -> Vec<String> {
        let unfollowed = self.unfollowed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
        unfollowed.into_iter().chain(missing.iter().map(|missing| missing.why.clone())).collect()
    }

    /// Tries again to attach it.
    pub(super) async fn attach_missing(&self) {
        let _one_at_a_time = self.following_alone().await;
        let missing = std::mem::take(&mut *self.missing.lock().unwrap_or_else(PoisonError::into_inner));
        let mut again = Vec::new();
        for Missing { at, wanted, why: _ } in missing {
            if let Err(error) = self.attach(&wanted, None, self.as_configuration()).await {
                again.push(Missing::new(at, wanted, &error));
            }
        }
        *self.missing.lock().unwrap_or_else(PoisonError::into_inner) = again;
    }

    /// Held by whoever attaches what the file says, so that nothing comes back that a newer one does not say.
    pub(in crate::bindings) async fn following_alone(&self) -> MutexGuard<'_, ()> {
        self.following.lock().await
    }
}

/// A binding of the file that could not be attached.
pub(in crate::bindings) struct Missing {
    /// Its number in the file.
    at: usize,
    wanted: Wanted,
    /// The reason, with its number and place.
    pub(in crate::bindings) why: String,
}

impl Missing {
    pub(in crate::bindings) fn new(at: usize, wanted: Wanted, error: &AttachError) -> Self {
        Self { why: format!("binding {at} ({}): {error}", wanted.place), at, wanted }
    }
}
