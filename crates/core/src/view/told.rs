//! The hosts that have heard of a revision: a write that is about a host that is there is answered once the host knows of
//! it. One that is gone is waited for once.

use super::View;
use bonafide_store::Revision;
use bonafide_types::{HostId, Timestamp};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Time after the end of a poll within which a host polls again, in seconds. Source: ours; it asks at once.
const BETWEEN_POLLS_SECONDS: u64 = 2;

/// A host's last poll.
#[derive(Debug, Clone, Copy)]
struct Poll {
    /// It has applied all up to this revision.
    told: Revision,
    /// It is there until then, if it is not heard of before.
    until: Timestamp,
    /// True when a write has waited for it in vain since.
    is_late: bool,
}

/// The polls of the hosts that are connected: one entry each.
#[derive(Default)]
pub(crate) struct Told(Mutex<HashMap<HostId, Poll>>);

impl Told {
    fn lock(&self) -> MutexGuard<'_, HashMap<HostId, Poll>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl View {
    /// Takes down that a host asks for the changes after a revision, and how long it is ready to wait for them; 0 when it
    /// is answered.
    pub fn host_polls(&self, host: HostId, after: Option<Revision>, now: Timestamp, wait_seconds: u64) {
        let told = after.unwrap_or(Revision(0));
        let until = now.plus_seconds(wait_seconds + BETWEEN_POLLS_SECONDS);
        self.told.lock().insert(host, Poll { told, until, is_late: false });
    }

    /// True for a host that is connected.
    pub fn is_host_connected(&self, host: HostId, now: Timestamp) -> bool {
        self.told.lock().get(&host).is_some_and(|poll| now < poll.until)
    }

    /// The connected hosts whose workloads have changed up to a revision, and that have not heard of it; those that a write
    /// has waited for in vain are left out.
    pub fn hosts_to_wait_for(&self, at: Revision, now: Timestamp) -> Vec<HostId> {
        self.behind(at, now).into_iter().filter(|(_, poll)| !poll.is_late).map(|(host, _)| host).collect()
    }

    /// True while a connected host has not heard of a revision up to which its workloads have changed.
    pub fn is_any_host_behind(&self, at: Revision, now: Timestamp) -> bool {
        !self.behind(at, now).is_empty()
    }

    /// Takes down that a write has waited for hosts in vain: none does before they have polled again.
    pub fn hosts_are_late(&self, hosts: &[HostId]) {
        let mut polls = self.told.lock();
        for host in hosts {
            if let Some(poll) = polls.get_mut(host) {
                poll.is_late = true;
            }
        }
    }

    fn behind(&self, at: Revision, now: Timestamp) -> Vec<(HostId, Poll)> {
        let mut polls = self.told.lock();
        polls.retain(|host, poll| now < poll.until && self.hosts.contains_key(host));
        let is_behind = |host: &HostId, poll: &Poll| {
            poll.told < at && self.placed(*host).is_some_and(|placed| poll.told < placed.changed_at())
        };
        polls.iter().filter(|(host, poll)| is_behind(host, poll)).map(|(host, poll)| (*host, *poll)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::placement::{HOSTS, Host, PLACEMENTS, Placement};
    use crate::view::Views;
    use bonafide_crypto::Kek;
    use bonafide_store::{Store, StoreError};
    use bonafide_types::{ResourceId, ResourceUuid, TenantId};
    use uuid::Uuid;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_000_000);

    fn host(n: u128) -> HostId {
        HostId::new(Uuid::from_u128(n))
    }

    fn placement() -> Placement {
        Placement {
            resource_id: ResourceId::parse("/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/g")
                .unwrap(),
            tenant: TenantId::new(Uuid::nil()),
            location: String::new(),
            own: Vec::new(),
            set: None,
            lasting: true,
            instance: None,
            events: None,
            extension: None,
        }
    }

    #[test]
    fn only_a_connected_host_that_a_change_is_about_is_behind_and_one_that_is_gone_is_waited_for_once() {
        let store = Store::in_memory();
        let views = Views::load(&store, Kek::generate()).unwrap();
        let change = |on: u128, n: u128| {
            store.write(|tx| {
                tx.put(&HOSTS, &host(on), &Host::new("h", NOW))?;
                tx.put(&PLACEMENTS, &(host(on), ResourceUuid::new(Uuid::from_u128(n))), &placement())
            })?;
            views.catch_up(&store).unwrap();
            Ok::<_, StoreError>(views.snapshot())
        };
        let (_, view) = (change(1, 1).unwrap(), change(2, 2).unwrap());
        let now_at = view.cursor().revision;
        for n in [1, 2] {
            view.host_polls(host(n), Some(now_at), NOW, 30);
        }
        let view = change(1, 3).unwrap();
        let at = view.cursor().revision;
        assert_eq!(view.hosts_to_wait_for(at, NOW), [host(1)]);
        // Its poll is over in time, or it is gone.
        assert!(!view.is_any_host_behind(at, NOW.plus_seconds(33)));
        view.host_polls(host(1), Some(now_at), NOW, 0);
        assert!(view.is_host_connected(host(1), NOW.plus_seconds(1)) && !view.is_host_connected(host(3), NOW));
        assert_eq!(view.hosts_to_wait_for(at, NOW), [host(1)]);
        view.hosts_are_late(&[host(1)]);
        assert!(view.hosts_to_wait_for(at, NOW).is_empty() && view.is_any_host_behind(at, NOW));
        // It has heard of it, and is waited for again.
        view.host_polls(host(1), Some(at), NOW, 30);
        assert!(!view.is_any_host_behind(at, NOW));
        let view = change(1, 4).unwrap();
        assert_eq!(view.hosts_to_wait_for(view.cursor().revision, NOW), [host(1)]);
    }
}
