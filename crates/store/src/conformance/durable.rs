//! State that outlives the engine.

use super::{Place, commit, committed, put};
use crate::absence::Absence;
use crate::audit::{self, GENESIS};
use crate::engine::{Changes, Cursor, Engine, Revision};
use crate::error::StoreError;
use crate::index::Unique;
use crate::read::Read;
use crate::table::Table;

const NAMED: Table<u64, String> =
    Table::indexed("named", Absence::Withholds, |_, name, entries| entries.unique(&BY_NAME, name));
const BY_NAME: Unique<String, u64> = Unique::new("named-by-name");

pub fn a_reopened_store_goes_on_where_it_was<P: Place>() {
    let place = P::default();
    let mut start = None;
    for round in 1..=3 {
        let store = place.store();
        let head = store.head().unwrap();
        let start = *start.get_or_insert(head);
        assert_eq!(head, Cursor { epoch: start.epoch, revision: Revision(round - 1) });
        let named: Result<(), StoreError> = store.write(|tx| {
            tx.put(&NAMED, &round, &format!("name {round}"))?;
            tx.audit(round)
        });
        named.unwrap();
        for earlier in 1..=round {
            let name = format!("name {earlier}");
            assert_eq!(store.read(|tx| tx.find(&BY_NAME, &name)).unwrap(), Some(earlier));
            assert_eq!(store.read(|tx| tx.get(&NAMED, &earlier)).unwrap(), Some(name));
        }
        let Changes::Some { changes, .. } = store.changes(start, 100).unwrap() else { panic!("reload") };
        assert_eq!(changes.len() as u64, 2 * round);
        let (records, _) = audit::verify((0, GENESIS), &store.audit(0, 100).unwrap()).unwrap();
        assert_eq!(records, round);
    }
}

pub fn a_compacted_store_stays_compacted<P: Place>() {
    let place = P::default();
    let store = place.store();
    let start = store.head().unwrap();
    let named: Result<(), StoreError> = store.write(|tx| tx.put(&NAMED, &1, &"name".to_owned()));
    named.unwrap();
    store.compact(Revision(1)).unwrap();
    drop(store);
    assert_eq!(place.store().changes(start, 1).unwrap(), Changes::Reload);
}

pub fn a_commit_id_is_known_after_reopening<P: Place>() {
    let place = P::default();
    let first = commit(1, vec![], vec![put("a", "1")]);
    assert_eq!(place.open().commit(std::slice::from_ref(&first)).unwrap(), [committed(1)]);
    let engine = place.open();
    assert_eq!(engine.commit(&[first, commit(2, vec![], vec![])]).unwrap(), [committed(1), committed(2)]);
}
