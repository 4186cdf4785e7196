//! The share that each client has of the token service: whoever asks for more is told to wait, and everybody else goes on.

use bonafide_types::{HostId, ObjectId, Rate, Timestamp};
use bonafide_wire::Peer;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Tokens per second for one client. Source: ours; stock clients keep a token for its hour or day, so that in ordinary use
/// a client asks a few times an hour. A processor makes some thousand tokens a second.
pub const SHARE_PER_SECOND: u32 = 100;
/// Tokens that a client may have saved up. Source: ours; a thousand workloads of one host that start at once with one identity.
pub const SHARE_BURST: u32 = 1_000;
/// Shares that are kept apart. Source: ours; 128 KiB. Two clients that meet in one have it together.
const SHARES: usize = 16_384;

/// A holder of a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Holder {
    /// A client that has proved who it is; a managed identity has a share on each host.
    Client(ObjectId, Option<HostId>),
    /// A host, for what fails over its connection.
    Host(HostId),
    /// All who have not proved who they are: what they claim must cost nobody else.
    Strangers,
}

/// The shares of all clients, in bounded memory. Nobody chooses with whom a share is had together: the key of the hash
/// is random.
pub struct Shares {
    are_lifted: AtomicBool,
    rate: Rate,
    full_at_micros: Box<[AtomicU64]>,
    hash: RandomState,
}

impl Default for Shares {
    fn default() -> Self {
        Self::of(SHARE_PER_SECOND, SHARE_BURST)
    }
}

impl Shares {
    /// Shares of so many tokens a second, and so many saved up.
    pub fn of(per_second: u32, burst: u32) -> Self {
        let full_at_micros = std::iter::repeat_with(AtomicU64::default).take(SHARES).collect();
        let rate = Rate::new(per_second, burst);
        Self { are_lifted: AtomicBool::default(), rate, full_at_micros, hash: RandomState::new() }
    }

    /// Lets clients have as much as they like from now on, or gives each its share again.
    pub fn lift(&self, lifted: bool) {
        self.are_lifted.store(lifted, Ordering::Relaxed);
    }

    /// Takes from the share of a client that has signed in; false when there is nothing left.
    pub(crate) fn take_for_client(&self, client: ObjectId, peer: Peer, now: Timestamp) -> bool {
        self.take(Holder::Client(client, host(peer)), now)
    }

    /// Takes from the share of those who did not sign in; false when there is nothing left.
    pub(crate) fn take_for_failure(&self, peer: Peer, now: Timestamp) -> bool {
        self.take(host(peer).map_or(Holder::Strangers, Holder::Host), now)
    }

    fn take(&self, holder: Holder, now: Timestamp) -> bool {
        if self.are_lifted.load(Ordering::Relaxed) {
            return true;
        }
        let at = self.hash.hash_one(holder) % self.full_at_micros.len() as u64;
        self.full_at_micros.get(at as usize).is_some_and(|full_at| self.rate.take(full_at, now))
    }
}

fn host(peer: Peer) -> Option<HostId> {
    match peer {
        Peer::Host(host) => Some(host),
        Peer::Anonymous(_) | Peer::Certified(..) => None,
    }
}
