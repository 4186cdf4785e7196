//! The connections of a listener: how many there are, of whom, and which give way when room is short.

use super::Holder;
use super::shared::{Shared, SharedConnections};
use crate::limits::{
    CONNECTIONS_CLOSED_AT_ONCE, CONNECTIONS_SHARE, REFUSED_CONNECTIONS_MAX, REFUSED_CONNECTIONS_SHARE,
};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::AbortHandle;

/// Of a connection with a request that came whole and is being answered.
const BUSY: u64 = u64::MAX;

/// The connections of a listener. Those whose callers are refused take no place of those who are served.
pub(crate) struct Places {
    served: Arc<Pool>,
    refused: Arc<Pool>,
}

/// Places, of which each holder has a share.
struct Pool {
    max: usize,
    share: usize,
    shared: Option<SharedConnections>,
    started_at: Instant,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    next: u64,
    open: HashMap<u64, Open>,
    /// The number of them that each holder has.
    counts: HashMap<Holder, usize>,
}

struct Open {
    holder: Holder,
    quiet_since: Arc<AtomicU64>,
    /// Ends its task, once there is one that may give way.
    task: Option<AbortHandle>,
    _shared: Shared,
}

impl Places {
    /// At most `max` connections, of which one holder may have all or its share.
    pub(crate) fn new(max: usize, is_of_one_user: bool, shared: Option<SharedConnections>) -> Self {
        let share = if is_of_one_user { max } else { (max / CONNECTIONS_SHARE).max(1) };
        let refused = Pool::new(REFUSED_CONNECTIONS_MAX, REFUSED_CONNECTIONS_SHARE, shared.clone());
        Self { served: Pool::new(max, share, shared), refused }
    }

    /// A place for a connection of `holder`. If there is none, idle connections give way: its own where it has its
    /// share already, otherwise of those who have the most. `None` when none is idle.
    pub(crate) fn enter(&self, holder: Holder) -> Option<Place> {
        self.served.enter(holder)
    }

    /// A place for telling a caller that it is refused, in the same way.
    pub(crate) fn refuse(&self, holder: Holder) -> Option<Place> {
        self.refused.enter(holder)
    }

    /// Closes connections that lie idle, for want of descriptors.
    pub(crate) fn make_room(&self) {
        for pool in [&self.served, &self.refused] {
            pool.close_idle(&mut pool.table(), None);
        }
    }
}

impl Pool {
    fn new(max: usize, share: usize, shared: Option<SharedConnections>) -> Arc<Self> {
        Arc::new(Self { max, share, shared, started_at: Instant::now(), table: Mutex::default() })
    }

    fn enter(self: &Arc<Self>, holder: Holder) -> Option<Place> {
        let mut table = self.table();
        if table.counts.get(&holder).is_some_and(|count| *count >= self.share) {
            self.close_idle(&mut table, Some(holder));
        } else if table.open.len() >= self.max {
            self.close_idle(&mut table, None);
        }
        let has = table.counts.get(&holder).copied().unwrap_or_default();
        if has >= self.share || table.open.len() >= self.max {
            return None;
        }
        let shared = self.share_one(&mut table)?;
        let has = table.counts.get(&holder).copied().unwrap_or_default();
        let quiet_since = Arc::new(AtomicU64::new(self.micros(Instant::now())));
        table.next += 1;
        let id = table.next;
        table.open.insert(id, Open { holder, quiet_since: Arc::clone(&quiet_since), task: None, _shared: shared });
        table.counts.insert(holder, has + 1);
        Some(Place { number: Number { pool: Arc::clone(self), id }, quiet_since })
    }

    /// One of the connections that this listener shares with others. If there is none, its own idle ones give way.
    fn share_one(&self, table: &mut Table) -> Option<Shared> {
        let Some(shared) = &self.shared else { return Some(Shared::nothing()) };
        shared.take(table.open.len()).or_else(|| {
            self.close_idle(table, None);
            shared.take(table.open.len())
        })
    }

    /// Closes the connections that have been idle for longest: of `holder`, or of those who have the most. One that has
    /// not sent its head or its body whole is idle, too: it waits for its peer.
    fn close_idle(&self, table: &mut Table, holder: Option<Holder>) {
        let mut idle: Vec<_> = table
            .open
            .iter()
            .filter(|(_, open)| open.task.is_some() && holder.is_none_or(|holder| open.holder == holder))
            .map(|(id, open)| (open.quiet_since.load(Ordering::Relaxed), *id, open.holder))
            .filter(|(quiet_since, ..)| *quiet_since != BUSY)
            .map(|(quiet_since, id, holder)| (Reverse(table.counts.get(&holder).copied()), quiet_since, id))
            .collect();
        let most = (self.max / CONNECTIONS_CLOSED_AT_ONCE).max(1);
        if idle.len() > most {
            idle.select_nth_unstable(most);
        }
        for (.., id) in idle.into_iter().take(most) {
            if let Some(Open { task: Some(task), .. }) = table.leave(id) {
                task.abort();
            }
        }
    }

    fn micros(&self, at: Instant) -> u64 {
        u64::try_from((at - self.started_at).as_micros()).unwrap_or(BUSY - 1)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn leave(&mut self, id: u64) -> Option<Open> {
        let open = self.open.remove(&id)?;
        if let Some(count) = self.counts.get_mut(&open.holder) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&open.holder);
            }
        }
        Some(open)
    }
}

/// The place of a connection, until this is dropped.
pub(crate) struct Place {
    number: Number,
    /// Microseconds after `Pool::started_at` since when the connection has been idle, or [`BUSY`].
    quiet_since: Arc<AtomicU64>,
}

/// The number of a place.
#[derive(Clone)]
pub(crate) struct Number {
    pool: Arc<Pool>,
    id: u64,
}

impl Number {
    /// Says which task ends when the connection has to give way. Without one it never does.
    pub(crate) fn ends_with(&self, task: AbortHandle) {
        if let Some(open) = self.pool.table().open.get_mut(&self.id) {
            open.task = Some(task);
        }
    }
}

impl Place {
    /// Its number.
    pub(crate) fn number(&self) -> Number {
        self.number.clone()
    }

    /// Counts the connection for somebody else from now on: for its client, whom a proxy has told, or for its host. False
    /// when there is no room for that, or the connection had to give way.
    pub(crate) fn pass_to(&mut self, holder: Holder) -> bool {
        let Number { pool, id } = &self.number;
        let Some(open) = pool.table().leave(*id) else { return false };
        let Some(place) = pool.enter(holder) else { return false };
        if let Some(task) = open.task {
            place.number.ends_with(task);
        }
        *self = place;
        true
    }

    /// A request has come whole, and is being answered.
    pub(crate) fn busy(&self) {
        self.quiet_since.store(BUSY, Ordering::Relaxed);
    }

    /// None is; the connection has waited for its peer since then.
    pub(crate) fn quiet(&self, since: Instant) {
        self.quiet_since.store(self.number.pool.micros(since), Ordering::Relaxed);
    }

    /// The time since which the connection has been idle, unless a request is being answered.
    pub(crate) fn quiet_since(&self) -> Option<Instant> {
        match self.quiet_since.load(Ordering::Relaxed) {
            BUSY => None,
            micros => Some(self.number.pool.started_at + Duration::from_micros(micros)),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // One that had to give way has left already.
        let _ = self.number.pool.table().leave(self.number.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::OWN_CONNECTIONS;

    /// Places with connections of these users, each with a task of its own.
    fn enter(places: &Places, user: u32, count: usize) -> Vec<Place> {
        let one = || {
            let place = places.enter(Holder::User(user)).unwrap();
            place.number.ends_with(tokio::spawn(std::future::pending::<()>()).abort_handle());
            place
        };
        (0..count).map(|_| one()).collect()
    }

    fn count(places: &Places, user: u32) -> usize {
        places.served.table().counts.get(&Holder::User(user)).copied().unwrap_or_default()
    }

    #[tokio::test]
    async fn ov_03_half_is_kept_for_others_whatever_one_user_does() {
        let places = Places::new(8, false, None);
        let busy = enter(&places, 1, 4);
        busy.iter().for_each(Place::busy);
        assert!(places.enter(Holder::User(1)).is_none(), "none of its own is idle");
        let others = enter(&places, 2, 4);
        assert_eq!((count(&places, 1), count(&places, 2)), (4, 4));
        drop((busy, others));
        assert!(places.served.table().open.is_empty() && places.served.table().counts.is_empty());
    }

    #[tokio::test]
    async fn ov_03_the_idle_connections_of_who_has_most_give_way_the_longest_idle_first() {
        let places = Places::new(8, false, None);
        let (few, many) = (enter(&places, 1, 2), enter(&places, 2, 4));
        let more = enter(&places, 3, 2);
        many[2].busy();
        many[0].quiet(Instant::now() + Duration::from_secs(1));
        let new = enter(&places, 4, 1);
        assert_eq!([1, 2, 3, 4].map(|user| count(&places, user)), [2, 3, 2, 1]);
        let is_open = |place: &Place| places.served.table().open.contains_key(&place.number.id);
        assert_eq!(many.iter().map(is_open).collect::<Vec<_>>(), [true, false, true, true]);
        drop((few, many, more, new));
        assert!(places.served.table().counts.is_empty(), "nothing is taken off twice");
    }

    #[tokio::test]
    async fn id_16_who_is_refused_takes_no_place_of_who_is_served() {
        let places = Places::new(4, false, None);
        let refused: Vec<_> = (0..1_000).filter_map(|_| places.refuse(Holder::User(1))).collect();
        assert_eq!(refused.len(), REFUSED_CONNECTIONS_SHARE);
        assert!(places.refuse(Holder::User(2)).is_some());
        assert_eq!(enter(&places, 3, 2).len(), 2);
        drop(refused);
        assert!(places.refused.table().counts.is_empty());
    }

    #[tokio::test]
    async fn ov_03_listeners_that_share_connections_leave_each_other_a_few() {
        let shared = SharedConnections::new(3);
        let places = || Places::new(100, true, Some(shared.clone()));
        let (greedy, other) = (places(), places());
        let busy = enter(&greedy, 1, OWN_CONNECTIONS + 3);
        busy.iter().for_each(Place::busy);
        assert!(greedy.enter(Holder::User(1)).is_none(), "none is left, and none of its own is idle");
        let few = enter(&other, 1, OWN_CONNECTIONS);
        few.iter().for_each(Place::busy);
        assert!(other.enter(Holder::User(1)).is_none());
        few[0].quiet(Instant::now());
        assert_eq!(enter(&other, 1, 1).len(), 1, "an idle one of its own gives way");
        drop(busy);
        assert!(shared.take(OWN_CONNECTIONS).is_some());
    }
}
