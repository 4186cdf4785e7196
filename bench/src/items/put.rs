//! Durable PUT and PATCH of a VM with an identity, 16 writers: the resource manager as the function that it is,
//! on SQLite on the real disk, against the same keys, values and audit records without the resource
//! manager and without compares: 16 threads that commit them through the store, and, for orientation,
//! the bare engine, which is handed them in batches of 16. Each round begins with the same directory: for
//! PATCH, one in which the machines are.

use crate::cloud::Cloud;
use crate::machine::process_time;
use crate::plane::{self, Plane, engine, management_request};
use crate::report::Row;
use crate::stats::median;
use crate::{Bench, Failure};
use bonafide_store::engine::{Commit, CommitId, Engine, Op, Verdict};
use bonafide_store::{Absence, Intercepted, RowKeys, Store, StoreError, Table};
use bonafide_store_sqlite::SqliteEngine;
use http::Method;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Clients that write at a time.
pub(super) const WRITERS: usize = 16;
/// The body of each PUT.
pub(super) const BODY: &str = r#"{
    "location": "westeurope",
    "identity": {"type": "SystemAssigned"},
    "properties": {
        "hardwareProfile": {"vmSize": "Standard_B1s"},
        "osProfile": {"computerName": "web", "adminUsername": "web"}
    }
}"#;

/// The body of each PATCH.
const TAGS: &str = r#"{"tags": {"owner": "web", "stage": "test"}}"#;

pub(super) fn measure(bench: &Bench) -> Result<Vec<Row>, Failure> {
    let (rounds, each) = bench.amount((5, 500), (2, 20));
    let folder = bench.folder("put")?;
    let (original, filled) = (folder.join("original"), folder.join("filled"));
    Cloud::start(bench, &original, None)?.process.stop()?;
    std::fs::rename(copy(&original, &folder)?, &filled)?;
    write(&Plane::open(&filled)?, &Method::PUT, each)?;
    let mut rows = compare(&folder, &original, &Method::PUT, (rounds, each))?;
    rows.extend(compare(&folder, &filled, &Method::PATCH, (rounds, each))?);
    Ok(rows)
}

/// Rounds of one kind of write, in turns with the bare work.
fn compare(
    folder: &Path,
    original: &Path,
    method: &Method,
    (rounds, each): (usize, usize),
) -> Result<Vec<Row>, Failure> {
    let commits = record(original, folder, method, each)?;
    let (mut ours, mut store, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let data = copy(original, folder)?;
        let plane = Plane::open(&data)?;
        ours.push(write(&plane, method, each)?);
        drop(plane);
        store.push(through_store(&copy(original, folder)?, &commits)?);
        bare.push(replay(&copy(original, folder)?, &commits)?);
    }
    let (ours, store, bare) = (Rate::median(&ours), Rate::median(&store), Rate::median(&bare));
    let ratio = ours.per_second / store.per_second;
    let ops = commits.iter().map(|commit| commit.ops.len() + commit.audit.len()).sum::<usize>() / commits.len().max(1);
    Ok(vec![
        Row::judged(
            &format!(
                "durable {method} of a VM with an identity, 16 writers ÷ the same keys and values through the bare store"
            ),
            "≥ 0.8",
            format!(
                "{ratio:.2} ({:.0} against {:.0} commits/s of {ops} operations; {:.0} against {:.0} µs of processor time each)",
                ours.per_second, store.per_second, ours.cpu_micros, store.cpu_micros
            ),
            ratio >= 0.8,
        ),
        Row::plain(
            &format!("{method}: the same ÷ the bare engine, handed batches of 16"),
            format!(
                "{:.2} ({:.0} against {:.0} commits/s; {:.0} µs of processor time each)",
                ours.per_second / bare.per_second,
                ours.per_second,
                bare.per_second,
                bare.cpu_micros
            ),
        ),
    ])
}

/// A fresh copy of a data directory.
fn copy(original: &Path, folder: &Path) -> Result<PathBuf, Failure> {
    let to = folder.join("data");
    if to.exists() {
        std::fs::remove_dir_all(&to)?;
    }
    let copied = std::process::Command::new("cp").arg("-a").arg(original).arg(&to).status()?;
    if copied.success() { Ok(to) } else { Err("the data directory cannot be copied".into()) }
}

/// The speed of commits.
#[derive(Clone, Copy)]
pub(super) struct Rate {
    per_second: f64,
    /// Processor time for each, on all threads, in microseconds.
    cpu_micros: f64,
}

/// Since when commits are counted.
struct Start(Instant, Duration);

impl Start {
    fn now() -> Self {
        Self(Instant::now(), process_time())
    }

    fn rate(&self, commits: usize) -> Rate {
        let (took, cpu) = (self.0.elapsed(), process_time().saturating_sub(self.1));
        Rate { per_second: commits as f64 / took.as_secs_f64(), cpu_micros: cpu.as_secs_f64() * 1e6 / commits as f64 }
    }
}

impl Rate {
    fn median(rounds: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| median(&rounds.iter().map(figure).collect::<Vec<_>>());
        Self { per_second: of(|rate| rate.per_second), cpu_micros: of(|rate| rate.cpu_micros) }
    }
}

/// Writes of so many machines by each of the writers.
pub(super) fn write(plane: &Plane, method: &Method, each: usize) -> Result<Rate, Failure> {
    let body = if method == Method::PUT { BODY } else { TAGS };
    let authorization = plane.authorization()?;
    let group = format!("/subscriptions/{}/resourceGroups/demo", plane.info.subscription_id);
    let (done, warm) = (AtomicBool::new(false), Barrier::new(WRITERS + 1));
    std::thread::scope(|scope| {
        // The view follows, as it does in the server.
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                plane.store.wait_for_change(plane.views.current().cursor().revision, Duration::from_millis(50));
                let _ = plane.catch_up();
            }
        });
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (authorization, group, warm) = (&authorization, &group, &warm);
                scope.spawn(move || {
                    // A thread's first random numbers cost it milliseconds; the server's threads are old.
                    let _ = plane::world().entropy.guid();
                    warm.wait();
                    (0..each).try_for_each(|at| {
                        let path = format!("{group}/providers/Microsoft.Compute/virtualMachines/vm-{writer}-{at}");
                        let request = management_request(method.clone(), authorization, path, "2024-11-01", body);
                        let reply = plane.manage(&request);
                        match reply.status.is_success() {
                            true => Ok(()),
                            false => Err(String::from_utf8_lossy(&reply.body).into_owned()),
                        }
                    })
                })
            })
            .collect();
        warm.wait();
        let start = Start::now();
        let ended: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
        let rate = start.rate(WRITERS * each);
        done.store(true, Ordering::Relaxed);
        for end in ended {
            end.map_err(|_| "a writer panicked")??;
        }
        Ok(rate)
    })
}

/// Records the commits of such writes.
fn record(original: &Path, folder: &Path, method: &Method, each: usize) -> Result<Vec<Commit>, Failure> {
    let data = copy(original, folder)?;
    let seen = Arc::new(Mutex::new(Vec::<Commit>::new()));
    let record = Arc::clone(&seen);
    let commit = move |engine: &SqliteEngine, batch: &[Commit]| {
        let verdicts = engine.commit(batch)?;
        record.lock().unwrap_or_else(PoisonError::into_inner).extend(committed(batch, &verdicts));
        Ok(verdicts)
    };
    let plane = Plane::open_on(Intercepted { engine: engine(&data)?, commit }, &data)?;
    write(&plane, method, each)?;
    drop(plane);
    let commits = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(commits)
}

/// The commits of the bare engine, without the store's writer.
fn replay(data: &Path, commits: &[Commit]) -> Result<Rate, Failure> {
    let engine = engine(data)?;
    let start = Start::now();
    for batch in commits.chunks(WRITERS) {
        let verdicts = engine.commit(batch)?;
        if verdicts.contains(&Verdict::Conflict) {
            return Err("the engine refused a commit without compares".into());
        }
    }
    Ok(start.rate(commits.len()))
}

/// The row that stands for the n-th commit.
const STAND_IN: Table<u64, ()> = Table::new("bench-stand-in", Absence::Withholds);

/// The commits of 16 threads that ask the store for them one after the other.
fn through_store(data: &Path, commits: &[Commit]) -> Result<Rate, Failure> {
    let count = commits.len();
    let commits = commits.to_vec();
    let commit = move |engine: &SqliteEngine, batch: &[Commit]| {
        engine.commit(&batch.iter().map(|asked| substitute(&commits, asked)).collect::<Vec<_>>())
    };
    let store = Store::open(Intercepted { engine: engine(data)?, commit }, RowKeys::throw_away());
    let next = AtomicU64::new(0);
    let start = Start::now();
    std::thread::scope(|scope| {
        let work = || -> Result<(), StoreError> {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                if at >= count as u64 {
                    return Ok(());
                }
                store.write(|tx| tx.put(&STAND_IN, &at, &()))?;
            }
        };
        let writers: Vec<_> = (0..WRITERS).map(|_| scope.spawn(work)).collect();
        writers.into_iter().try_for_each(|writer| Ok::<_, Failure>(writer.join().map_err(|_| "a writer panicked")??))
    })?;
    Ok(start.rate(count))
}

/// For each stand-in, what it stands for: the store batches and waits as ever, and the engine writes the
/// recorded bytes.
fn substitute(commits: &[Commit], asked: &Commit) -> Commit {
    let meant = asked.ops.iter().find_map(|op| match op {
        Op::Put { key, .. } => Some(u64::from_be_bytes(*key.last_chunk()?)),
        Op::Delete { .. } => None,
    });
    let meant = meant.and_then(|at| commits.get(usize::try_from(at).ok()?));
    meant.map_or_else(|| asked.clone(), |meant| Commit { id: asked.id, ..meant.clone() })
}

/// The committed operations of a batch, without the compares.
fn committed<'a>(batch: &'a [Commit], verdicts: &'a [Verdict]) -> impl Iterator<Item = Commit> + 'a {
    let committed = batch.iter().zip(verdicts).filter(|(_, verdict)| verdict.revision().is_some());
    committed.map(|(commit, _)| Commit {
        id: CommitId(plane::world().entropy.guid()),
        compares: Vec::new(),
        ops: commit.ops.clone(),
        audit: commit.audit.clone(),
        may_use_reserve: commit.may_use_reserve,
    })
}
