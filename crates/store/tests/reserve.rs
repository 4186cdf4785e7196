//! The transactions that are written on a full disk, as the engine is told.

#![allow(clippy::unwrap_used, reason = "these are tests")]

use bonafide_store::engine::{Commit, Engine};
use bonafide_store::limits::{RESERVE_GROWTH_BYTES_MAX, RESERVE_ROW_GROWTH_BYTES_MAX};
use bonafide_store::{Absence, Intercepted, MemoryEngine, RowKeys, Store, StoreError, Table, Tx};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const ROWS: Table<u64, String> = Table::new("row", Absence::Withholds);

#[test]
fn au_05_what_makes_the_store_larger_gets_no_space_that_is_kept_for_a_full_disk() {
    let told = Arc::new(AtomicBool::new(false));
    let tell = Arc::clone(&told);
    let commit = move |engine: &MemoryEngine, batch: &[Commit]| {
        tell.store(batch.iter().all(|commit| commit.may_use_reserve), Ordering::SeqCst);
        engine.commit(batch)
    };
    let store = Store::open(Intercepted { engine: MemoryEngine::new(), commit }, RowKeys::throw_away());
    let may = |body: &dyn Fn(&mut Tx<'_>) -> Result<(), StoreError>| {
        store.write(body).unwrap();
        told.load(Ordering::SeqCst)
    };
    let (small, large) = ("x".repeat(100), "x".repeat(10 * RESERVE_GROWTH_BYTES_MAX));
    assert!(!may(&|tx| (0..9).try_for_each(|n| tx.put(&ROWS, &n, &small))));

    assert!(may(&|tx| tx.delete(&ROWS, &0)));
    assert!(!may(&|tx| tx.delete(&ROWS, &0)), "there is no row any more");
    assert!(may(&|tx| {
        tx.audit("the record of it")?;
        tx.delete(&ROWS, &1)
    }));
    assert!(!may(&|tx| {
        tx.put(&ROWS, &10, &large)?;
        tx.delete(&ROWS, &2)
    }));
    assert!(!may(&|tx| tx.put_from_reserve(&ROWS, &3, &large)));
    assert!(!may(&|tx| {
        tx.audit(&large)?;
        tx.delete(&ROWS, &4)
    }));
    for (bytes, expected) in [(RESERVE_ROW_GROWTH_BYTES_MAX, true), (3 * RESERVE_ROW_GROWTH_BYTES_MAX, false)] {
        let grown = may(&|tx| tx.put_from_reserve(&ROWS, &5, &"x".repeat(bytes)));
        assert_eq!(grown, expected, "a row that takes something away and has {bytes} bytes now");
    }
    assert!(may(&|tx| tx.put_from_reserve(&ROWS, &3, &large.replace('x', "y"))), "it was as large");
    assert!(
        may(&|tx| {
            tx.put(&ROWS, &11, &large)?;
            tx.delete(&ROWS, &3)
        }),
        "as large as what goes"
    );
    assert!(!may(&|tx| {
        tx.create(&ROWS, &12, &small)?;
        tx.delete(&ROWS, &12)
    }));
}
