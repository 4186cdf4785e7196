//! Invariants over ranges, each raced by real threads: none of them is a property of one row, so
//! comparing rows alone would let every one of them break.

use super::Place;
use crate::absence::Absence;
use crate::error::StoreError;
use crate::index::{Index, Unique};
use crate::read::Read;
use crate::store::Store;
use crate::table::Table;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Races per case. Without range compares each case fails within a few.
const ROUNDS: u64 = 60;

const GROUPS: Table<u64, String> = Table::new("group", Absence::Withholds);
const MEMBERS: Table<(u64, u64), String> = Table::new("member", Absence::Withholds);
const NAMED: Table<u64, String> =
    Table::indexed("named", Absence::Withholds, |_, name, entries| entries.unique(&BY_NAME, name));
const BY_NAME: Unique<String, u64> = Unique::new("named-by-name");
const USES: Table<u64, u64> =
    Table::indexed("use", Absence::Withholds, |_, identity, entries| entries.many(&BY_IDENTITY, identity));
const BY_IDENTITY: Index<u64, u64> = Index::new("use-by-identity");

pub fn du_07_a_group_is_deleted_only_while_it_is_empty<P: Place>() {
    let (mut deleted, mut filled) = (0, 0);
    each_round::<P>(|store, round| {
        write(store, |tx| tx.put(&GROUPS, &round, &"group".to_owned()));
        race(&[
            &|| {
                write(store, |tx| match tx.page(&MEMBERS, &round, None, 1)?.is_empty() {
                    true => tx.delete(&GROUPS, &round),
                    false => Ok(()),
                })
            },
            &|| {
                write(store, |tx| match tx.get(&GROUPS, &round)? {
                    Some(_) => tx.put(&MEMBERS, &(round, 1), &"member".to_owned()),
                    None => Ok(()),
                })
            },
        ]);
        let group = store.read(|tx| tx.get(&GROUPS, &round)).unwrap().is_some();
        let member = !store.read(|tx| tx.page(&MEMBERS, &round, None, 1)).unwrap().is_empty();
        assert_eq!(group, member, "round {round}: a member without its group, or neither");
        (deleted, filled) = (deleted + u32::from(!group), filled + u32::from(group));
    });
    assert_eq!(u64::from(deleted + filled), ROUNDS);
}

pub fn a_name_is_taken_once<P: Place>() {
    each_round::<P>(|store, round| {
        let name = format!("name {round}");
        let (won, lost) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let take = |key: u64| {
            let taken = store.write(|tx| {
                if tx.find(&BY_NAME, &name)?.is_some() {
                    return Ok::<_, StoreError>(false);
                }
                tx.put(&NAMED, &key, &name)?;
                Ok(true)
            });
            let count = if taken.unwrap() { &won } else { &lost };
            count.fetch_add(1, Ordering::Relaxed);
        };
        race(&[&|| take(4 * round), &|| take(4 * round + 1), &|| take(4 * round + 2), &|| take(4 * round + 3)]);
        assert_eq!((won.into_inner(), lost.into_inner()), (1, 3), "round {round}");
        let rows = store.read(|tx| tx.page(&NAMED, &(), None, usize::MAX)).unwrap();
        let owners: Vec<_> = rows.iter().filter(|(_, taken)| *taken == name).map(|(key, _)| *key).collect();
        assert_eq!(owners, Vec::from_iter(store.read(|tx| tx.find(&BY_NAME, &name)).unwrap()));
    });
}

pub fn an_identity_in_use_is_not_deleted<P: Place>() {
    each_round::<P>(|store, round| {
        write(store, |tx| tx.put(&GROUPS, &round, &"identity".to_owned()));
        race(&[
            &|| {
                write(store, |tx| match tx.many(&BY_IDENTITY, &round, None, 1)?.is_empty() {
                    true => tx.delete(&GROUPS, &round),
                    false => Ok(()),
                })
            },
            &|| {
                write(store, |tx| match tx.get(&GROUPS, &round)? {
                    Some(_) => tx.put(&USES, &round, &round),
                    None => Ok(()),
                })
            },
        ]);
        let identity = store.read(|tx| tx.get(&GROUPS, &round)).unwrap().is_some();
        let used = !store.read(|tx| tx.many(&BY_IDENTITY, &round, None, 1)).unwrap().is_empty();
        assert_eq!(identity, used, "round {round}: a use of nothing, or neither");
    });
}

pub fn du_07_a_quota_is_never_exceeded<P: Place>() {
    const QUOTA: usize = 2;
    each_round::<P>(|store, round| {
        let join = |member: u64| {
            write(store, |tx| match tx.page(&MEMBERS, &round, None, QUOTA)?.len() {
                QUOTA => Ok(()),
                _ => tx.put(&MEMBERS, &(round, member), &"member".to_owned()),
            });
        };
        race(&[&|| join(1), &|| join(2), &|| join(3), &|| join(4)]);
        let members = store.read(|tx| tx.page(&MEMBERS, &round, None, usize::MAX)).unwrap();
        assert_eq!(members.len(), QUOTA, "round {round}");
    });
}

pub fn du_07_one_of_two_always_stays<P: Place>() {
    each_round::<P>(|store, round| {
        write(store, |tx| (1..=2).try_for_each(|n| tx.put(&MEMBERS, &(round, n), &"on call".to_owned())));
        let leave = |member: u64| {
            write(store, |tx| match tx.page(&MEMBERS, &round, None, 2)?.len() {
                2 => tx.delete(&MEMBERS, &(round, member)),
                _ => Ok(()),
            });
        };
        race(&[&|| leave(1), &|| leave(2)]);
        let staying = store.read(|tx| tx.page(&MEMBERS, &round, None, usize::MAX)).unwrap();
        assert_eq!(staying.len(), 1, "round {round}");
    });
}

fn each_round<P: Place>(mut round: impl FnMut(&Store, u64)) {
    let place = P::default();
    let store = place.store();
    (0..ROUNDS).for_each(|number| round(&store, number));
}

fn write(store: &Store, body: impl FnMut(&mut crate::Tx<'_>) -> Result<(), StoreError>) {
    store.write(body).unwrap();
}

/// Runs all at the same time, as nearly as a barrier can make it.
fn race(runners: &[&(dyn Fn() + Sync)]) {
    let start = Barrier::new(runners.len());
    thread::scope(|scope| {
        for runner in runners {
            scope.spawn(|| {
                start.wait();
                runner();
            });
        }
    });
}
