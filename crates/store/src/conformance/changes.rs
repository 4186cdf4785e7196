//! Following: what changed, in order, nothing left out.

use super::{ALL, Place, commit, committed, delete, prefix_since, put, row_keys};
use crate::absence::Absence;
use crate::engine::{Change, Changes, Cursor, Engine, Epoch, Revision, Verdict};
use crate::error::StoreError;
use crate::limits::COMPACT_EVERY_REVISIONS;
use crate::options::Options;
use crate::read::Read;
use crate::store::Store;
use crate::table::Table;
use std::collections::BTreeMap;
use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::Duration;
use uuid::Uuid;

const COUNTERS: Table<u64, u64> = Table::new("counter", Absence::Withholds);
/// Its name begins as that of another.
const COUNTERS_2: Table<u64, u64> = Table::new("counter-2", Absence::Withholds);
const NOTES: Table<(u64, u64), u64> = Table::new("note", Absence::Withholds);

/// Long enough to be sure that nobody is coming; reached only when a case fails.
const FOREVER: Duration = Duration::from_secs(15);

pub fn du_11_changes_are_whole_revisions_in_commit_order<P: Place>() {
    let place = P::default();
    let engine = place.open();
    let mut cursor = engine.snapshot().unwrap().cursor();
    engine.commit(&[commit(1, vec![], vec![put("b", "1"), put("a", "1"), put("c", "1")])]).unwrap();
    engine
        .commit(&[commit(2, vec![], vec![put("d", "2")]), commit(3, vec![], vec![delete("a"), put("e", "3")])])
        .unwrap();
    let head = engine.snapshot().unwrap().cursor();

    let (all, end) = some(engine.changes(cursor, &ALL, usize::MAX).unwrap());
    let words: Vec<_> = all.iter().map(|change| (change.revision.0, change.key.as_slice())).collect();
    let expected: [(u64, &[u8]); 6] = [(1, b"b"), (1, b"a"), (1, b"c"), (2, b"d"), (3, b"a"), (3, b"e")];
    assert_eq!(words, expected);
    assert_eq!(end, head);

    let mut pages = Vec::new();
    while cursor != head {
        let (page, next) = some(engine.changes(cursor, &ALL, 2).unwrap());
        pages.push(page.len());
        cursor = next;
    }
    assert_eq!(pages, [3, 3]);
    assert_eq!(some(engine.changes(head, &ALL, 2).unwrap()), (vec![], head));
    // At least one revision, whatever the limit.
    assert_eq!(some(engine.changes(Cursor { revision: Revision(0), ..head }, &ALL, 0).unwrap()).0.len(), 3);
}

pub fn a_change_carries_the_newest_value<P: Place>() {
    let place = P::default();
    let engine = place.open();
    let start = engine.snapshot().unwrap().cursor();
    engine.commit(&[commit(1, vec![], vec![put("a", "1"), put("b", "1")])]).unwrap();
    engine.commit(&[commit(2, vec![], vec![put("a", "2"), delete("b")])]).unwrap();
    let (changes, _) = some(engine.changes(start, &ALL, 10).unwrap());
    let values: Vec<_> = changes.iter().map(|change| change.value.as_deref()).collect();
    assert_eq!(values, [Some(b"2".as_slice()), None, Some(b"2"), None]);
}

pub fn changes_are_of_the_tables_asked_for<P: Place>() {
    let place = P::default();
    let store = place.store();
    let start = store.head().unwrap();
    for n in 0..3 {
        let write: Result<(), StoreError> = store.write(|tx| {
            tx.put(&COUNTERS, &n, &n)?;
            tx.put(&NOTES, &(n, n), &n)?;
            tx.put(&COUNTERS_2, &n, &n)
        });
        write.unwrap();
    }
    let (counters, end) = some(store.changes_of(start, &[COUNTERS.name()], 10).unwrap());
    assert_eq!(end, store.head().unwrap());
    let counted = counters.iter().map(|change| (change.revision.0, store.decode(&COUNTERS, change).unwrap()));
    assert_eq!(
        counted.collect::<Vec<_>>(),
        [(1, Some((0, Some(0)))), (2, Some((1, Some(1)))), (3, Some((2, Some(2))))]
    );
    let (both, end) = some(store.changes_of(start, &[COUNTERS_2.name(), NOTES.name()], 3).unwrap());
    assert_eq!((both.len(), end.revision), (4, Revision(2)));
    assert_eq!(some(store.changes_of(start, &[], 10).unwrap()), (vec![], store.head().unwrap()));
}

pub fn a_foreign_or_future_cursor_reloads<P: Place>() {
    let place = P::default();
    let engine = place.open();
    engine.commit(&[commit(1, vec![], vec![put("a", "1")])]).unwrap();
    let head = engine.snapshot().unwrap().cursor();
    let foreign = Cursor { epoch: Epoch(Uuid::from_u128(u128::MAX)), ..head };
    assert_eq!(engine.changes(foreign, &ALL, 10).unwrap(), Changes::Reload);
    let future = Cursor { revision: head.revision.next(), ..head };
    assert_eq!(engine.changes(future, &ALL, 10).unwrap(), Changes::Reload);
}

pub fn compaction_forgets_the_log_and_keeps_the_rows<P: Place>() {
    let place = P::default();
    let engine = place.open();
    let start = engine.snapshot().unwrap().cursor();
    let at = |revision| Cursor { revision: Revision(revision), ..start };
    for id in 1..=5 {
        engine.commit(&[commit(id, vec![], vec![put("a", id.to_be_bytes())])]).unwrap();
    }
    engine.compact(Revision(3)).unwrap();
    engine.compact(Revision(1)).unwrap();
    assert_eq!(engine.changes(at(2), &ALL, 10).unwrap(), Changes::Reload);
    assert_eq!(some(engine.changes(at(3), &ALL, 10).unwrap()).0.len(), 2);
    let snapshot = engine.snapshot().unwrap();
    assert_eq!(snapshot.get(b"a").unwrap().unwrap().revision, Revision(5));
    drop(snapshot);

    // A forgotten revision cannot be compared with, and a forgotten id is new again.
    let late = commit(10, vec![prefix_since("z", 2)], vec![]);
    assert_eq!(engine.commit(&[late]).unwrap(), [Verdict::Conflict]);
    let early_enough = commit(11, vec![prefix_since("z", 3)], vec![]);
    assert_eq!(engine.commit(&[early_enough]).unwrap(), [committed(6)]);
    assert_eq!(engine.commit(&[commit(5, vec![], vec![])]).unwrap(), [committed(5)]);
    assert_eq!(engine.commit(&[commit(3, vec![], vec![])]).unwrap(), [committed(7)]);

    engine.compact(Revision(u64::MAX)).unwrap();
    assert_eq!(engine.changes(at(6), &ALL, 10).unwrap(), Changes::Reload);
    assert_eq!(some(engine.changes(at(7), &ALL, 10).unwrap()), (vec![], at(7)));
    assert_eq!(engine.commit(&[commit(12, vec![], vec![put("a", "")])]).unwrap(), [committed(8)]);
    assert_eq!(some(engine.changes(at(7), &ALL, 10).unwrap()).0.len(), 1);
}

pub fn the_store_compacts_by_itself<P: Place>() {
    let place = P::default();
    let store = Store::open_with(place.open(), row_keys(), Options { log_revisions_kept: 10, ..Options::default() });
    let start = store.head().unwrap();
    // The first commit sets the clock, and the last one waits for the compaction before it.
    for n in 0..COMPACT_EVERY_REVISIONS + 2 {
        set(&store, 0, n);
    }
    assert_eq!(store.changes(start, 10).unwrap(), Changes::Reload);
    let kept = Cursor { revision: Revision(COMPACT_EVERY_REVISIONS + 1 - 10), ..start };
    assert_eq!(some(store.changes(kept, 100).unwrap()).0.len(), 11);
}

pub fn revisions_are_gapless_under_32_writers<P: Place>() {
    const WRITERS: u64 = 32;
    const COMMITS: u64 = 20;
    let place = P::default();
    let store = place.store();
    let start = store.head().unwrap();
    let together = Barrier::new(WRITERS as usize + 1);
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (store, together) = (&store, &together);
            scope.spawn(move || {
                together.wait();
                for n in 1..=COMMITS {
                    let done: Result<(), StoreError> = store.write(|tx| {
                        tx.put(&COUNTERS, &writer, &n)?;
                        (0..n % 3).try_for_each(|note| tx.put(&NOTES, &(writer, note), &n))
                    });
                    done.unwrap();
                }
            });
        }
        together.wait();
        let mut replica = Replica::new(start);
        while replica.cursor.revision < Revision(WRITERS * COMMITS) {
            let before = replica.cursor.revision;
            let (changes, cursor) = some(store.changes(replica.cursor, 7).unwrap());
            if changes.is_empty() {
                assert!(store.wait_for_change(before, FOREVER), "no commit came");
            }
            let mut last = before;
            for change in &changes {
                assert!(change.revision == last || change.revision == last.next(), "a gap after {last:?}: {change:?}");
                last = change.revision;
            }
            assert_eq!(cursor.revision, last, "the cursor skips revisions");
            replica.apply(&store, &changes, cursor);
        }
        assert_eq!(replica.cursor, store.head().unwrap());
        replica.assert_equals(&store);
        assert_eq!(replica.counters, (0..WRITERS).map(|writer| (writer, COMMITS)).collect());
    });
}

pub fn du_11_a_follower_that_compaction_overtakes_reloads_and_converges<P: Place>() {
    const COMMITS: u64 = 200;
    let place = P::default();
    let store = place.store();
    let mut replica = Replica::new(store.head().unwrap());
    set(&store, 0, 0);
    store.compact(Revision(1)).unwrap();
    assert!(replica.follow(&store, 3), "the first step must reload");

    thread::scope(|scope| {
        scope.spawn(|| (1..=COMMITS).for_each(|n| set(&store, n % 7, n)));
        scope.spawn(|| {
            while store.head().unwrap().revision < Revision(COMMITS) {
                store.compact(store.head().unwrap().revision).unwrap();
            }
        });
        while replica.cursor.revision < Revision(COMMITS + 1) {
            if !replica.follow(&store, 3) {
                store.wait_for_change(replica.cursor.revision, Duration::from_millis(1));
            }
        }
    });
    replica.assert_equals(&store);
}

pub fn waiting_ends_with_the_next_commit<P: Place>() {
    let place = P::default();
    let store = place.store();
    for revision in (0..20).map(Revision) {
        assert!(!store.wait_for_change(revision, Duration::ZERO));
        let ready = Barrier::new(2);
        let (ended, has_ended) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                ready.wait();
                ended.send(store.wait_for_change(revision, 2 * FOREVER)).unwrap();
            });
            ready.wait();
            set(&store, 1, 1);
            assert_eq!(has_ended.recv_timeout(FOREVER), Ok(true), "the commit did not end it");
        });
        assert!(store.wait_for_change(revision, Duration::ZERO));
    }
}

/// The state of a follower.
struct Replica {
    cursor: Cursor,
    counters: BTreeMap<u64, u64>,
    notes: BTreeMap<(u64, u64), u64>,
}

impl Replica {
    fn new(cursor: Cursor) -> Self {
        Self { cursor, counters: BTreeMap::new(), notes: BTreeMap::new() }
    }

    fn apply(&mut self, store: &Store, changes: &[Change], cursor: Cursor) {
        for change in changes {
            if let Some((key, value)) = store.decode(&COUNTERS, change).unwrap() {
                let before = self.counters.insert(key, value.unwrap());
                assert!(before <= value, "counter {key} went back from {before:?} to {value:?}");
            } else {
                let (key, value) = store.decode(&NOTES, change).unwrap().unwrap();
                self.notes.insert(key, value.unwrap());
            }
        }
        self.cursor = cursor;
    }

    /// One step; true when it was a reload.
    fn follow(&mut self, store: &Store, limit: usize) -> bool {
        match store.changes(self.cursor, limit).unwrap() {
            Changes::Some { changes, cursor } => {
                self.apply(store, &changes, cursor);
                false
            }
            Changes::Reload => {
                *self = Self::load(store);
                true
            }
        }
    }

    fn load(store: &Store) -> Self {
        let load = |tx: &crate::ReadTx<'_>| {
            Ok::<_, StoreError>(Self {
                cursor: tx.cursor(),
                counters: tx.page(&COUNTERS, &(), None, usize::MAX)?.into_iter().collect(),
                notes: tx.page(&NOTES, &(), None, usize::MAX)?.into_iter().collect(),
            })
        };
        store.read(load).unwrap()
    }

    fn assert_equals(&self, store: &Store) {
        let stored = Self::load(store);
        assert_eq!((self.cursor, &self.counters, &self.notes), (stored.cursor, &stored.counters, &stored.notes));
    }
}

fn set(store: &Store, key: u64, value: u64) {
    store.write(|tx| tx.put(&COUNTERS, &key, &value)).unwrap();
}

fn some(changes: Changes) -> (Vec<Change>, Cursor) {
    match changes {
        Changes::Some { changes, cursor } => (changes, cursor),
        Changes::Reload => panic!("nothing was compacted, and yet there is nothing to follow"),
    }
}
