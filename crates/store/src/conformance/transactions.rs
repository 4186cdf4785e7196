//! Typed transactions.

use super::Place;
use crate::absence::Absence;
use crate::engine::Revision;
use crate::error::StoreError;
use crate::index::Unique;
use crate::limits::{COMMIT_OPS_MAX, KEY_BYTES_MAX, ROW_BYTES_MAX};
use crate::read::Read;
use crate::store::Store;
use crate::table::Table;
use crate::tx::Tx;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const NUMBERS: Table<u64, i64> = Table::new("number", Absence::Withholds);
const TEXTS: Table<String, String> = Table::new("text", Absence::Withholds);
const NAMED: Table<u64, String> =
    Table::indexed("named", Absence::Withholds, |_, name, entries| entries.unique(&BY_NAME, name));
const BY_NAME: Unique<String, u64> = Unique::new("named-by-name");

pub fn a_lost_race_runs_the_body_again<P: Place>() {
    let place = P::default();
    let store = place.store();
    set(&store, 1, 10);
    let mut seen = Vec::new();
    let sum: Result<i64, StoreError> = store.write(|tx| {
        let value = tx.get(&NUMBERS, &1)?.unwrap();
        let rows = tx.page(&NUMBERS, &(), None, 10)?.len();
        if seen.is_empty() {
            in_another_thread(|| set(&store, 1, 20));
        }
        seen.push((value, rows));
        tx.put(&NUMBERS, &2, &(value + 1))?;
        Ok(value)
    });
    assert_eq!(sum.unwrap(), 20);
    assert_eq!(seen, [(10, 1), (20, 1)]);
    assert_eq!(number(&store, 2), Some(21));
    assert_eq!(store.head().unwrap().revision, Revision(3));
}

pub fn a_key_changed_and_changed_back_is_a_lost_race_too<P: Place>() {
    let place = P::default();
    let store = place.store();
    set(&store, 1, 10);
    let mut runs = 0;
    let done: Result<(), StoreError> = store.write(|tx| {
        let value = tx.get(&NUMBERS, &1)?.unwrap();
        runs += 1;
        if runs == 1 {
            in_another_thread(|| {
                set(&store, 1, 11);
                set(&store, 1, 10);
            });
        }
        tx.put(&NUMBERS, &2, &value)
    });
    done.unwrap();
    assert_eq!(runs, 2);
}

pub fn a_row_is_given_for_the_one_in_whose_place_it_is<P: Place>() {
    let place = P::default();
    let store = place.store();
    let replaced: Result<_, StoreError> = store.write(|tx| {
        let of_numbers = [tx.replace(&NUMBERS, &1, &10)?, tx.replace(&NUMBERS, &1, &11)?];
        let named = |name: &str| name.to_owned();
        let of_named = [tx.replace(&NAMED, &1, &named("a"))?, tx.replace(&NAMED, &1, &named("b"))?];
        Ok((of_numbers, of_named))
    });
    assert_eq!(replaced.unwrap(), ([None, Some(10)], [None, Some("a".to_owned())]));
    let again: Result<_, StoreError> =
        store.write(|tx| Ok((tx.replace(&NUMBERS, &1, &12)?, tx.replace(&NAMED, &1, &"c".to_owned())?)));
    assert_eq!(again.unwrap(), (Some(11), Some("b".to_owned())));
    assert_eq!(number(&store, 1), Some(12));
    let found: Result<_, StoreError> = store.read(|tx| tx.find(&BY_NAME, &"c".to_owned()));
    assert_eq!(found.unwrap(), Some(1));
    let has: Result<_, StoreError> = store.read(|tx| Ok((tx.has(&NAMED, &1)?, tx.has(&NAMED, &2)?)));
    assert_eq!(has.unwrap(), (true, false));
}

pub fn writers_of_one_row_all_get_through<P: Place>() {
    const WRITERS: i64 = 32;
    const COMMITS: i64 = 20;
    let place = P::default();
    let store = place.store();
    let together = Barrier::new(WRITERS as usize);
    thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                together.wait();
                for _ in 0..COMMITS {
                    let done: Result<(), StoreError> = store.write(|tx| {
                        let value = tx.get(&NUMBERS, &1)?.unwrap_or(0);
                        tx.put(&NUMBERS, &1, &(value + 1))
                    });
                    done.unwrap();
                }
            });
        }
    });
    assert_eq!(number(&store, 1), Some(WRITERS * COMMITS));
    assert_eq!(store.head().unwrap().revision, Revision((WRITERS * COMMITS) as u64));
}

pub fn a_row_that_is_created_replaces_no_other<P: Place>() {
    let place = P::default();
    let store = place.store();
    set(&store, 1, 10);
    let mut keys = [1, 2].into_iter();
    let created: Result<u64, StoreError> = store.write(|tx| {
        let key = keys.next().unwrap();
        tx.create(&NUMBERS, &key, &20)?;
        // A transaction sees its own row, and can change it.
        assert_eq!(tx.get(&NUMBERS, &key)?, Some(20));
        tx.create(&NUMBERS, &key, &21)?;
        Ok(key)
    });
    assert_eq!(created.unwrap(), 2);
    assert_eq!((number(&store, 1), number(&store, 2)), (Some(10), Some(21)));
    // One that is known to be there is replaced with its index entries.
    let named: Result<(), StoreError> = store.write(|tx| {
        tx.put(&NAMED, &1, &"a".to_owned())?;
        tx.create(&NAMED, &1, &"b".to_owned())
    });
    named.unwrap();
    let found = |name: &str| store.read(|tx| tx.find(&BY_NAME, &name.to_owned())).map_err(|error: StoreError| error);
    assert_eq!((found("a").unwrap(), found("b").unwrap()), (None, Some(1)));
}

pub fn an_error_of_the_body_commits_nothing<P: Place>() {
    #[derive(Debug, PartialEq)]
    struct Refused;
    impl From<StoreError> for Refused {
        fn from(error: StoreError) -> Self {
            panic!("{error}")
        }
    }
    let place = P::default();
    let store = place.store();
    let refused: Result<(), Refused> = store.write(|tx| {
        tx.put(&NUMBERS, &1, &1)?;
        tx.audit("never")?;
        Err(Refused)
    });
    assert_eq!(refused, Err(Refused));
    assert_eq!(store.head().unwrap().revision, Revision(0));
    assert_eq!(number(&store, 1), None);
    assert_eq!(store.audit(0, 10).unwrap(), []);
}

pub fn a_swallowed_error_can_never_commit<P: Place>() {
    const OTHER_FORM: Table<u64, String> = Table::new("number", Absence::Withholds);
    let place = P::default();
    let store = place.store();
    set(&store, 1, 1);
    let named: Result<(), StoreError> = store.write(|tx| tx.put(&NAMED, &1, &"taken".to_owned()));
    named.unwrap();
    let head = store.head().unwrap();
    let long = "x".repeat(KEY_BYTES_MAX);
    let large = "x".repeat(ROW_BYTES_MAX);

    type Failing<'a> = Box<dyn Fn(&mut Tx<'_>) -> Result<(), StoreError> + 'a>;
    let failing: Vec<Failing<'_>> = vec![
        Box::new(|tx| tx.get(&OTHER_FORM, &1).map(drop)),
        Box::new(|tx| tx.page(&OTHER_FORM, &(), None, 10).map(drop)),
        Box::new(|tx| tx.get(&TEXTS, &long).map(drop)),
        Box::new(|tx| tx.find(&BY_NAME, &long).map(drop)),
        Box::new(|tx| tx.put(&TEXTS, &long, &String::new())),
        Box::new(|tx| tx.delete(&TEXTS, &long)),
        Box::new(|tx| tx.put(&TEXTS, &String::new(), &large)),
        Box::new(|tx| tx.put(&NAMED, &2, &"taken".to_owned())),
        Box::new(|tx| tx.put(&NAMED, &2, &long)),
        Box::new(|tx| tx.audit(&large)),
        Box::new(|tx| (0..=COMMIT_OPS_MAX as u64).try_for_each(|key| tx.put(&NUMBERS, &key, &0))),
    ];
    for (case, failing) in failing.iter().enumerate() {
        let done: Result<(), StoreError> = store.write(|tx| {
            tx.put(&NUMBERS, &100, &1)?;
            assert!(failing(tx).is_err(), "case {case} does not fail");
            let _ = tx.put(&NUMBERS, &101, &1);
            Ok(())
        });
        let error = done.unwrap_err();
        assert!(matches!(error, StoreError::Ignored(_)), "case {case}: {error}");
        assert_eq!(store.head().unwrap(), head, "case {case}");
    }
    assert_eq!(number(&store, 100), None);
}

pub fn a_transaction_without_writes_commits_nothing<P: Place>() {
    let place = P::default();
    let store = place.store();
    let mut runs = 0;
    let value: Result<Option<i64>, StoreError> = store.write(|tx| {
        runs += 1;
        let value = tx.get(&NUMBERS, &1)?;
        in_another_thread(|| set(&store, 1, 1));
        tx.delete(&NAMED, &1)?;
        Ok(value)
    });
    assert_eq!((value.unwrap(), runs), (None, 1));
    assert_eq!(store.head().unwrap().revision, Revision(1));
}

pub fn a_transaction_reads_at_one_revision<P: Place>() {
    let place = P::default();
    let store = place.store();
    let stop = AtomicBool::new(false);
    let transfer: Result<(), StoreError> = store.write(|tx| {
        tx.put(&NUMBERS, &1, &100)?;
        tx.put(&NUMBERS, &2, &-100)
    });
    transfer.unwrap();
    let sum = |tx: &dyn Fn(u64) -> Result<Option<i64>, StoreError>| -> Result<i64, StoreError> {
        Ok(tx(1)?.unwrap() + tx(2)?.unwrap())
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0.. {
                let done: Result<(), StoreError> = store.write(|tx| {
                    tx.put(&NUMBERS, &1, &n)?;
                    tx.put(&NUMBERS, &2, &-n)
                });
                done.unwrap();
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        for _ in 0..200 {
            let read = store.read(|tx| {
                let rows = tx.page(&NUMBERS, &(), None, 10)?;
                Ok::<_, StoreError>((sum(&|key| tx.get(&NUMBERS, &key))?, rows[0].1 + rows[1].1))
            });
            let written = store.write(|tx| sum(&|key| tx.get(&NUMBERS, &key)));
            assert_eq!((read.unwrap(), written.unwrap()), ((0, 0), 0));
        }
        stop.store(true, Ordering::Relaxed);
    });
}

pub fn a_page_is_full_in_spite_of_deletions_in_the_transaction<P: Place>() {
    let place = P::default();
    let store = place.store();
    (1..=6).for_each(|key| set(&store, key, 0));
    let pages: Result<(), StoreError> = store.write(|tx| {
        let keys = |tx: &Tx<'_>, limit| -> Result<Vec<u64>, StoreError> {
            Ok(tx.page(&NUMBERS, &(), None, limit)?.into_iter().map(|(key, _)| key).collect())
        };
        (1..=3).try_for_each(|key| tx.delete(&NUMBERS, &key))?;
        assert_eq!(keys(tx, 2)?, [4, 5]);
        tx.put(&NUMBERS, &0, &0)?;
        tx.put(&NUMBERS, &7, &0)?;
        assert_eq!(keys(tx, 3)?, [0, 4, 5]);
        assert_eq!(keys(tx, usize::MAX)?, [0, 4, 5, 6, 7]);
        Ok(())
    });
    pages.unwrap();
}

pub fn a_transaction_inside_a_transaction_is_refused<P: Place>() {
    let place = P::default();
    let store = place.store();
    let nested: Result<(), StoreError> = store.write(|_| store.write(|tx| tx.put(&NUMBERS, &1, &1)));
    assert!(matches!(nested, Err(StoreError::Nested)));
    set(&store, 1, 2);
    assert_eq!(number(&store, 1), Some(2));
}

pub fn a_panic_in_the_body_leaves_the_store_usable<P: Place>() {
    let place = P::default();
    let store = place.store();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _: Result<(), StoreError> = store.write(|tx| {
            tx.put(&NUMBERS, &1, &1)?;
            // Not `panic!`: the message of an expected panic only confuses who reads the output.
            std::panic::resume_unwind(Box::new(()))
        });
    }));
    assert!(panicked.is_err());
    assert_eq!(number(&store, 1), None);
    set(&store, 1, 2);
    assert_eq!(number(&store, 1), Some(2));
}

pub fn limits_are_told_plainly<P: Place>() {
    let place = P::default();
    let store = place.store();
    let fails = |body: &dyn Fn(&mut Tx<'_>) -> Result<(), StoreError>| store.write(body).unwrap_err().to_string();
    let long = "x".repeat(KEY_BYTES_MAX);
    let said = fails(&|tx| tx.put(&TEXTS, &long, &String::new()));
    assert_eq!(said, "a key of table 'text' has 1031 bytes; at most 1024 are possible");
    let large = "x".repeat(ROW_BYTES_MAX);
    let said = fails(&|tx| tx.put(&TEXTS, &String::new(), &large));
    assert_eq!(said, "a value of table 'text' has 1048578 bytes; at most 1048576 are possible");
    let said = fails(&|tx| (0..=COMMIT_OPS_MAX as u64).try_for_each(|key| tx.put(&NUMBERS, &key, &0)));
    assert_eq!(said, "a transaction may change at most 4096 keys (rows, index entries and audit records together)");
    let most: Result<(), StoreError> =
        store.write(|tx| (0..COMMIT_OPS_MAX as u64).try_for_each(|key| tx.put(&NUMBERS, &key, &0)));
    most.unwrap();
}

pub fn a_row_of_another_form_is_an_error<P: Place>() {
    const AS_TEXT: Table<u64, String> = Table::new("number", Absence::Withholds);
    const BY_PAIR: Table<(u64, u64), i64> = Table::new("number", Absence::Withholds);
    let place = P::default();
    let store = place.store();
    let start = store.head().unwrap();
    set(&store, 1, 7);
    let decode = |result: Result<(), StoreError>| {
        let error = result.unwrap_err();
        assert!(matches!(error, StoreError::Decode { table: "number", .. }), "{error}");
    };
    decode(store.read(|tx| tx.get(&AS_TEXT, &1).map(drop)));
    decode(store.read(|tx| tx.page(&AS_TEXT, &(), None, 1).map(drop)));
    decode(store.read(|tx| tx.page(&BY_PAIR, &(), None, 1).map(drop)));
    let crate::Changes::Some { changes, .. } = store.changes(start, 1).unwrap() else { panic!("reload") };
    decode(store.decode(&AS_TEXT, &changes[0]).map(drop));
    assert!(store.decode(&TEXTS, &changes[0]).unwrap().is_none());
}

pub fn paging_while_others_write_misses_and_repeats_nothing<P: Place>() {
    const ROWS: u64 = 40;
    let place = P::default();
    let store = place.store();
    let even: Vec<u64> = (0..ROWS).map(|n| 2 * n).collect();
    even.iter().for_each(|key| set(&store, *key, 0));
    let writing = AtomicBool::new(true);
    thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..400 {
                let key = 2 * (n * 17 % ROWS) + 1;
                let done: Result<(), StoreError> = store.write(|tx| match tx.get(&NUMBERS, &key)? {
                    Some(_) => tx.delete(&NUMBERS, &key),
                    None => tx.put(&NUMBERS, &key, &1),
                });
                done.unwrap();
            }
            writing.store(false, Ordering::Relaxed);
        });
        let mut once_more = true;
        while once_more {
            once_more = writing.load(Ordering::Relaxed);
            let mut seen: Vec<u64> = Vec::new();
            loop {
                let page = store.read(|tx| tx.page(&NUMBERS, &(), seen.last(), 7)).unwrap();
                seen.extend(page.iter().map(|(key, _)| key));
                if page.len() < 7 {
                    break;
                }
            }
            assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
            let stayed: Vec<u64> = seen.into_iter().filter(|key| key % 2 == 0).collect();
            assert_eq!(stayed, even);
        }
    });
}

fn set(store: &Store, key: u64, value: i64) {
    store.write(|tx| tx.put(&NUMBERS, &key, &value)).unwrap();
}

fn number(store: &Store, key: u64) -> Option<i64> {
    store.read(|tx| tx.get(&NUMBERS, &key)).unwrap()
}

/// A body may not write through the store; what it races with can.
fn in_another_thread(work: impl FnOnce() + Send) {
    thread::scope(|scope| scope.spawn(work).join().unwrap());
}
