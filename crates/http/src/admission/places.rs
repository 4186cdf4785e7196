//! The connections of a listener: how many there are, of whom, and which give way when room is short.

use super::Holder;
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

/// The connections of a listener.
pub(crate) struct Places {
    max: usize,
    share: usize,
    started_at: Instant,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    next: u64,
    open: HashMap<u64, Open>,
    /// The number of them that each holder has.
    served: Counts,
    /// Those of callers who are refused.
    refused: Counts,
}

/// Numbers of connections by their holders.
type Counts = HashMap<Holder, usize>;

struct Open {
    holder: Holder,
    quiet_since: Arc<AtomicU64>,
    /// Ends its task, once there is one.
    task: Option<AbortHandle>,
}

impl Places {
    /// At most `max` connections, of which one holder may have all or its share.
    pub(crate) fn new(max: usize, is_of_one_user: bool) -> Arc<Self> {
        let share = if is_of_one_user { max } else { (max / CONNECTIONS_SHARE).max(1) };
        Arc::new(Self { max, share, started_at: Instant::now(), table: Mutex::default() })
    }

    /// A place for a connection of `holder`. If there is none, idle connections give way: its own where it has its
    /// share already, otherwise of those who have the most. `None` when none is idle.
    pub(crate) fn enter(self: &Arc<Self>, holder: Holder) -> Option<Place> {
        let mut table = self.table();
        if table.served.get(&holder).is_some_and(|count| *count >= self.share) {
            self.close_idle(&mut table, Some(holder));
        } else if table.open.len() >= self.max {
            self.close_idle(&mut table, None);
        }
        let has = table.served.get(&holder).copied().unwrap_or_default();
        if has >= self.share || table.open.len() >= self.max {
            return None;
        }
        let quiet_since = Arc::new(AtomicU64::new(self.micros(Instant::now())));
        table.next += 1;
        let id = table.next;
        table.open.insert(id, Open { holder, quiet_since: Arc::clone(&quiet_since), task: None });
        table.served.insert(holder, has + 1);
        Some(Place { places: Arc::clone(self), of: Of::Served(id), quiet_since })
    }

    /// A place for telling a caller that it is refused, which takes none of those who are served.
    pub(crate) fn refuse(self: &Arc<Self>, holder: Holder) -> Option<Place> {
        let mut table = self.table();
        let has = table.refused.get(&holder).copied().unwrap_or_default();
        if has >= REFUSED_CONNECTIONS_SHARE || table.refused.values().sum::<usize>() >= REFUSED_CONNECTIONS_MAX {
            return None;
        }
        table.refused.insert(holder, has + 1);
        let quiet_since = Arc::new(AtomicU64::new(self.micros(Instant::now())));
        Some(Place { places: Arc::clone(self), of: Of::Refused(holder), quiet_since })
    }

    /// Says which task ends when the connection with this number has to give way.
    pub(crate) fn ends_with(&self, id: Option<u64>, task: AbortHandle) {
        let Some(id) = id else { return };
        if let Some(open) = self.table().open.get_mut(&id) {
            open.task = Some(task);
        }
    }

    /// Closes connections that lie idle, for want of descriptors.
    pub(crate) fn make_room(&self) {
        self.close_idle(&mut self.table(), None);
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
            .map(|(quiet_since, id, holder)| (Reverse(table.served.get(&holder).copied()), quiet_since, id))
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
        less(&mut self.served, open.holder);
        Some(open)
    }
}

fn less(counts: &mut Counts, holder: Holder) {
    if let Some(count) = counts.get_mut(&holder) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&holder);
        }
    }
}

/// The place of a connection, until this is dropped.
pub(crate) struct Place {
    places: Arc<Places>,
    of: Of,
    /// Microseconds after `Places::started_at` since when the connection has been idle, or [`BUSY`].
    quiet_since: Arc<AtomicU64>,
}

/// The connections among which a place is.
enum Of {
    /// Those that are served, by number.
    Served(u64),
    /// Those that are told that they are refused.
    Refused(Holder),
}

impl Place {
    /// Its number, by which [`Places::ends_with`] knows it.
    pub(crate) fn id(&self) -> Option<u64> {
        match self.of {
            Of::Served(id) => Some(id),
            Of::Refused(_) => None,
        }
    }

    /// Counts the connection for somebody else from now on: for its client, whom a proxy has told, or for its host. False
    /// when there is no room for that, or the connection had to give way.
    pub(crate) fn pass_to(&mut self, holder: Holder) -> bool {
        let Some(open) = self.id().and_then(|id| self.places.table().leave(id)) else { return false };
        let Some(place) = self.places.enter(holder) else { return false };
        if let Some(task) = open.task {
            self.places.ends_with(place.id(), task);
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
        self.quiet_since.store(self.places.micros(since), Ordering::Relaxed);
    }

    /// The time since which the connection has been idle, unless a request is being answered.
    pub(crate) fn quiet_since(&self) -> Option<Instant> {
        match self.quiet_since.load(Ordering::Relaxed) {
            BUSY => None,
            micros => Some(self.places.started_at + Duration::from_micros(micros)),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.places.table();
        match self.of {
            // One that had to give way has left already.
            Of::Served(id) => drop(table.leave(id)),
            Of::Refused(holder) => less(&mut table.refused, holder),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Places with connections of these users, each with a task of its own.
    fn enter(places: &Arc<Places>, user: u32, count: usize) -> Vec<Place> {
        let one = || {
            let place = places.enter(Holder::User(user)).unwrap();
            places.ends_with(place.id(), tokio::spawn(std::future::pending::<()>()).abort_handle());
            place
        };
        (0..count).map(|_| one()).collect()
    }

    fn count(places: &Places, user: u32) -> usize {
        places.table().served.get(&Holder::User(user)).copied().unwrap_or_default()
    }

    #[tokio::test]
    async fn ov_03_half_is_kept_for_others_whatever_one_user_does() {
        let places = Places::new(8, false);
        let busy = enter(&places, 1, 4);
        busy.iter().for_each(Place::busy);
        assert!(places.enter(Holder::User(1)).is_none(), "none of its own is idle");
        let others = enter(&places, 2, 4);
        assert_eq!((count(&places, 1), count(&places, 2)), (4, 4));
        drop((busy, others));
        assert!(places.table().open.is_empty() && places.table().served.is_empty());
    }

    #[tokio::test]
    async fn ov_03_the_idle_connections_of_who_has_most_give_way_the_longest_idle_first() {
        let places = Places::new(8, false);
        let (few, many) = (enter(&places, 1, 2), enter(&places, 2, 4));
        let more = enter(&places, 3, 2);
        many[2].busy();
        many[0].quiet(Instant::now() + Duration::from_secs(1));
        let new = enter(&places, 4, 1);
        assert_eq!([1, 2, 3, 4].map(|user| count(&places, user)), [2, 3, 2, 1]);
        let is_open = |place: &Place| places.table().open.contains_key(&place.id().unwrap());
        assert_eq!(many.iter().map(is_open).collect::<Vec<_>>(), [true, false, true, true]);
        drop((few, many, more, new));
        assert!(places.table().served.is_empty(), "nothing is taken off twice");
    }

    #[tokio::test]
    async fn id_16_who_is_refused_takes_no_place_of_who_is_served() {
        let places = Places::new(4, false);
        let refused: Vec<_> = (0..1_000).filter_map(|_| places.refuse(Holder::User(1))).collect();
        assert_eq!(refused.len(), REFUSED_CONNECTIONS_SHARE);
        assert!(places.refuse(Holder::User(2)).is_some());
        assert_eq!(enter(&places, 3, 2).len(), 2);
        drop(refused);
        assert!(places.table().refused.is_empty());
    }
}
