//! Attaching a place to a workload.

use super::open::{Namespace, Opened, PlaceError};
use super::{Bindings, Entry};
use crate::bindings::kept_rules::{KeptRules, NotTaken, WantedRules};
use crate::bindings::place::Place;
use crate::bindings::row::{BindingLine, BindingRow, BindingState, HeaderSecret, PlaceIdentity};
use crate::bindings::wanted::{Wanted, WantedError};
use crate::rules::RulesInForce;
use crate::state::StateError;
use bonafide_crypto::{SystemEntropy, random};
use bonafide_files::{User, write_private};
use bonafide_http::{Event, clock};
use bonafide_metadata::Dialect;
use bonafide_types::{BindingId, base64url};
use bonafide_wire::hosts::Workload;
use std::os::fd::OwnedFd;

/// Bytes of the secret of an endpoint.
const SECRET_BYTES: usize = 32;

/// The reason why a place was not attached.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// It makes no sense.
    #[error(transparent)]
    Wanted(#[from] WantedError),
    /// The workload is not known, or not to run here.
    #[error("{0}")]
    Workload(String),
    /// The place is another binding's.
    #[error("{place} is attached to {workload} already, as binding {id}: `bonafide host detach --binding {id}` first")]
    Occupied {
        /// The place.
        place: String,
        /// The workload's ARM id.
        workload: String,
        /// The binding.
        id: BindingId,
    },
    /// Nothing listens there.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// Its rules are for another kind of place, or cannot be followed. Those of a binding that is there stay in force.
    #[error("{0}; nothing was changed")]
    Rules(#[from] NotTaken),
    /// The row could not be kept.
    #[error("cannot keep the binding: {0}")]
    Row(#[from] StateError),
}

/// The one who attaches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attacher {
    /// The user.
    pub(crate) user: User,
    /// True where it is the configuration file.
    pub(crate) is_configuration: bool,
}

impl Attacher {
    /// Refuses rules that are not to be followed. Who attaches by hand is there to mend a mistake; a place of the
    /// configuration is attached at a start without anybody, and allows nothing until its file is mended.
    fn check(self, rules: &WantedRules, place: &Place) -> Result<(), NotTaken> {
        match self.is_configuration {
            true => rules.check_at(place),
            false => rules.good_at(place).map(drop),
        }
    }
}

/// A binding that was attached, now or before.
#[derive(Debug)]
pub(crate) struct Attached {
    pub(crate) line: BindingLine,
    pub(crate) row: BindingRow,
    pub(crate) without_identity: bool,
}

impl Bindings {
    /// Attaches a place, and serves it when this returns. What is attached to the same workload in the same way already
    /// stays as it is.
    pub(crate) async fn attach(
        &self,
        wanted: &Wanted,
        namespace: Option<OwnedFd>,
        by: Attacher,
    ) -> Result<Attached, AttachError> {
        wanted.check()?;
        let dialect = wanted.dialect()?;
        wanted.rules.as_ref().map_or(Ok(()), |rules| by.check(rules, &wanted.place))?;
        let namespace = self.namespace_of(&wanted.place, namespace)?;
        let id = self.placements.resolve(wanted.workload.clone()).await.map_err(AttachError::Workload)?;
        let (workload, was_put_here) = self.placements.acquire(id).await.map_err(AttachError::Workload)?;
        let lease = Lease { workload, was_put_here, by };
        let attached = self.attach_here(wanted, dialect, namespace, lease).await;
        if !matches!(attached, Ok((_, true))) {
            self.placements.release(id).await;
        }
        Ok(attached?.0)
    }

    /// The same for a workload that is on this host. True where the binding is a new one.
    async fn attach_here(
        &self,
        wanted: &Wanted,
        dialect: &'static Dialect,
        namespace: Option<Namespace>,
        lease: Lease,
    ) -> Result<(Attached, bool), AttachError> {
        let _one_at_a_time = self.changing.lock().await;
        let inode = namespace.as_ref().map(|namespace| namespace.inode);
        let without_identity = lease.workload.identities.is_empty();
        let mut row = self.row(wanted, dialect, inode, &lease);
        let rules = wanted.rules.as_ref().map(|rules| KeptRules::after(None, rules, &wanted.place));
        if let Some(there) = self.occupant(&row) {
            let is_like = self.entries().get(&there).is_some_and(|entry| entry.row.is_like(&row));
            let not_taken = match &wanted.rules {
                Some(rules) if is_like => self.set_rules_now(there, Some(rules))?,
                Some(_) | None => None,
            };
            return match self.entries().get(&there) {
                Some(entry) if is_like => {
                    let line = entry.line().with_rules_not_taken(not_taken.as_ref());
                    Ok((Attached { line, row: entry.row.clone(), without_identity }, false))
                }
                Some(entry) => Err(AttachError::Occupied {
                    place: entry.row.place.to_string(),
                    workload: entry.row.resource_id.to_string(),
                    id: there,
                }),
                None => Err(AttachError::Workload("another command changed this binding; try again".to_owned())),
            };
        }
        let (rules, not_taken) = rules.unzip();
        let not_taken = not_taken.flatten();
        row.rules = rules;
        not_taken.iter().for_each(|why| self.tell_not_taken(&row, why));
        // Attachments of the same name when it led to another place.
        let leftovers = self.leftovers(&row);
        for id in leftovers {
            self.end(id).await.map_err(|error| AttachError::Place(error.into()))?;
        }
        let opened = self.open(row.id, &row.place, namespace, None).await?;
        let Opened { sockets, namespace, device, device_mark, note, socket, callers } = opened;
        let (socket, folder) = socket.unzip();
        row.identity = PlaceIdentity { namespace, device, device_mark, socket, folder, ..row.identity };
        if let Err(error) = self.keep(&row) {
            // The sockets of a binding that nobody knows: the next start closes them, if this does not.
            let _ = self.close(row.id).await;
            return Err(error.into());
        }
        let rules = RulesInForce::new(row.rules.as_ref().map(KeptRules::rules));
        let serving = Some(self.serve(&row, dialect, &rules, (sockets, callers)));
        let entry = Entry { row: row.clone(), state: BindingState::Serving, note, serving, rules };
        let line = entry.line().with_rules_not_taken(not_taken.as_ref());
        self.entries().insert(row.id, entry);
        self.log.event(&self.event("bindingAttached", &row), &"it was asked for");
        self.changed.send_replace(());
        Ok((Attached { line, row, without_identity }, true))
    }

    fn row(&self, wanted: &Wanted, dialect: &Dialect, inode: Option<u64>, lease: &Lease) -> BindingRow {
        let secret = dialect.has_secret().then(|| base64url::encode(&random::bytes::<SECRET_BYTES>()));
        BindingRow {
            id: BindingId::random(&SystemEntropy),
            workload: lease.workload.id,
            resource_id: lease.workload.resource_id.clone(),
            place: wanted.place.clone(),
            dialect: dialect.name().to_owned(),
            options: wanted.options.clone(),
            identity: PlaceIdentity {
                boot: self.here.boot.clone(),
                namespace: self.here.cookie,
                inode,
                device: None,
                device_mark: None,
                socket: None,
                folder: None,
            },
            user: wanted.user(lease.by.user).map(User::id),
            attached_micros: clock::now().unix_micros(),
            secret: secret.map(HeaderSecret::new),
            rules: None,
            was_put_here: lease.was_put_here,
            is_configured: lease.by.is_configuration,
        }
    }

    /// Writes the row, and the file with its secret, if it has one.
    fn keep(&self, row: &BindingRow) -> Result<(), StateError> {
        if let Some(secret) = &row.secret {
            write_private(&self.files.header_of(row.id), secret.expose().as_bytes())?;
        }
        self.rows.write(row)
    }

    /// The binding that has the place, and is not gone.
    fn occupant(&self, wanted: &BindingRow) -> Option<BindingId> {
        let entries = self.entries();
        let mut there = entries.values().filter(|entry| !matches!(entry.state, BindingState::Gone(_)));
        there.find(|entry| entry.row.is_at(wanted)).map(|entry| entry.row.id)
    }

    /// Those that were attached under the name that the place has, when another place had it.
    fn leftovers(&self, wanted: &BindingRow) -> Vec<BindingId> {
        let is_other = |entry: &&Entry| {
            matches!(entry.state, BindingState::Gone(_)) || entry.row.identity.inode != wanted.identity.inode
        };
        let entries = self.entries();
        let others = entries.values().filter(|entry| entry.row.place == wanted.place).filter(is_other);
        others.map(|entry| entry.row.id).collect()
    }

    pub(super) fn event(&self, name: &'static str, row: &BindingRow) -> Event {
        let event = Event::named(name).with("binding", row.id).with("workload", row.workload);
        let event = event.with("resourceId", &row.resource_id).with("place", &row.place);
        event.with("dialect", &row.dialect).apart(&row.id.to_string())
    }
}

/// A workload that was acquired for a binding.
struct Lease {
    workload: Workload,
    was_put_here: bool,
    by: Attacher,
}

impl BindingRow {
    /// True of a row for the same place. Namespaces that are there both have one inode only if they are one.
    fn is_at(&self, other: &Self) -> bool {
        let same_namespace = self.identity.inode == other.identity.inode;
        match (&self.place, &other.place) {
            (Place::Netns { port, .. }, Place::Netns { port: other, .. }) => same_namespace && port == other,
            (Place::Interface { name, .. }, Place::Interface { name: other, .. }) => same_namespace && name == other,
            (one, other) if one.socket_path().is_some() => one.socket_path() == other.socket_path(),
            (one, other) => one == other,
        }
    }

    /// True of a row that makes the same of the place.
    fn is_like(&self, other: &Self) -> bool {
        let of = |row: &Self| (row.workload, row.dialect.clone(), row.options.clone(), row.user, row.is_configured);
        of(self) == of(other)
    }
}
