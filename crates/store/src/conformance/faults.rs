//! An engine that fails, forgets to answer, or is slow.

use super::{Place, row_keys};
use crate::Intercepted;
use crate::absence::Absence;
use crate::engine::{Commit, Engine, Revision, Verdict};
use crate::error::{EngineError, StoreError};
use crate::limits::WRITE_ATTEMPTS_MAX;
use crate::options::Options;
use crate::read::Read;
use crate::store::Store;
use crate::table::Table;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

const NUMBERS: Table<u64, u64> = Table::new("number", Absence::Withholds);

/// An engine with something that happens instead of a commit, given how many came before; and their count.
fn faulty<P: Place, F>(place: &P, fault: F) -> (impl Engine + use<P, F>, Arc<AtomicUsize>)
where
    F: Fn(&dyn Engine, &[Commit], usize) -> Result<Vec<Verdict>, EngineError> + Send + Sync + 'static,
{
    let commits = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&commits);
    let commit = move |engine: &P::Engine, batch: &[Commit]| fault(engine, batch, count.fetch_add(1, Ordering::SeqCst));
    (Intercepted { engine: place.open(), commit }, commits)
}

pub fn an_engine_error_reaches_every_caller_and_acknowledges_nothing<P: Place>() {
    let place = P::default();
    let full = Arc::new(Mutex::new(true));
    let is_full = Arc::clone(&full);
    let (engine, _) = faulty(&place, move |engine, batch, _| match *is_full.lock().unwrap() {
        true => Err(EngineError::Full("the test says so".to_owned())),
        false => engine.commit(batch),
    });
    let store = Store::open(engine, row_keys());
    thread::scope(|scope| {
        for writer in 0..8 {
            let store = &store;
            scope.spawn(move || {
                let error = set(store, writer).unwrap_err();
                assert!(matches!(error, StoreError::Engine(EngineError::Full(_))), "{error}");
            });
        }
    });
    assert_eq!(store.head().unwrap().revision, Revision(0));
    *full.lock().unwrap() = false;
    set(&store, 1).unwrap();
    assert_eq!(store.read(|tx| tx.page(&NUMBERS, &(), None, 9)).unwrap(), [(1, 1)]);
}

pub fn du_03_an_unknown_outcome_is_told_and_not_tried_again<P: Place>() {
    let place = P::default();
    let unknown = || Err(EngineError::OutcomeUnknown("the sync failed".to_owned()));
    let (engine, commits) = faulty(&place, move |engine, batch, _| engine.commit(batch).and_then(|_| unknown()));
    let store = Store::open(engine, row_keys());
    let error = set(&store, 1).unwrap_err();
    assert!(matches!(error, StoreError::Engine(EngineError::OutcomeUnknown(_))), "{error}");
    assert_eq!(commits.load(Ordering::SeqCst), 1);
    // It may have happened, and here it has.
    assert_eq!(store.read(|tx| tx.get(&NUMBERS, &1)).unwrap(), Some(1));
}

pub fn au_05_what_may_use_the_reserve_is_written_without_the_rest_of_its_batch<P: Place>() {
    let place = P::default();
    let (entered, has_entered) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let (engine, commits) = faulty(&place, move |engine, batch, before| match before {
        0 => engine.commit(batch),
        // While this one waits, the others become a batch.
        1 => {
            entered.send(()).unwrap();
            released.lock().unwrap().recv().unwrap();
            engine.commit(batch)
        }
        _ if batch.iter().all(|commit| commit.may_use_reserve) => engine.commit(batch),
        _ => Err(EngineError::Full("the test says so".to_owned())),
    });
    let store = Store::open(engine, row_keys());
    set(&store, 1).unwrap();
    let (results, outcomes) = mpsc::channel();
    thread::scope(|scope| {
        let (of_first, of_put, of_delete) = (&store, &store, &store);
        scope.spawn(move || set(of_first, 2).unwrap());
        has_entered.recv().unwrap();
        let (put, deleted) = (results.clone(), results);
        scope.spawn(move || put.send(("put", set(of_put, 3).is_ok())).unwrap());
        scope.spawn(move || {
            let done: Result<(), StoreError> = of_delete.write(|tx| tx.delete(&NUMBERS, &1));
            deleted.send(("deleted", done.is_ok())).unwrap();
        });
        release.send(()).unwrap();
    });
    let mut outcomes: Vec<_> = outcomes.iter().collect();
    outcomes.sort_unstable();
    assert_eq!(outcomes, [("deleted", true), ("put", false)]);
    assert_eq!(store.read(|tx| tx.page(&NUMBERS, &(), None, 9)).unwrap(), [(2, 2)]);
    assert!(commits.load(Ordering::SeqCst) >= 4);
}

pub fn endless_conflicts_end_with_an_error<P: Place>() {
    let place = P::default();
    let (engine, commits) = faulty(&place, |_, batch, _| Ok(vec![Verdict::Conflict; batch.len()]));
    let store = Store::open(engine, row_keys());
    let mut runs = 0;
    let error: Result<(), StoreError> = store.write(|tx| {
        runs += 1;
        tx.put(&NUMBERS, &1, &1)
    });
    assert!(matches!(error, Err(StoreError::Contended { attempts: WRITE_ATTEMPTS_MAX })));
    assert_eq!((runs, commits.load(Ordering::SeqCst)), (WRITE_ATTEMPTS_MAX, WRITE_ATTEMPTS_MAX));
}

pub fn ov_01_a_full_queue_is_an_error_at_once<P: Place>() {
    let place = P::default();
    let (entered, has_entered) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let (engine, _) = faulty(&place, move |engine, batch, before| {
        if before == 0 {
            entered.send(()).unwrap();
            released.lock().unwrap().recv().unwrap();
        }
        engine.commit(batch)
    });
    let store = Store::open_with(engine, row_keys(), Options { queue_commits_max: 2, ..Options::default() });
    let (results, outcomes) = mpsc::channel();
    thread::scope(|scope| {
        let spawn = |writer: u64| {
            let (store, results) = (&store, results.clone());
            scope.spawn(move || results.send(set(store, writer)).unwrap());
        };
        spawn(0);
        has_entered.recv().unwrap();
        // One is being written and two fit into the queue, so the first to return is the one too many.
        (1..=3).for_each(spawn);
        let refused = outcomes.recv().unwrap();
        assert!(matches!(refused, Err(StoreError::Overloaded { waiting: 2 })), "{refused:?}");
        release.send(()).unwrap();
        for _ in 0..3 {
            outcomes.recv().unwrap().unwrap();
        }
    });
    assert_eq!(store.read(|tx| tx.page(&NUMBERS, &(), None, 9)).unwrap().len(), 3);
}

fn set(store: &Store, key: u64) -> Result<(), StoreError> {
    store.write(|tx| tx.put(&NUMBERS, &key, &key))
}
