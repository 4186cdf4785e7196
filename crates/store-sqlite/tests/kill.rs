//! A process that acknowledges commits is killed at random moments: every acknowledged commit is
//! there afterwards, and none is there in part.

#![allow(clippy::unwrap_used, reason = "these are tests")]
#![allow(clippy::disallowed_methods, reason = "children, at random moments, are what is tested")]

mod support;

use bonafide_store::audit::{self, GENESIS, Hash};
use bonafide_store::conformance::row_keys;
use bonafide_store::{Absence, Locked, Read, Revision, Store, StoreError, Table};
use bonafide_store_sqlite::{DATABASE_FILE, SqliteEngine, Tuning};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;
use tempfile::TempDir;

const NAME: &str = "du_01_every_acknowledged_commit_survives_sigkill_and_no_half_one_does";
const KILLS: usize = 100;
const WRITERS: u64 = 4;

/// A commit is one row in each, and they must agree.
const LEFT: Table<(u64, u64), String> = Table::new("left", Absence::Withholds);
const RIGHT: Table<(u64, u64), String> = Table::new("right", Absence::Withholds);
const COUNTS: Table<u64, u64> = Table::new("count", Absence::Withholds);

#[test]
fn du_01_every_acknowledged_commit_survives_sigkill_and_no_half_one_does() {
    if let Some(dir) = support::child_directory() {
        return commit_until_killed(&dir);
    }
    let dir = TempDir::new().unwrap();
    let mut seen = Seen { counts: [0; WRITERS as usize], audit: (0, GENESIS) };
    let (mut with_acks, mut with_checkpoints) = (0, 0);
    for kill in 0..KILLS {
        // Now and then while it starts and recovers, and now and then after enough commits for a checkpoint,
        // however slow the disk is.
        let (commits, longest_ms) = match kill % 10 {
            0 | 5 => (0, 80),
            9 => (100, 60),
            _ => (1, 60),
        };
        let size_before = database_bytes(dir.path());
        let acknowledged = run_and_kill(dir.path(), commits, Duration::from_micros(random_below(longest_ms * 1000)));
        with_acks += usize::from(acknowledged.iter().any(|count| *count > 0));
        with_checkpoints += usize::from(database_bytes(dir.path()) > size_before);
        let store = marked(dir.path());
        seen.check(&store, acknowledged);
    }
    // Old commits as well, which no round looked at again.
    let store = marked(dir.path());
    let total: u64 = seen.counts.iter().sum();
    Seen { counts: [0; WRITERS as usize], audit: (0, GENESIS) }.check(&store, seen.counts);
    // Otherwise the test shows nothing.
    assert!(with_acks > KILLS / 2, "only {with_acks} children committed anything");
    assert!(with_checkpoints > 0, "no child checkpointed");
    assert!(total >= KILLS as u64, "only {total} commits");
}

/// The rows that earlier rounds have found stored.
struct Seen {
    counts: [u64; WRITERS as usize],
    audit: (u64, Hash),
}

impl Seen {
    fn check(&mut self, store: &Store, acknowledged: [u64; WRITERS as usize]) {
        for writer in 0..WRITERS {
            let seen = self.counts[writer as usize];
            let rows = store.read(|tx| {
                let after = (writer, seen);
                let left = tx.page(&LEFT, &writer, Some(&after), usize::MAX)?;
                let right = tx.page(&RIGHT, &writer, Some(&after), usize::MAX)?;
                Ok::<_, StoreError>((tx.get(&COUNTS, &writer)?.unwrap_or(0), left, right))
            });
            let (count, left, right) = rows.unwrap();
            assert!(count >= acknowledged[writer as usize].max(seen), "writer {writer} lost acknowledged commits");
            let whole: Vec<_> = (seen + 1..=count).map(|n| ((writer, n), text(writer, n))).collect();
            assert!(left == whole && right == whole, "writer {writer} has half a commit after {seen} of {count}");
            self.counts[writer as usize] = count;
        }
        let total = self.counts.iter().sum();
        let records = store.audit(self.audit.0, usize::MAX).unwrap();
        self.audit = audit::verify(self.audit, &records).expect("the audit chain is broken");
        assert_eq!((self.audit.0, store.head().unwrap().revision), (total, Revision(total)));
    }
}

/// Starts a child, kills it a while after so many commits, and gives the last commit that it acknowledged for
/// each writer.
fn run_and_kill(dir: &Path, commits: usize, after: Duration) -> [u64; WRITERS as usize] {
    let mut child = support::child(NAME, dir).stdout(Stdio::piped()).spawn().unwrap();
    let stdout = child.stdout.take().unwrap();
    let (committing, has_committed) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut acknowledged = [0; WRITERS as usize];
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // Not always at the start: the test harness leaves a line unfinished.
            let Some((_, words)) = line.split_once("committed ") else { continue };
            let (writer, n) = words.split_once(' ').unwrap();
            acknowledged[writer.parse::<usize>().unwrap()] = n.parse().unwrap();
            let _ = committing.send(());
        }
        acknowledged
    });
    for _ in 0..commits {
        has_committed.recv().expect("the child ended by itself");
    }
    std::thread::sleep(after);
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert!(!status.success() && status.code().is_none(), "the child ended by itself: {status}");
    reader.join().unwrap()
}

/// Refused if the mark were ahead of what is stored.
fn marked(dir: &Path) -> Store {
    let mark = dir.join("mark");
    Locked::open_marked(SqliteEngine::open_marked(dir, &mark).unwrap(), &mark).unwrap().unlock(row_keys())
}

fn commit_until_killed(dir: &Path) {
    // Small, so that many are killed in the middle of a checkpoint.
    let tuning = Tuning { checkpoint_pages: 64, ..Tuning::default() };
    let store = Locked::open_marked(SqliteEngine::open_with(dir, tuning).unwrap(), &dir.join("mark"))
        .unwrap()
        .unlock(row_keys());
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let store = &store;
            scope.spawn(move || {
                loop {
                    let n = commit(store, writer).unwrap();
                    // One short write, so that lines of different writers do not mix, nor come in parts.
                    std::io::stdout().write_all(format!("committed {writer} {n}\n").as_bytes()).unwrap();
                    if n.is_multiple_of(50) {
                        store.compact(store.head().unwrap().revision).unwrap();
                    }
                }
            });
        }
    });
}

fn commit(store: &Store, writer: u64) -> Result<u64, StoreError> {
    store.write(|tx| {
        let n = tx.get(&COUNTS, &writer)?.unwrap_or(0) + 1;
        tx.put(&LEFT, &(writer, n), &text(writer, n))?;
        tx.put(&RIGHT, &(writer, n), &text(writer, n))?;
        tx.put(&COUNTS, &writer, &n)?;
        tx.audit((writer, n))?;
        Ok(n)
    })
}

/// From a few bytes to many pages.
fn text(writer: u64, n: u64) -> String {
    format!("{writer}/{n} ").repeat(1 + (n * 37 % 1000) as usize)
}

fn database_bytes(dir: &Path) -> u64 {
    std::fs::metadata(dir.join(DATABASE_FILE)).map_or(0, |file| file.len())
}

fn random_below(limit: u64) -> u64 {
    let mut bytes = [0; 8];
    aws_lc_rs::rand::fill(&mut bytes).unwrap();
    u64::from_ne_bytes(bytes) % limit
}
