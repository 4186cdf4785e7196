//! Room for bodies and replies.

use super::Holder;
use crate::limits::{KNOWN_BYTES_MAX, KNOWN_BYTES_SHARE, STEP_BYTES, STRANGERS_BYTES_MAX, STRANGERS_BYTES_SHARE};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The room of one listener: that of principals and hosts, and that of all others, who can fill only their own.
pub(crate) struct Rooms {
    known: Arc<Room>,
    strangers: Arc<Room>,
}

impl Default for Rooms {
    fn default() -> Self {
        Self {
            known: Room::new(KNOWN_BYTES_MAX, KNOWN_BYTES_SHARE),
            strangers: Room::new(STRANGERS_BYTES_MAX, STRANGERS_BYTES_SHARE),
        }
    }
}

impl Rooms {
    /// Waits until the holder's own share has room for this many bytes. Nothing of everybody's room is taken yet: who
    /// announces much and sends nothing keeps only itself waiting.
    pub(crate) async fn announce(&self, holder: Holder, bytes: usize) -> Option<Held> {
        let room = self.of(holder);
        let share = room.share(holder);
        let own = Arc::clone(&share.room).acquire_many_owned(room.steps(bytes)).await.ok()?;
        let all = Arc::clone(&room.all).try_acquire_many_owned(0).ok()?;
        Some(Held { all, share, _own: own })
    }

    /// Room for this many bytes, if there is any now.
    pub(crate) fn try_take(&self, holder: Holder, bytes: usize) -> Option<Held> {
        let room = self.of(holder);
        let (share, steps) = (room.share(holder), room.steps(bytes));
        let own = Arc::clone(&share.room).try_acquire_many_owned(steps).ok()?;
        let all = Arc::clone(&room.all).try_acquire_many_owned(steps).ok()?;
        Some(Held { all, share, _own: own })
    }

    fn of(&self, holder: Holder) -> &Arc<Room> {
        if holder.is_known() { &self.known } else { &self.strangers }
    }
}

/// Steps of [`STEP_BYTES`], and the shares that holders have of them.
struct Room {
    all: Arc<Semaphore>,
    share_steps: usize,
    /// Of holders that hold something, or wait for it.
    shares: Mutex<HashMap<Holder, (Arc<Semaphore>, usize)>>,
}

impl Room {
    fn new(bytes: usize, share_bytes: usize) -> Arc<Self> {
        let (all, share_steps) = (Arc::new(Semaphore::new(bytes / STEP_BYTES)), share_bytes / STEP_BYTES);
        Arc::new(Self { all, share_steps, shares: Mutex::default() })
    }

    /// The steps that this many bytes take: no more than a share, which is all that anybody can have.
    fn steps(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.div_ceil(STEP_BYTES).min(self.share_steps)).unwrap_or(u32::MAX)
    }

    fn share(self: &Arc<Self>, holder: Holder) -> Share {
        let mut shares = self.shares();
        let (room, users) = shares.entry(holder).or_insert_with(|| (Arc::new(Semaphore::new(self.share_steps)), 0));
        *users += 1;
        Share { room: Arc::clone(room), holder, of: Arc::clone(self) }
    }

    fn shares(&self) -> MutexGuard<'_, HashMap<Holder, (Arc<Semaphore>, usize)>> {
        self.shares.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The share of one holder, known for as long as somebody has this.
struct Share {
    room: Arc<Semaphore>,
    holder: Holder,
    of: Arc<Room>,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut shares = self.of.shares();
        if let Some((_, users)) = shares.get_mut(&self.holder) {
            *users -= 1;
            if *users == 0 {
                shares.remove(&self.holder);
            }
        }
    }
}

/// Room that is taken, until this is dropped.
pub(crate) struct Held {
    all: OwnedSemaphorePermit,
    share: Share,
    _own: OwnedSemaphorePermit,
}

impl Held {
    /// Takes room for this many of the bytes that were announced. Only who has none yet waits: those who held some and
    /// waited for more would wait for each other. False when there is none.
    pub(crate) async fn fill(&mut self, bytes: usize) -> bool {
        let has = u32::try_from(self.all.num_permits()).unwrap_or(u32::MAX);
        let (all, lacks) = (Arc::clone(&self.share.of.all), self.share.of.steps(bytes).saturating_sub(has));
        let more = match has {
            0 => all.acquire_many_owned(lacks).await.ok(),
            _ => all.try_acquire_many_owned(lacks).ok(),
        };
        more.map(|more| self.all.merge(more)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARES: usize = KNOWN_BYTES_MAX / KNOWN_BYTES_SHARE;

    #[test]
    fn ov_03_nobody_takes_more_than_a_share_and_strangers_only_their_own_room() {
        let rooms = Rooms::default();
        let _mine = rooms.try_take(Holder::Principal(1), KNOWN_BYTES_SHARE).unwrap();
        assert!(rooms.try_take(Holder::Principal(1), 1).is_none());
        let others: Vec<_> =
            (2..=SHARES as u128).map(|n| rooms.try_take(Holder::Principal(n), 2 * KNOWN_BYTES_MAX)).collect();
        assert!(others.iter().all(Option::is_some));
        assert!(rooms.try_take(Holder::Principal(9), 1).is_none(), "all is taken");
        assert!(rooms.try_take(Holder::User(1), 1).is_some());
        drop(others);
        assert!(rooms.try_take(Holder::Principal(9), 1).is_some());
        assert_eq!(rooms.known.shares().len(), 1, "who holds nothing is forgotten");
    }

    #[tokio::test]
    async fn ov_03_what_is_announced_takes_room_as_it_arrives() {
        let rooms = Rooms::default();
        let mut held = rooms.announce(Holder::User(1), 3 * STEP_BYTES).await.unwrap();
        let left = STRANGERS_BYTES_SHARE / STEP_BYTES - 3;
        assert_eq!((held.share.room.available_permits(), held.all.num_permits()), (left, 0));
        assert!(held.fill(1).await && held.fill(STEP_BYTES).await);
        assert_eq!(held.all.num_permits(), 1);
        assert!(held.fill(STEP_BYTES + 1).await);
        let others = (2..).map_while(|user| rooms.try_take(Holder::User(user), STRANGERS_BYTES_SHARE));
        let others: Vec<_> = others.collect();
        let rest: Vec<_> = (9..).map_while(|user| rooms.try_take(Holder::User(user), 1)).collect();
        assert!(!held.fill(3 * STEP_BYTES).await, "it has some, and there is no more");
        drop((others, rest));
        assert!(held.fill(3 * STEP_BYTES).await);
        drop(held);
        assert_eq!(rooms.strangers.all.available_permits(), STRANGERS_BYTES_MAX / STEP_BYTES);
    }
}
