//! Tokens while the store stalls. The data directory lies on a file system of its own (a loop-mounted
//! ext4), which is frozen for ten seconds (`fsfreeze`): every write to it hangs, and so do the requests
//! to the resource manager that are sent meanwhile, more of them than there are threads for the store.
//! Cached tokens, new tokens of the operator, and new tokens that the agent is made to fetch for the
//! workload must not notice. Needs root.

use crate::child::{Process, command, done};
use crate::cloud::{Cloud, TOKEN_TARGET, management_request, metadata_request};
use crate::host::Operator;
use crate::load::{OpenLoad, Seen, run};
use crate::machine::{LOAD_CORE, SERVER_CORE, has_program, has_two_cores, is_root, pin, unpin};
use crate::report::Row;
use crate::{Bench, Failure};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use xtask::connection::Connection;

const WHAT: &str = "a store that stalls for 10 s: p99 ÷ that before";
const TARGET: &str = "≤ 2, none refused, none later than 1 s";
/// Requests to the resource manager that hang: more than the threads that serve them.
const WRITERS: usize = 48;
const CONNECTIONS: usize = 8;
const LATEST_MICROS: f64 = 1e6;
/// The requests of each load, and their number a second.
const LOADS: [(&str, f64); 3] =
    [("cached tokens", 1_000.0), ("new tokens of the operator", 200.0), ("new tokens of the workload", 100.0)];

pub(super) fn measure(bench: &Bench) -> Result<Vec<Row>, Failure> {
    if let Some(why) = missing() {
        return Ok(vec![Row::skipped(WHAT, TARGET, why)]);
    }
    let (before, frozen) = bench.amount((5, 10), (2, 3));
    let (before, frozen) = (Duration::from_secs(before), Duration::from_secs(frozen));
    let folder = bench.folder("stall")?;
    let mount = Mount::new(&folder)?;
    let data = mount.folder.join("data");
    let cloud = Cloud::start_logging_to(bench, &data, Some(SERVER_CORE), &folder.join("up.log"))?;
    let requests = [
        vec![metadata_request(TOKEN_TARGET)],
        Operator::of(&cloud)?.requests(&cloud)?,
        vec![metadata_request(&format!("{TOKEN_TARGET}&bypass_cache=true"))],
    ];
    // The agent makes a key for the first token: a write.
    cloud.metadata()?.connect()?.call(&requests[0][0])?.json()?;
    let writers = warm(writers(&cloud)?)?;
    let quiet = loads(&cloud, &requests, before)?;
    let hung = AtomicUsize::new(0);
    let (stalled, hung_at_end, written) = std::thread::scope(|scope| {
        let thawed = mount.freeze(frozen)?;
        let threads: Vec<_> = writers
            .into_iter()
            .map(|(mut connection, request)| {
                hung.fetch_add(1, Ordering::Relaxed);
                let hung = &hung;
                scope.spawn(move || {
                    let status = connection.call(&request).map(|answer| answer.status);
                    hung.fetch_sub(1, Ordering::Relaxed);
                    status.unwrap_or(0)
                })
            })
            .collect();
        let stalled = loads(&cloud, &requests, frozen);
        let hung_at_end = hung.load(Ordering::Relaxed);
        thawed.thaw()?;
        let written =
            threads.into_iter().filter_map(|thread| thread.join().ok()).filter(|status| *status < 300 && *status > 0);
        Ok::<_, Failure>((stalled?, hung_at_end, written.count()))
    })?;
    if hung_at_end != WRITERS {
        return Err(format!("the store did not stall: only {hung_at_end} of {WRITERS} writes hung").into());
    }
    let mut rows: Vec<Row> = LOADS
        .iter()
        .zip(quiet.iter().zip(&stalled))
        .map(|((name, _), (quiet, stalled))| row(name, quiet, stalled))
        .collect();
    rows.push(Row::plain(
        "writes during the stall",
        format!(
            "{hung_at_end} of {WRITERS} hung until its end; {written} then succeeded, the others were told to try again"
        ),
    ));
    Ok(rows)
}

fn missing() -> Option<&'static str> {
    if !is_root() {
        return Some("needs root, to freeze a file system");
    }
    if !has_two_cores() {
        return Some("there is only one core here");
    }
    let needed = ["fsfreeze", "mkfs.ext4", "losetup", "mount"];
    let free = Command::new("losetup").arg("-f").stdout(Stdio::null()).stderr(Stdio::null()).status();
    match needed.iter().all(|name| has_program(name)) && free.is_ok_and(|status| status.success()) {
        true => None,
        false => Some("there is no fsfreeze, mkfs.ext4 or loop device here"),
    }
}

/// A connection to the resource manager, with a write to send.
type Writer = (Connection, Vec<u8>);

/// So many of them.
fn writers(cloud: &Cloud) -> Result<Vec<Writer>, Failure> {
    let (public, authorization) = (cloud.public()?, cloud.management()?.authorization);
    let group = format!("/subscriptions/{}/resourceGroups/demo", cloud.subscription());
    let body = r#"{"location":"westeurope"}"#;
    (0..WRITERS)
        .map(|at| {
            let id = format!("{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/stall-{at}");
            Ok((public.connect()?, management_request(&authorization, "PUT", &id, "2018-11-30", body)))
        })
        .collect()
}

/// Sends every write once, all at the same time: the first work of each of the server's threads costs
/// it milliseconds, which are no stall of the store's.
fn warm(writers: Vec<Writer>) -> Result<Vec<Writer>, Failure> {
    let warm = |(mut connection, request): Writer| {
        let answered = connection.call(&request).map_err(|error| error.to_string())?;
        match answered.status {
            200..300 => Ok((connection, request)),
            status => Err(format!("a write was answered with {status}")),
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = writers.into_iter().map(|writer| scope.spawn(move || warm(writer))).collect();
        let joined = threads.into_iter().map(|thread| Ok(thread.join().map_err(|_| "a writer panicked")??));
        joined.collect()
    })
}

fn loads(cloud: &Cloud, requests: &[Vec<Vec<u8>>; 3], duration: Duration) -> Result<Vec<Seen>, Failure> {
    let targets = [cloud.metadata()?, cloud.public()?, cloud.metadata()?];
    let loads = targets.iter().zip(requests).zip(LOADS).zip(1..);
    let loads = loads.map(|(((target, requests), (_, rate)), seed)| {
        OpenLoad::new(target.connect_many(CONNECTIONS)?, requests, rate, 2 * seed)
    });
    let loads = loads.collect::<Result<Vec<_>, _>>()?;
    pin(LOAD_CORE)?;
    let seen = run(loads, duration);
    unpin()?;
    seen
}

fn row(name: &str, quiet: &Seen, stalled: &Seen) -> Row {
    let ratio = stalled.latencies.micros(990) / quiet.latencies.micros(990);
    let met = ratio <= 2.0 && stalled.failed == 0 && stalled.latencies.micros(1_000) <= LATEST_MICROS;
    let refused = match (&stalled.first_failure, stalled.failed) {
        (_, 0) => "none refused".to_owned(),
        (failure, count) => format!("{count} refused or unanswered: {}", failure.as_deref().unwrap_or("no answer")),
    };
    let measured = format!(
        "{ratio:.2} ({} of {}; before: {}; {refused})",
        stalled.latencies.summary(),
        stalled.latencies.count(),
        quiet.latencies.summary()
    );
    Row::judged(&format!("{WHAT}: {name}"), TARGET, measured, met)
}

/// A file system in a file, mounted. Thawed and unmounted when dropped.
struct Mount {
    folder: PathBuf,
}

/// A frozen file system. Thawed when dropped, and by a process of its own should this one die.
struct Frozen<'a> {
    mount: &'a Mount,
    watchdog: Process,
}

impl Mount {
    fn new(folder: &Path) -> Result<Self, Failure> {
        let (image, mounted) = (folder.join("image"), folder.join("mounted"));
        std::fs::create_dir_all(&mounted)?;
        std::fs::File::create(&image)?.set_len(256 * 1024 * 1024)?;
        done(Command::new("mkfs.ext4").arg("-q").arg("-F").arg(&image))?;
        done(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&mounted))?;
        Ok(Self { folder: mounted })
    }

    fn freeze(&self, expected: Duration) -> Result<Frozen<'_>, Failure> {
        let seconds = expected.as_secs() + 30;
        let script = format!("sleep {seconds}; exec fsfreeze -u \"$0\"");
        let mut watchdog = command("sh", None);
        watchdog.arg("-c").arg(script).arg(&self.folder).stdout(Stdio::null()).stderr(Stdio::null());
        let watchdog = Process::start(&mut watchdog)?;
        done(Command::new("fsfreeze").arg("-f").arg(&self.folder))?;
        Ok(Frozen { mount: self, watchdog })
    }
}

impl Frozen<'_> {
    fn thaw(self) -> Result<(), Failure> {
        done(Command::new("fsfreeze").arg("-u").arg(&self.mount.folder))
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        // Fails when it is thawed already.
        let _ = Command::new("fsfreeze").arg("-u").arg(&self.mount.folder).stderr(Stdio::null()).status();
        let _ = self.watchdog.child().kill();
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // The process that had files open there has just ended.
        for _ in 0..20 {
            let unmounted = Command::new("umount").arg(&self.folder).stderr(Stdio::null()).status();
            if unmounted.is_ok_and(|status| status.success()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}
