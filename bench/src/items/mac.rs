//! The cost of a row's MAC where it is read: one row through the store, which proves it, against the same bytes from the
//! engine, decoded without. In turns, on SQLite, from its cache.

use crate::bare::time;
use crate::machine::{LOAD_CORE, pin, unpin};
use crate::plane::world;
use crate::report::Row;
use crate::stats::median;
use crate::{Bench, Failure};
use bonafide_store::engine::{Commit, CommitId, Engine, Op};
use bonafide_store::{Absence, Read, RowKeys, Store, StoreError, Table};
use bonafide_store_sqlite::SqliteEngine;
use std::path::Path;
use std::time::Duration;

const TABLE: Table<u64, String> = Table::new("bench-rows", Absence::Withholds);
const KEY: u64 = 1;
/// The same row as the engine has it for the other side.
const BARE: &[u8] = b"bare";
/// A principal's row is as long, and a resource's two to five times.
const ROW_BYTES: [usize; 2] = [256, 1024];

pub(super) fn measure(bench: &Bench) -> Result<Vec<Row>, Failure> {
    ROW_BYTES.iter().map(|bytes| row(bench, *bytes)).collect()
}

fn row(bench: &Bench, bytes: usize) -> Result<Row, Failure> {
    let (rounds, each) = bench.amount((9, Duration::from_millis(300)), (2, Duration::from_millis(30)));
    let value = "v".repeat(bytes);
    let [proven, bare] = ["mac", "mac-bare"].map(|name| bench.folder(name));
    let (proven, bare) =
        (Store::open(SqliteEngine::open(&proven?)?, RowKeys::throw_away()), store_bare(&bare?, &value)?);
    proven.write(|tx| tx.put(&TABLE, &KEY, &value))?;
    let (mut with, mut without) = (Vec::new(), Vec::new());
    pin(LOAD_CORE)?;
    for _ in 0..rounds {
        with.push(time(each, || read(&proven).is_ok_and(|row| row.is_some()))?);
        without.push(time(each, || read_bare(&bare).is_ok_and(|row| row.len() == bytes))?);
    }
    unpin()?;
    let (with, without) = (median(&with), median(&without));
    Ok(Row::plain(
        &format!("a row of {bytes} bytes read through the store, its MAC proven ÷ read from the engine and decoded"),
        format!("{:.2} ({with:.2} against {without:.2} µs: {:.0} ns a row)", with / without, (with - without) * 1e3),
    ))
}

fn store_bare(folder: &Path, value: &str) -> Result<SqliteEngine, Failure> {
    let engine = SqliteEngine::open(folder)?;
    let ops = vec![Op::Put { key: BARE.to_vec(), value: serde_json::to_vec(value)? }];
    let id = CommitId(world().entropy.guid());
    engine.commit(&[Commit { id, compares: Vec::new(), ops, audit: Vec::new(), may_use_reserve: false }])?;
    Ok(engine)
}

fn read(store: &Store) -> Result<Option<String>, StoreError> {
    store.read(|tx| tx.get(&TABLE, &KEY))
}

fn read_bare(engine: &SqliteEngine) -> Result<String, Failure> {
    let found = engine.snapshot()?.get(BARE)?.ok_or("the row is gone")?;
    Ok(serde_json::from_slice(&found.value)?)
}
