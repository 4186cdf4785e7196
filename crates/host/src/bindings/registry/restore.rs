//! Taking up what was attached before this process began.

use super::open::{Opened, PlaceError, opened};
use super::serving::Serving;
use super::{Bindings, BindingsError, Entry, OWN, key};
use crate::bindings::kept_rules::KeptRules;
use crate::bindings::place::Place;
use crate::bindings::row::{BindingRow, BindingState, PlaceIdentity};
use crate::rules::RulesInForce;
use bonafide_http::{Event, Stop, refuse, stopped};
use bonafide_metadata::{Dialect, dialects};
use bonafide_opener::Held;
use bonafide_types::BindingId;
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use tokio::task::JoinSet;

/// Time between two looks at what serves, and two attempts to listen where nothing does. Source: ours; a port that somebody else had
/// is taken soon, and that an endpoint stopped by itself is to be seen within 5 s.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The reason why a binding does not serve after a restart.
enum Unserved {
    Gone(String),
    Waiting(String),
}

impl From<PlaceError> for Unserved {
    fn from(error: PlaceError) -> Self {
        Self::Waiting(error.to_string())
    }
}

impl Bindings {
    /// Takes up all that was attached: a place that is still the same serves again; one that is another under the same
    /// name serves nothing. What is held for no binding is closed.
    pub async fn restore(&self) -> Result<(), BindingsError> {
        let _one_at_a_time = self.changing.lock().await;
        let found = self.rows.read_all(&self.log)?;
        // Without it what takes privileges waits, and everything else goes on: control plane, ports, sockets.
        let held = self.ask(|opener| opener.held()).await.unwrap_or_else(|error| {
            self.log.event(&Event::named("bindingsNotTakenUp"), &error);
            Vec::new()
        });
        let mut held: HashMap<String, Held> = held.into_iter().map(|held| (held.key.clone(), held)).collect();
        let kept: HashSet<BindingId> = found.rows.iter().map(|row| row.id).collect();
        for row in found.rows {
            self.placements.hold(row.workload, row.was_put_here).await;
            let own = held.remove(&key(row.id, OWN));
            self.take_up(row, own).await;
        }
        for (key, held) in held {
            let owner = key.split('/').next().and_then(|id| id.parse::<BindingId>().ok());
            match owner {
                Some(id) if kept.contains(&id) => drop(self.given().insert(key, held)),
                // Its address is not free for others to answer at, but nobody waits for an answer, either.
                Some(id) if found.set_aside.contains(&id) => held.sockets.iter().for_each(refuse),
                Some(_) => {
                    if let Err(error) = self.ask(move |opener| opener.close(&key)).await {
                        self.log.event(&Event::named("bindingNotClosed"), &error);
                    }
                }
                None => {}
            }
        }
        self.changed.send_replace(());
        Ok(())
    }

    async fn take_up(&self, mut row: BindingRow, held: Option<Held>) {
        let rules = RulesInForce::new(row.rules.as_ref().map(KeptRules::rules));
        let (state, note, serving) = match self.opened_again(&row, held).await {
            Ok((dialect, opened)) => {
                if let Some((file, folder)) = opened.socket {
                    (row.identity.socket, row.identity.folder) = (Some(file), Some(folder));
                    if let Err(error) = self.rows.write(&row) {
                        self.log.event(&self.event("bindingNotKept", &row), &error);
                    }
                }
                (
                    BindingState::Serving,
                    opened.note,
                    Some(self.serve(&row, dialect, &rules, (opened.sockets, opened.callers))),
                )
            }
            Err(Unserved::Gone(why)) => {
                self.log.event(&self.event("bindingGone", &row), &why);
                // Nothing of it is where it belongs.
                let _ = self.close(row.id).await;
                (BindingState::Gone(why), None, None)
            }
            Err(Unserved::Waiting(why)) => {
                self.log.event(&self.event("bindingNotServed", &row), &why);
                (BindingState::Waiting(why), None, None)
            }
        };
        self.entries().insert(row.id, Entry { row, state, note, serving, rules });
    }

    /// The sockets of a binding: those that are held for it or, where the place is still the same, new ones.
    async fn opened_again(&self, row: &BindingRow, held: Option<Held>) -> Result<(&'static Dialect, Opened), Unserved> {
        let dialect = dialects::named(&row.dialect);
        let dialect = dialect.ok_or_else(|| Unserved::Waiting(format!("there is no dialect '{}'", row.dialect)))?;
        let is_kernels = matches!(row.place, Place::Netns { .. } | Place::Interface { .. });
        if is_kernels && row.identity.boot != self.here.boot {
            return Err(Unserved::Gone(
                "the machine was started anew, and its namespaces and devices are others: attach it anew".to_owned(),
            ));
        }
        // One whose file was removed is reached by nobody.
        let held = held.filter(|_| row.is_reached());
        // Sockets that were held: their holder saw that the device stayed.
        let was_held = held.is_some();
        let opened = match held {
            Some(held) => opened(&row.place, held)?,
            None => self.open_again(row).await?,
        };
        let is_proven = was_held || !matches!(row.place, Place::Interface { .. }) || row.identity.has_mark_of(&opened);
        let is_same = (opened.namespace, opened.device) == (row.identity.namespace, row.identity.device) && is_proven;
        match is_same || !is_kernels {
            true => Ok((dialect, opened)),
            false => Err(other(row)),
        }
    }

    /// Opens the place anew, unless it is another one by its name already.
    async fn open_again(&self, row: &BindingRow) -> Result<Opened, Unserved> {
        let namespace = match self.namespace_of(&row.place, None) {
            Ok(namespace) => namespace,
            Err(PlaceError::Namespace(error)) => {
                return Err(Unserved::Gone(format!(
                    "its network namespace cannot be found any more ({error}): attach it anew"
                )));
            }
            Err(PlaceError::NotANamespace(_) | PlaceError::Own(_)) => return Err(other(row)),
            Err(error) => return Err(error.into()),
        };
        // Before anything is opened there: another namespace is left as it is.
        if namespace.as_ref().map(|namespace| namespace.inode) != row.identity.inode {
            return Err(other(row));
        }
        Ok(self.open(row.id, &row.place, namespace, row.identity.folder).await?)
    }

    /// Tries again, until told to stop, where nothing could listen; then ends all bindings' listeners. Their sockets stay
    /// with who holds them.
    pub async fn stay(self: std::sync::Arc<Self>, mut stop: Stop) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {
                    self.try_again().await;
                    self.look().await;
                    self.attach_missing().await;
                }
                () = stopped(&mut stop) => break,
            }
        }
        let serving: Vec<_> = self.entries().values_mut().filter_map(|entry| entry.serving.take()).collect();
        // Together: each may wait for who has just connected.
        serving.into_iter().map(Serving::end_in_peace).collect::<JoinSet<()>>().join_all().await;
    }

    async fn try_again(&self) {
        let waiting = || -> Vec<BindingRow> {
            let entries = self.entries();
            let waiting = entries.values().filter(|entry| matches!(entry.state, BindingState::Waiting(_)));
            waiting.map(|entry| entry.row.clone()).collect()
        };
        if waiting().is_empty() {
            return;
        }
        let _one_at_a_time = self.changing.lock().await;
        let mut held = self.held_without_mark(&waiting()).await;
        for row in waiting() {
            let (own, row_is) = (held.remove(&key(row.id, OWN)), row.id);
            self.take_up(row, own).await;
            if let Some(entry) = self.entries().get(&row_is).filter(|entry| entry.serving.is_some()) {
                self.log.event(&self.event("bindingServed", &entry.row), &"it listens again");
            }
        }
        self.changed.send_replace(());
    }
}

impl PlaceIdentity {
    /// True where the device has the mark that was put on it when it was attached. Its name and its index are given by
    /// whoever makes one.
    fn has_mark_of(&self, opened: &Opened) -> bool {
        self.device_mark.is_some() && self.device_mark == opened.device_mark
    }
}

fn other(row: &BindingRow) -> Unserved {
    Unserved::Gone(format!(
        "what is at {} now is not what was attached, and has no identity: attach it anew, if it is meant",
        row.place
    ))
}
