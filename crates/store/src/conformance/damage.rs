//! Rows and index entries whose stored bytes are not those that were put there.

use super::{Place, commit, put, row_keys};
use crate::absence::Absence;
use crate::engine::{Changes, Engine, Op, Revision};
use crate::error::StoreError;
use crate::index::{Index, Unique};
use crate::locked::{Cleaning, Locked, SealRowsError};
use crate::read::Read;
use crate::row_keys::SEAL_BYTES;
use crate::store::Store;
use crate::table::Table;
use std::cell::Cell;
use std::collections::BTreeMap;

const GRANTS: Table<u64, String> = Table::new("grant", Absence::Withholds);
const BANS: Table<u64, String> = Table::new("ban", Absence::Allows);
const NAMED: Table<u64, String> = Table::indexed("named", Absence::Withholds, |_, name, entries| {
    entries.unique(&BY_NAME, name);
    entries.many(&BY_LENGTH, &(name.len() as u64));
});
const BY_NAME: Unique<String, u64> = Unique::new("named-by-name");
const BY_LENGTH: Index<u64, u64> = Index::new("named-by-length");

fn set(store: &Store, table: &Table<u64, String>, key: u64, value: &str) -> Result<(), StoreError> {
    store.write(|tx| tx.put(table, &key, &value.to_owned()))
}

/// Changes one bit of each value of a table or index.
fn flip(store: &Store, name: &str) {
    store.tamper(name, |_, value| value[0] ^= 1).unwrap();
}

fn is_damaged<T>(result: &Result<T, StoreError>, name: &str) -> bool {
    matches!(result, Err(StoreError::DamagedRow { table, .. }) if *table == name)
}

pub fn du_05_a_damaged_row_is_absent_and_named<P: Place>() {
    let place = P::default();
    let store = place.store();
    set(&store, &GRANTS, 1, "Reader").unwrap();
    let before = store.head().unwrap();
    // One byte, and the row still is what its table expects.
    store.tamper("grant", |_, value| value[1] = b'L').unwrap();
    set(&store, &GRANTS, 2, "Reader").unwrap();

    assert_eq!(store.read(|tx| tx.get(&GRANTS, &1)).unwrap(), None);
    assert_eq!(store.read(|tx| tx.page(&GRANTS, &(), None, 9)).unwrap(), [(2, "Reader".to_owned())]);
    let Changes::Some { changes, .. } = store.changes_of(before, &["grant"], 9).unwrap() else { panic!("a reload") };
    let decoded: Vec<_> = changes.iter().map(|change| store.decode(&GRANTS, change).unwrap().unwrap()).collect();
    assert_eq!(decoded, [(1, None), (2, Some("Reader".to_owned()))]);

    let damaged = store.damaged();
    assert_eq!((damaged.count, damaged.named.len(), damaged.named[0].table), (1, 1, "grant"));
    assert_eq!(damaged.named[0].key, r"\x00\x00\x00\x00\x00\x00\x00\x01");
    assert_eq!((store.newly_damaged(), store.newly_damaged()), (damaged.named, vec![]));
    store.check(&[GRANTS.declaration()]).unwrap();
}

pub fn du_05_a_damaged_row_that_forbids_is_an_error<P: Place>() {
    let place = P::default();
    let store = place.store();
    let before = store.head().unwrap();
    set(&store, &BANS, 1, "everything").unwrap();
    store.check(&[BANS.declaration()]).unwrap();
    flip(&store, "ban");
    assert!(is_damaged(&store.read(|tx| tx.get(&BANS, &1)), "ban"));
    assert!(is_damaged(&store.read(|tx| tx.page(&BANS, &(), None, 9)), "ban"));
    let Changes::Some { changes, .. } = store.changes_of(before, &["ban"], 9).unwrap() else { panic!("a reload") };
    assert!(is_damaged(&store.decode(&BANS, &changes[0]), "ban"));
    let checked = store.check(&[GRANTS.declaration(), BANS.declaration()]);
    assert!(is_damaged(&checked, "ban"));
    let said = checked.unwrap_err().to_string();
    let name = &store.damaged().named[0].name;
    assert_eq!(said, format!("row {name} of 'ban' in the store is damaged; restore the store from a backup"));
}

pub fn du_05_a_damaged_index_entry_is_an_error<P: Place>() {
    let place = P::default();
    let store = place.store();
    set(&store, &NAMED, 1, "a").unwrap();
    set(&store, &NAMED, 2, "b").unwrap();
    flip(&store, "named-by-name");
    flip(&store, "named-by-length");
    assert!(is_damaged(&store.read(|tx| tx.find(&BY_NAME, &"a".to_owned())), "named-by-name"));
    assert!(is_damaged(&store.read(|tx| tx.many(&BY_LENGTH, &1, None, 9)), "named-by-length"));
    assert!(is_damaged(&store.read(|tx| tx.under(&BY_LENGTH, &(), None, 9)), "named-by-length"));
    // The name is not free.
    assert!(is_damaged(&set(&store, &NAMED, 3, "a"), "named-by-name"));
    // The rows themselves are whole, and can be deleted with their entries.
    assert_eq!(store.read(|tx| tx.get(&NAMED, &1)).unwrap().as_deref(), Some("a"));
    let deleted: Result<(), StoreError> = store.write(|tx| tx.delete(&NAMED, &1));
    deleted.unwrap();
    set(&store, &NAMED, 3, "a").unwrap();
}

pub fn du_05_no_write_rests_on_a_damaged_row<P: Place>() {
    let place = P::default();
    let store = place.store();
    set(&store, &GRANTS, 1, "Reader").unwrap();
    set(&store, &NAMED, 1, "a").unwrap();
    flip(&store, "grant");
    flip(&store, "named");
    let made_if_absent = store.write(|tx| match tx.get(&GRANTS, &1)? {
        Some(_) => Ok(()),
        None => tx.put(&GRANTS, &1, &"Owner".to_owned()),
    });
    assert!(is_damaged(&made_if_absent, "grant"));
    let swallowed: Result<(), StoreError> = store.write(|tx| {
        let _ = tx.get(&GRANTS, &1);
        tx.put(&GRANTS, &2, &"Owner".to_owned())
    });
    assert!(matches!(swallowed, Err(StoreError::Ignored(_))), "{swallowed:?}");
    // Nobody knows its entries, and so nobody can bring them up to date.
    assert!(is_damaged(&set(&store, &NAMED, 1, "b"), "named"));
    let deleted: Result<(), StoreError> = store.write(|tx| tx.delete(&NAMED, &1));
    assert!(is_damaged(&deleted, "named"));
    // A row that is replaced unseen is whole again.
    set(&store, &GRANTS, 1, "Reader").unwrap();
    assert_eq!(store.read(|tx| tx.get(&GRANTS, &1)).unwrap().as_deref(), Some("Reader"));
}

pub fn du_05_a_page_is_full_in_spite_of_damaged_rows<P: Place>() {
    let place = P::default();
    let store = place.store();
    (0..30).for_each(|key| set(&store, &GRANTS, key, "Reader").unwrap());
    store.tamper("grant", |key, value| value[0] ^= u8::from(key.last().unwrap() % 3 != 0)).unwrap();
    let whole: Vec<u64> = (0..30).filter(|key| key % 3 == 0).collect();
    for limit in [1, 2, 5, 10, 30, usize::MAX] {
        let page = |after: Option<u64>| store.read(|tx| tx.page(&GRANTS, &(), after.as_ref(), limit)).unwrap();
        let mut pages = Vec::new();
        loop {
            let next = page(pages.last().copied());
            pages.extend(next.iter().map(|(key, _)| *key));
            if next.len() < limit {
                break;
            }
        }
        assert_eq!(pages, whole, "{limit}");
    }
    assert_eq!(store.damaged().count, 20);
}

pub fn du_05_a_value_of_another_row_is_damage<P: Place>() {
    const OTHER_GRANTS: Table<u64, String> = Table::new("grant-2", Absence::Withholds);
    let place = P::default();
    let store = place.store();
    set(&store, &GRANTS, 1, "Reader").unwrap();
    set(&store, &GRANTS, 2, "Owner").unwrap();
    set(&store, &OTHER_GRANTS, 1, "Reader").unwrap();
    let mut seen = BTreeMap::new();
    store.tamper("grant", |key, value| drop(seen.insert(key.to_vec(), value.clone()))).unwrap();
    let of_owner = seen.values().next_back().unwrap().clone();
    store.tamper("grant", |_, value| value.clone_from(&of_owner)).unwrap();
    store.tamper("grant-2", |_, value| value.clone_from(&seen.values().next().unwrap().clone())).unwrap();
    assert_eq!(store.read(|tx| tx.page(&GRANTS, &(), None, 9)).unwrap(), [(2, "Owner".to_owned())]);
    assert_eq!(store.read(|tx| tx.get(&OTHER_GRANTS, &1)).unwrap(), None);
}

/// Rows of the old store: more than are written anew in one commit.
const OLD_ROWS: u64 = 1_300;
/// Of a grant an older version stored more than its role.
const CLEANING: Cleaning<u64, String> = Cleaning::new(&GRANTS, |role| {
    let kept = role.trim_end_matches(", hunter2").len();
    let is_changed = kept < role.len();
    role.truncate(kept);
    is_changed
});

pub fn du_05_an_old_store_gets_its_macs_once<P: Place>() {
    let place = P::default();
    let engine = place.open();
    let key = |n: u64| [b"grant\0".as_slice(), &n.to_be_bytes()].concat();
    let rows = |from: u64, to: u64| (from..to).map(|n| put(key(n), "\"Reader, hunter2\"")).collect();
    engine.commit(&[commit(1, vec![], rows(0, OLD_ROWS))]).unwrap();
    let moved: Table<u64, String> = Table::new("moved", Absence::Allows);
    engine.commit(&[commit(2, vec![], vec![put([b"moved\0".as_slice(), &[0; 8]].concat(), "\"old\"")])]).unwrap();

    let locked = Locked::new(engine);
    assert!(!locked.is_new().unwrap() && locked.has_any(&GRANTS).unwrap() && !locked.has_any(&BANS).unwrap());
    assert_eq!(locked.row_keys().unwrap(), None);
    assert_eq!(locked.unproven(&moved, &0).unwrap().as_deref(), Some("old"));
    locked.begin_old(b"begun".to_vec(), &moved, (&0, &1), &"new".to_owned()).unwrap();
    assert!(locked.begin(b"again".to_vec()).is_err());
    assert_eq!(locked.row_keys().unwrap().as_deref(), Some(b"begun".as_slice()));

    // It is interrupted after its first commit, and goes on from there.
    let steps = Cell::new(0);
    let progress = |after: Option<&[u8]>| -> Result<Vec<u8>, ()> {
        steps.set(steps.get() + 1);
        if steps.get() == 2 { Err(()) } else { Ok(after.map_or(b"done".to_vec(), <[u8]>::to_vec)) }
    };
    assert!(matches!(locked.seal_rows(&row_keys(), None, &CLEANING, progress), Err(SealRowsError::Progress(()))));
    let reached = locked.row_keys().unwrap().unwrap();
    assert!(reached.starts_with(b"grant\0"));
    // A row that has its MAC is not taken without one any more; one behind it still is.
    locked.tamper(key(1), "\"Owner\"").unwrap();
    locked.tamper(key(OLD_ROWS - 1), "\"Writer\"").unwrap();
    locked.seal_rows(&row_keys(), Some(reached), &CLEANING, progress).unwrap();
    assert_eq!(locked.row_keys().unwrap().as_deref(), Some(b"done".as_slice()));

    let store = locked.unlock(row_keys());
    let grants = store.read(|tx| tx.page(&GRANTS, &(), None, usize::MAX)).unwrap();
    assert_eq!(grants.len() as u64, OLD_ROWS - 1);
    assert!(grants.iter().all(|(n, role)| *n != 1 && (role == "Reader") == (*n != OLD_ROWS - 1)));
    assert_eq!(store.damaged().count, 1);
    assert_eq!(store.read(|tx| tx.page(&moved, &(), None, 9)).unwrap(), [(1, "new".to_owned())]);
    store.tamper("grant", |_, value| value.truncate(value.len().saturating_sub(SEAL_BYTES))).unwrap();
    assert_eq!(store.read(|tx| tx.page(&GRANTS, &(), None, 9)).unwrap(), []);
}

pub fn tn_04_what_is_stored_no_more_is_taken_out_of_a_store_with_macs_once<P: Place>() {
    let place = P::default();
    let engine = place.open();
    let key = |n: u64| [b"grant\0".as_slice(), &n.to_be_bytes()].concat();
    let sealed = |n: u64, role: &str| Op::Put { key: key(n), value: row_keys().seal(&key(n), role.into()) };
    let rows = (0..OLD_ROWS).map(|n| sealed(n, if n % 2 == 0 { "\"Reader\"" } else { "\"Reader, hunter2\"" }));
    engine.commit(&[commit(1, vec![], rows.collect())]).unwrap();
    let other = [b"grants\0".as_slice(), &0_u64.to_be_bytes()].concat();
    let value = row_keys().seal(&other, "\"Reader, hunter2\"".into());
    let (of_another_table, damaged) = (Op::Put { key: other, value }, put(key(1), "\"Reader, hunter2\""));
    engine.commit(&[commit(2, vec![], vec![of_another_table, damaged])]).unwrap();

    let locked = Locked::new(engine);
    locked.begin(b"begun".to_vec()).unwrap();
    locked.clean_rows(&row_keys(), &CLEANING, b"done").unwrap();
    assert_eq!(locked.row_keys().unwrap().as_deref(), Some(b"done".as_slice()));
    let stored = locked.stored();
    let has_more = |value: &[u8]| value.windows(7).any(|part| part == b"hunter2");
    let left = stored.iter().filter(|(_, found)| has_more(&found.value)).count();
    let untouched = stored.iter().filter(|(_, found)| found.revision == Revision(1)).count() as u64;
    assert_eq!((left, untouched), (2, OLD_ROWS / 2), "the row of another table and the damaged one have it still");
    locked.clean_rows(&row_keys(), &CLEANING, b"done").unwrap();
    let again = locked.stored();
    let rewritten: Vec<_> = again.iter().filter(|row| !stored.contains(row)).map(|(key, _)| key).collect();
    assert_eq!(rewritten, [b"row-keys\0"]);

    let store = locked.unlock(row_keys());
    let is_cleaned = |n: &u64| store.read(|tx| tx.get(&GRANTS, n)).unwrap().as_deref() == Some("Reader");
    assert_eq!((0..OLD_ROWS).filter(is_cleaned).count() as u64, OLD_ROWS - 1);
    assert_eq!(store.damaged().count, 1);
}
