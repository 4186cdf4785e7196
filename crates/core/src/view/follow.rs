//! Loading the view and keeping it up with the store.

use super::{KnownCredential, KnownKey, PlacedHost, TenantKeys, View};
use crate::directory::{CREDENTIALS, Credential, PRINCIPALS, RESOURCES_REGISTERED, TENANTS};
use crate::keys::{KeyRowError, SIGNING_KEYS, SigningKeyRow, open_signing_key};
use crate::placement::{HOSTS, PLACEMENTS, Placement};
use arc_swap::ArcSwap;
use bonafide_crypto::Kek;
use bonafide_store::{Change, Changes, Key, Read, Revision, Store, StoreError, Table};
use bonafide_types::{CredentialId, HostId, ObjectId, ResourceUuid, TenantId};
use serde::de::DeserializeOwned;
use std::sync::{Arc, Mutex, PoisonError};

/// Rows read at once while loading, and changes at once while following. Source: ours; bounds the
/// memory of one step, and what the heap keeps of it afterwards.
const STEP_ROWS: usize = 512;

/// The tables that the view holds rows of.
const FOLLOWED: [&str; 7] = [
    TENANTS.name(),
    PRINCIPALS.name(),
    CREDENTIALS.name(),
    HOSTS.name(),
    PLACEMENTS.name(),
    SIGNING_KEYS.name(),
    RESOURCES_REGISTERED.name(),
];

/// Why the view could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum ViewsError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A signing key could not be opened.
    #[error("a signing key cannot be opened: {0}")]
    Key(#[from] KeyRowError),
}

/// The current view, and the way it is renewed. Readers never wait.
pub struct Views {
    current: ArcSwap<View>,
    /// Held while the view is renewed: one at a time, so that none goes back.
    renewing: Mutex<()>,
    kek: Kek,
}

impl Views {
    /// Reads the whole view from the store.
    pub fn load(store: &Store, kek: Kek) -> Result<Self, ViewsError> {
        let view = load(store, &kek)?;
        Ok(Self { current: ArcSwap::from_pointee(view), renewing: Mutex::new(()), kek })
    }

    /// The view as it is now.
    pub fn current(&self) -> arc_swap::Guard<Arc<View>> {
        self.current.load()
    }

    /// The view as it is now, to keep.
    pub fn snapshot(&self) -> Arc<View> {
        self.current.load_full()
    }

    /// The key that sealed keys are opened with.
    pub fn kek(&self) -> &Kek {
        &self.kek
    }

    /// Brings the view to the store's revision at the time of the call or later.
    pub fn catch_up(&self, store: &Store) -> Result<(), ViewsError> {
        let head = store.head()?;
        let _renewing = self.renewing.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let view = self.current.load_full();
            if view.cursor.epoch == head.epoch && view.cursor.revision >= head.revision {
                return Ok(());
            }
            self.current.store(Arc::new(step(store, &self.kek, &view)?));
        }
    }
}

/// The view after the next changes, or read anew when they are no longer there.
fn step(store: &Store, kek: &Kek, view: &View) -> Result<View, ViewsError> {
    match store.changes_of(view.cursor, &FOLLOWED, STEP_ROWS)? {
        Changes::Reload => load(store, kek),
        Changes::Some { changes, cursor } => {
            let mut next = view.clone();
            for change in &changes {
                next.apply(change, kek)?;
            }
            next.cursor = cursor;
            Ok(next)
        }
    }
}

fn load(store: &Store, kek: &Kek) -> Result<View, ViewsError> {
    store.read(|tx| {
        let mut view = View::empty(tx.cursor());
        each(tx, &TENANTS, |id, tenant| {
            view.tenants.insert(id, tenant);
            Ok(())
        })?;
        each(tx, &PRINCIPALS, |id, principal| {
            view.principals.put(id, Some(&principal));
            Ok(())
        })?;
        each(tx, &CREDENTIALS, |(principal, id), credential| {
            view.put_credential(principal, id, Some(&credential));
            Ok(())
        })?;
        each(tx, &HOSTS, |id, host| {
            view.hosts.insert(id, host);
            Ok(())
        })?;
        each(tx, &PLACEMENTS, |(host, workload), placement| {
            view.put_placement(view.cursor.revision, host, workload, Some(placement));
            Ok(())
        })?;
        each(tx, &SIGNING_KEYS, |(tenant, kid), row| view.put_key(kek, tenant, &kid, Some(&row)))?;
        each(tx, &RESOURCES_REGISTERED, |key, resource| {
            view.registered.insert(key, resource);
            Ok(())
        })?;
        Ok(view)
    })
}

/// Runs `body` on every row of a table.
fn each<K: Key, V: DeserializeOwned>(
    tx: &impl Read,
    table: &Table<K, V>,
    mut body: impl FnMut(K, V) -> Result<(), ViewsError>,
) -> Result<(), ViewsError> {
    let mut after = None;
    loop {
        let rows = tx.page(table, &(), after.as_ref(), STEP_ROWS)?;
        let full = rows.len() == STEP_ROWS;
        let mut encoded = Vec::new();
        for (key, value) in rows {
            encoded.clear();
            key.encode(&mut encoded);
            body(key, value)?;
        }
        if !full {
            return Ok(());
        }
        after = K::decode(&encoded);
    }
}

impl View {
    fn apply(&mut self, change: &Change, kek: &Kek) -> Result<(), ViewsError> {
        if let Some((id, tenant)) = TENANTS.decode_change(change)? {
            match tenant {
                Some(tenant) => drop(self.tenants.insert(id, tenant)),
                None => drop(self.tenants.remove(&id)),
            }
        } else if let Some((id, principal)) = PRINCIPALS.decode_change(change)? {
            self.principals.put(id, principal.as_ref());
        } else if let Some(((principal, id), credential)) = CREDENTIALS.decode_change(change)? {
            self.put_credential(principal, id, credential.as_ref());
        } else if let Some((id, host)) = HOSTS.decode_change(change)? {
            match host {
                Some(host) => drop(self.hosts.insert(id, host)),
                None => drop(self.hosts.remove(&id)),
            }
        } else if let Some(((host, workload), placement)) = PLACEMENTS.decode_change(change)? {
            self.put_placement(change.revision, host, workload, placement);
        } else if let Some(((tenant, kid), row)) = SIGNING_KEYS.decode_change(change)? {
            self.put_key(kek, tenant, &kid, row.as_ref())?;
        } else if let Some((key, resource)) = RESOURCES_REGISTERED.decode_change(change)? {
            match resource {
                Some(resource) => drop(self.registered.insert(key, resource)),
                None => drop(self.registered.remove(&key)),
            }
        }
        Ok(())
    }

    fn put_credential(&mut self, principal: ObjectId, id: CredentialId, row: Option<&Credential>) {
        let known = row.and_then(|row| KnownCredential::from_row(id, row));
        self.principals.put_credential(principal, id, known);
    }

    fn put_placement(&mut self, at: Revision, host: HostId, workload: ResourceUuid, placement: Option<Placement>) {
        let since = self.cursor.revision;
        let placed = self.placed.entry(host).or_insert_with(|| Arc::new(PlacedHost::new(since)));
        Arc::make_mut(placed).put(at, workload, placement);
    }

    fn put_key(
        &mut self,
        kek: &Kek,
        tenant: TenantId,
        kid: &str,
        row: Option<&SigningKeyRow>,
    ) -> Result<(), ViewsError> {
        let mut keys = self.keys(tenant).cloned().unwrap_or_else(TenantKeys::default);
        keys.keys.retain(|known| known.key.kid() != kid);
        if let Some(row) = row {
            let key = Arc::new(open_signing_key(kek, tenant, kid, row)?);
            keys.keys.push(KnownKey { key, not_before: row.not_before, not_after: row.not_after });
        }
        self.keys.insert(tenant, Arc::new(keys));
        Ok(())
    }
}
