//! Loading the view and keeping it up with the store.

use super::{KnownCredential, KnownKey, PlacedHost, TenantKeys, View};
use crate::directory::{
    APP_ROLE_ASSIGNMENTS, APPLICATIONS, AppRoleAssignment, Application, CREDENTIALS, Credential, LIFETIME_POLICY_OF,
    PRINCIPALS, RESOURCES_REGISTERED, SUBSCRIPTIONS, ServicePrincipal, Subscription, TENANTS, TOKEN_LIFETIME_POLICIES,
    TokenLifetimePolicy,
};
use crate::keys::{KeyRowError, SIGNING_KEYS, SigningKeyRow, open_signing_key};
use crate::placement::{HOSTS, IDENTITIES_OF_SETS, PLACEMENTS, Placed, Placement, SetIdentities};
use arc_swap::ArcSwap;
use bonafide_crypto::Kek;
use bonafide_store::{Change, Changes, Key, Read, ReadTx, Revision, Store, StoreError, StoredRows, Table};
use bonafide_types::{CredentialId, HostId, ObjectId, ResourceUuid, SubscriptionId, TenantId};
use imbl::HashMap;
use serde::de::DeserializeOwned;
use std::hash::Hash;
use std::panic::resume_unwind;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread;
use uuid::Uuid;

/// Rows read at once while loading, and changes at once while following. Source: ours; bounds the
/// memory of one step, and what the heap keeps of it afterwards.
const STEP_ROWS: usize = 512;

/// Steps that are read before their rows are put into the view. Source: ours; as few as keep both busy.
const STEPS_AHEAD: usize = 2;

/// The tables that the view holds rows of, and how each row gets into it: a line for each table.
const FOLLOWED: [&dyn Followed; 13] = [
    &Follow { table: &TENANTS, put: |view, _, id, row| set(&mut view.tenants, id, row) },
    &Follow { table: &SUBSCRIPTIONS, put: |view, _, id, row| view.put_subscription(id, row.as_ref()) },
    &Follow { table: &PRINCIPALS, put: |view, _, id, row| view.put_principal(id, row.as_ref()) },
    &Follow { table: &APPLICATIONS, put: |view, _, id, row| view.put_application(id, row.as_ref()) },
    &Follow { table: &APP_ROLE_ASSIGNMENTS, put: |view, _, id, row| view.put_app_role(id, row.as_ref()) },
    &Follow { table: &TOKEN_LIFETIME_POLICIES, put: |view, _, id, row| view.put_lifetime(id, row.as_ref()) },
    &Follow { table: &LIFETIME_POLICY_OF, put: |view, _, object, policy| view.put_lifetime_of(object, policy) },
    &Follow { table: &CREDENTIALS, put: |view, _, (of, id), row| view.put_credential(of, id, row.as_ref()) },
    &Follow { table: &HOSTS, put: |view, _, id, row| set(&mut view.hosts, id, row) },
    &Follow { table: &IDENTITIES_OF_SETS, put: |view, at, id, row| view.put_set(at.revision, id, row) },
    &Follow { table: &PLACEMENTS, put: |view, at, (host, id), row| view.put_placement(at.revision, host, id, row) },
    &Follow { table: &SIGNING_KEYS, put: |view, at, (of, kid), row| view.put_key(at.kek, of, &kid, row.as_ref()) },
    &Follow { table: &RESOURCES_REGISTERED, put: |view, _, key, row| set(&mut view.registered, key, row) },
];

/// Names of [`FOLLOWED`], for the store.
static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| FOLLOWED.iter().map(|table| table.name()).collect());

/// A table that the view follows.
trait Followed: Sync {
    fn name(&self) -> &'static str;
    /// Puts every row into a view that has none.
    fn load(&self, tx: &ReadTx<'_>, view: &mut View, at: &At<'_>) -> Result<(), ViewsError>;
    /// Puts one change into the view; false when it is of another table.
    fn apply(&self, view: &mut View, change: &Change, at: &At<'_>) -> Result<bool, ViewsError>;
}

/// The revision of a row, its store, and the key that opens sealed ones.
struct At<'a> {
    revision: Revision,
    store: &'a Store,
    kek: &'a Kek,
}

struct Follow<K: 'static, V: 'static> {
    table: &'static Table<K, V>,
    /// Puts a row into the view, or takes it out.
    put: fn(&mut View, &At<'_>, K, Option<V>) -> Result<(), ViewsError>,
}

impl<K: Key, V: DeserializeOwned> Follow<K, V> {
    /// The rows after a stored key, as they are stored, and the key after which the next ones begin, if there can be more.
    fn read<'a>(&self, tx: &'a ReadTx<'_>, after: Option<&[u8]>) -> Result<Step<'a, K, V>, ViewsError> {
        let rows = tx.stored(self.table, after, STEP_ROWS)?;
        let next = rows.last().filter(|_| rows.len() == STEP_ROWS).map(<[u8]>::to_vec);
        Ok((rows, next))
    }

    fn put_all(&self, view: &mut View, at: &At<'_>, rows: Vec<(K, V)>) -> Result<(), ViewsError> {
        rows.into_iter().try_for_each(|(key, value)| (self.put)(view, at, key, Some(value)))
    }
}

/// Rows as they are stored, and the stored key of the last, if there can be more.
type Step<'a, K, V> = (StoredRows<'a, K, V>, Option<Vec<u8>>);

impl<K: Key + Send, V: DeserializeOwned + Send> Followed for Follow<K, V> {
    fn name(&self) -> &'static str {
        self.table.name()
    }

    fn load(&self, tx: &ReadTx<'_>, view: &mut View, at: &At<'_>) -> Result<(), ViewsError> {
        let (rows, mut next) = self.read(tx, None)?;
        self.put_all(view, at, rows.open()?)?;
        if next.is_none() {
            return Ok(());
        }
        // Reading a large table, proving and decoding its rows, and putting them into the view: none of them waits for
        // another.
        thread::scope(|scope| {
            let (read, stored) = sync_channel::<StoredRows<'_, K, V>>(STEPS_AHEAD);
            let (open, opened) = sync_channel(STEPS_AHEAD);
            // Each side ends early when the next one did, with an error.
            let opening = move || stored.into_iter().map(StoredRows::open).try_for_each(|rows| open.send(rows));
            let putting = move || opened.into_iter().try_for_each(|rows| self.put_all(view, at, rows?));
            let opening = thread::Builder::new().name("view-rows".to_owned()).spawn_scoped(scope, opening)?;
            let putting = thread::Builder::new().name("view".to_owned()).spawn_scoped(scope, putting)?;
            while next.is_some() {
                let rows;
                (rows, next) = self.read(tx, next.as_deref())?;
                if read.send(rows).is_err() {
                    break;
                }
            }
            drop(read);
            let _ = opening.join().unwrap_or_else(|panic| resume_unwind(panic));
            putting.join().unwrap_or_else(|panic| resume_unwind(panic))
        })
    }

    fn apply(&self, view: &mut View, change: &Change, at: &At<'_>) -> Result<bool, ViewsError> {
        let Some((key, row)) = at.store.decode(self.table, change)? else { return Ok(false) };
        (self.put)(view, at, key, row).map(|()| true)
    }
}

fn set<K: Clone + Eq + Hash, V: Clone>(map: &mut HashMap<K, V>, key: K, value: Option<V>) -> Result<(), ViewsError> {
    match value {
        Some(value) => drop(map.insert(key, value)),
        None => drop(map.remove(&key)),
    }
    Ok(())
}

/// The reason why the view could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum ViewsError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A signing key could not be opened.
    #[error("a signing key cannot be opened: {0}")]
    Key(#[from] KeyRowError),
    /// The system gave no thread.
    #[error("the directory cannot be read without a thread: {0}")]
    Thread(#[from] std::io::Error),
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
    match store.changes_of(view.cursor, &NAMES, STEP_ROWS)? {
        Changes::Reload => load(store, kek),
        Changes::Some { changes, cursor } => {
            let mut next = view.clone();
            for change in &changes {
                next.apply(change, store, kek)?;
            }
            next.cursor = cursor;
            Ok(next)
        }
    }
}

fn load(store: &Store, kek: &Kek) -> Result<View, ViewsError> {
    store.read(|tx| {
        let mut view = View::empty(tx.cursor());
        let at = At { revision: view.cursor.revision, store, kek };
        FOLLOWED.iter().try_for_each(|table| table.load(tx, &mut view, &at))?;
        Ok(view)
    })
}

impl View {
    fn apply(&mut self, change: &Change, store: &Store, kek: &Kek) -> Result<(), ViewsError> {
        let at = At { revision: change.revision, store, kek };
        for table in FOLLOWED {
            if table.apply(self, change, &at)? {
                break;
            }
        }
        Ok(())
    }

    fn put_principal(&mut self, id: ObjectId, row: Option<&ServicePrincipal>) -> Result<(), ViewsError> {
        self.principals.put(id, row);
        Ok(())
    }

    fn put_application(&mut self, id: ObjectId, row: Option<&Application>) -> Result<(), ViewsError> {
        self.applications.put(id, row);
        self.app_roles.define(id, row);
        Ok(())
    }

    fn put_app_role(&mut self, id: (ObjectId, Uuid), row: Option<&AppRoleAssignment>) -> Result<(), ViewsError> {
        self.app_roles.assign(id, row);
        Ok(())
    }

    fn put_lifetime(&mut self, id: ObjectId, row: Option<&TokenLifetimePolicy>) -> Result<(), ViewsError> {
        self.lifetimes.put(id, row);
        Ok(())
    }

    fn put_lifetime_of(&mut self, object: ObjectId, policy: Option<ObjectId>) -> Result<(), ViewsError> {
        self.lifetimes.assign(object, policy);
        Ok(())
    }

    fn put_subscription(&mut self, id: SubscriptionId, row: Option<&Subscription>) -> Result<(), ViewsError> {
        set(&mut self.subscriptions, id, row.map(|row| row.tenant))
    }

    fn put_credential(
        &mut self,
        principal: ObjectId,
        id: CredentialId,
        row: Option<&Credential>,
    ) -> Result<(), ViewsError> {
        let known = row.and_then(|row| KnownCredential::from_row(id, row));
        self.principals.put_credential(principal, id, known);
        Ok(())
    }

    fn put_placement(
        &mut self,
        at: Revision,
        host: HostId,
        workload: ResourceUuid,
        placement: Option<Placement>,
    ) -> Result<(), ViewsError> {
        let since = self.cursor.revision;
        let placed = self.placed.entry(host).or_insert_with(|| Arc::new(PlacedHost::new(since)));
        let placement = placement.map(|row| {
            let of_set = row.set.and_then(|membership| self.sets.get(&membership.set).cloned());
            Placed { row, of_set: of_set.unwrap_or_default() }
        });
        Arc::make_mut(placed).put(at, workload, placement);
        Ok(())
    }

    fn put_set(&mut self, at: Revision, id: ResourceUuid, row: Option<SetIdentities>) -> Result<(), ViewsError> {
        let row = row.map(Arc::new);
        let with_instances: Vec<HostId> =
            self.placed.iter().filter(|(_, placed)| placed.has_instances(id)).map(|(host, _)| *host).collect();
        for host in with_instances {
            if let Some(placed) = self.placed.get_mut(&host) {
                Arc::make_mut(placed).put_set(at, id, &row.clone().unwrap_or_default());
            }
        }
        set(&mut self.sets, id, row)
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
