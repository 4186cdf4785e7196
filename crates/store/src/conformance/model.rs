//! Random transactions, compared with a model that has no transactions, indexes or pages: maps.

use super::Place;
use crate::absence::Absence;
use crate::error::StoreError;
use crate::index::{Index, Unique};
use crate::read::Read;
use crate::store::Store;
use crate::table::Table;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Histories tried. Each opens a store of its own.
const HISTORIES: u32 = 64;

type RowKey = (u64, String);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Row {
    name: Option<u64>,
    owners: Vec<u64>,
}

const ROWS: Table<RowKey, Row> = Table::indexed("row", Absence::Withholds, |_, row, entries| {
    row.name.iter().for_each(|name| entries.unique(&BY_NAME, name));
    row.owners.iter().for_each(|owner| entries.many(&BY_OWNER, owner));
});
const BY_NAME: Unique<u64, RowKey> = Unique::new("row-by-name");
const BY_OWNER: Index<u64, RowKey> = Index::new("row-by-owner");

#[derive(Debug, Clone)]
enum Step {
    Put(RowKey, Row),
    Delete(RowKey),
    Get(RowKey),
    Find(u64),
    Many(u64, Option<RowKey>, usize),
    Page(Option<u64>, Option<RowKey>, usize),
}

/// One transaction, and whether its body returns `Ok`.
type Script = (Vec<Step>, bool);

pub fn du_07_transactions_agree_with_a_model<P: Place>() {
    let config = Config { cases: HISTORIES, failure_persistence: None, ..Config::default() };
    let histories = vec((vec(step(), 1..16), prop::bool::weighted(0.8)), 1..8);
    let run = |history: Vec<Script>| {
        let place = P::default();
        let store = place.store();
        let mut rows = BTreeMap::new();
        for (steps, commits) in &history {
            rows = run_script(&store, rows, steps, *commits);
            let stored = store.read(|tx| tx.page(&ROWS, &(), None, usize::MAX)).unwrap();
            assert_eq!(stored, rows.clone().into_iter().collect::<Vec<_>>());
            for name in 0..NAMES {
                store.read(|tx| check(tx, &rows, &Step::Find(name))).unwrap();
                store.read(|tx| check(tx, &rows, &Step::Many(name, None, usize::MAX))).unwrap();
            }
        }
        Ok(())
    };
    if let Err(error) = TestRunner::new(config).run(&histories, run) {
        panic!("{error}");
    }
}

/// Runs a transaction on the store and on the model, and gives the model as it is afterwards.
fn run_script(store: &Store, before: BTreeMap<RowKey, Row>, steps: &[Step], commits: bool) -> BTreeMap<RowKey, Row> {
    let mut after = before.clone();
    let done: Result<(), StoreError> = store.write(|tx| {
        after = before.clone();
        for step in steps {
            match step {
                Step::Put(key, row) => {
                    let taken = row.name.is_some() && after.iter().any(|(k, v)| k != key && v.name == row.name);
                    let put = tx.put(&ROWS, key, row);
                    assert_eq!(matches!(put, Err(StoreError::Taken { .. })), taken, "{put:?}");
                    put?;
                    after.insert(key.clone(), row.clone());
                }
                Step::Delete(key) => {
                    tx.delete(&ROWS, key)?;
                    after.remove(key);
                }
                read => check(tx, &after, read)?,
            }
        }
        if commits { Ok(()) } else { Err(StoreError::Stopped) }
    });
    if done.is_ok() { after } else { before }
}

/// A read step must say of the store what it says of the model.
fn check(tx: &impl Read, rows: &BTreeMap<RowKey, Row>, step: &Step) -> Result<(), StoreError> {
    let later = |key: &RowKey, after: &Option<RowKey>| after.as_ref().is_none_or(|after| key > after);
    match step {
        Step::Get(key) => assert_eq!(tx.get(&ROWS, key)?, rows.get(key).cloned()),
        Step::Find(name) => {
            let expected = rows.iter().find(|(_, row)| row.name == Some(*name)).map(|(key, _)| key.clone());
            assert_eq!(tx.find(&BY_NAME, name)?, expected);
        }
        Step::Many(owner, after, limit) => {
            let owned = rows.iter().filter(|(key, row)| row.owners.contains(owner) && later(key, after));
            let expected: Vec<_> = owned.map(|(key, _)| key.clone()).take(*limit).collect();
            assert_eq!(tx.many(&BY_OWNER, owner, after.as_ref(), *limit)?, expected);
        }
        Step::Page(group, after, limit) => {
            let inside = rows.iter().filter(|(key, _)| group.is_none_or(|group| key.0 == group) && later(key, after));
            let expected: Vec<_> = inside.map(|(key, row)| (key.clone(), row.clone())).take(*limit).collect();
            let page = match group {
                Some(group) => tx.page(&ROWS, group, after.as_ref(), *limit)?,
                None => tx.page(&ROWS, &(), after.as_ref(), *limit)?,
            };
            assert_eq!(page, expected);
        }
        Step::Put(..) | Step::Delete(_) => {}
    }
    Ok(())
}

/// Small domains, so that steps meet.
const NAMES: u64 = 4;

fn key() -> impl Strategy<Value = RowKey> {
    (0..2_u64, prop::sample::select(vec!["", "a", "a\0", "ab", "b"]).prop_map(str::to_owned))
}

fn step() -> impl Strategy<Value = Step> {
    let row = (prop::option::of(0..NAMES), vec(0..NAMES, 0..3)).prop_map(|(name, owners)| Row { name, owners });
    let limit = || prop_oneof![0..4_usize, Just(usize::MAX)];
    prop_oneof![
        4 => (key(), row).prop_map(|(key, row)| Step::Put(key, row)),
        2 => key().prop_map(Step::Delete),
        1 => key().prop_map(Step::Get),
        1 => (0..NAMES).prop_map(Step::Find),
        2 => (0..NAMES, prop::option::of(key()), limit()).prop_map(|(owner, after, n)| Step::Many(owner, after, n)),
        2 => (prop::option::of(0..2_u64), prop::option::of(key()), limit())
            .prop_map(|(group, after, n)| Step::Page(group, after, n)),
    ]
}
