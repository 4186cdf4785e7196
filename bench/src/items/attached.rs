//! A host that has joined a control plane elsewhere, with 1,000 machines, each of which has an identity and is attached at a network
//! namespace of its own: the memory of all its processes before and after, the times of `bonafide host attach` and
//! `detach` and of their requests to the agent alone, and the start of the agent, without its control plane, to the first
//! and to the last token. Taken in a network of its own.

use crate::child::{Process, done};
use crate::cloud::{TOKEN_TARGET, metadata_request};
use crate::joined::{Joined, begin_agent};
use crate::namespaces::Namespaces;
use crate::report::Row;
use crate::stats::{Latencies, time};
use crate::{Bench, Failure, apart, control};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const NAME: &str = "attached";
/// Memory for each binding that nobody uses.
const BINDING_KB_MAX: f64 = 30.0;
const ALL_MB_MAX: f64 = 64.0;
const ATTACH_MICROS_MAX: f64 = 20_000.0;
/// Longest time that the agent has to hear of what was placed, and to serve again after a restart.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time after which memory is looked at.
const IDLE: Duration = Duration::from_secs(3);

pub(super) fn measure(bench: &Bench) -> Result<Vec<Row>, Failure> {
    apart::measure(bench, NAME, "network namespaces that are attached")
}

pub(super) fn measure_apart(bench: &Bench) -> Result<Vec<Row>, Failure> {
    // So many are attached by the command; the others by its request alone.
    let (count, by_command) = bench.amount((1_000, 100), (20, 5));
    let folder = bench.folder(NAME)?;
    let joined = Joined::start(bench, &folder)?;
    let namespaces = Namespaces::create(count)?;
    let empty = memory(&joined.agent)?;
    joined.make_machines(count)?;
    until_here(&joined, count - 1)?;
    std::thread::sleep(IDLE);
    let placed = memory(&joined.agent)?;
    let mut rows = Vec::new();
    // The opener begins with the first.
    let (mut first, mut held_by_one) = (placed, [0, 0]);
    let mut took = Vec::new();
    for at in 0..by_command {
        if at == 1 {
            std::thread::sleep(IDLE);
            (first, held_by_one) = (memory(&joined.agent)?, joined.agent.held()?);
        }
        took.push(timed(|| command(bench, &joined.data, "attach", &["--workload", &format!("vm-{at}")], at))?);
    }
    rows.push(row("`bonafide host attach --netns`, the whole command", took));
    let mut took = Vec::new();
    for at in by_command..count {
        took.push(timed(|| control::attach(&joined.data, &format!("vm-{at}"), at))?);
    }
    rows.push(row("attach, its request to the agent alone", took));
    std::thread::sleep(IDLE);
    let idle = memory(&joined.agent)?;
    let each = (idle - first) / (count - 1) as f64;
    rows.push(Row::judged(
        &format!("memory of the agent and its opener for each idle binding, of {count} network namespaces (Pss)"),
        "≤ 30 KB",
        format!("{each:.1} KiB ({:.1} MiB; with one {:.1})", idle / 1024.0, first / 1024.0),
        each * 1.024 <= BINDING_KB_MAX,
    ));
    let held = joined.agent.held()?;
    let [descriptors, threads] = [0, 1].map(|of| (held[of] as f64 - held_by_one[of] as f64) / (count - 1) as f64);
    rows.push(Row::plain(
        "descriptors and threads of the same for each idle binding",
        format!("{descriptors:.2} and {threads:.2} ({} and {})", held[0], held[1]),
    ));
    tokens(&namespaces, count)?;
    std::thread::sleep(IDLE);
    let used = memory(&joined.agent)?;
    rows.push(Row::judged(
        &format!("all processes of a host with {count} machines and namespaces, each of which has had a token (Pss)"),
        "≤ 64 MB",
        format!(
            "{:.1} MiB (idle {:.1}, before they were attached {:.1}, without machines {:.1})",
            used / 1024.0,
            idle / 1024.0,
            placed / 1024.0,
            empty / 1024.0
        ),
        used * 1024.0 / 1e6 <= ALL_MB_MAX,
    ));
    let data = joined.data.clone();
    let (agent, started) = restart(bench, &folder, joined, &namespaces, count)?;
    rows.push(started);
    let mut took = Vec::new();
    for at in 0..by_command {
        took.push(timed(|| command(bench, &data, "detach", &[], at))?);
    }
    rows.push(row("`bonafide host detach --netns`, the whole command", took));
    let mut took = Vec::new();
    for at in by_command..count {
        took.push(timed(|| control::detach(&data, at))?);
    }
    rows.push(row("detach, its request to the agent alone", took));
    agent.stop()?;
    Ok(rows)
}

/// Starts the agent anew while its control plane is away.
fn restart(
    bench: &Bench,
    folder: &Path,
    joined: Joined,
    namespaces: &Namespaces,
    count: usize,
) -> Result<(Process, Row), Failure> {
    let Joined { cloud, agent, .. } = joined;
    agent.stop()?;
    cloud.process.stop()?;
    let started = Instant::now();
    let agent = begin_agent(bench, folder)?;
    while ask(namespaces, 0).is_err() {
        if started.elapsed() > PATIENCE {
            return Err("no token without the control plane".into());
        }
        std::thread::sleep(Duration::from_micros(500));
    }
    let first = started.elapsed();
    for at in 0..count {
        while let Err(error) = ask(namespaces, at) {
            if started.elapsed() > PATIENCE {
                return Err(error);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    let all = started.elapsed();
    let row = Row::plain(
        &format!(
            "`bonafide host run` with {count} machines and bindings, without the control plane, to the first token"
        ),
        format!("{} (each of {count} has had one after {})", micros(first), micros(all)),
    );
    Ok((agent, row))
}

fn command(bench: &Bench, data: &Path, order: &str, options: &[&str], at: usize) -> Result<(), Failure> {
    let mut command = Command::new(&bench.bonafide);
    command.args(["host", order, "--data-dir"]).arg(data).args(options);
    done(command.args(["--netns", &Namespaces::name(at)]))
}

fn timed(work: impl FnOnce() -> Result<(), Failure>) -> Result<Duration, Failure> {
    let started = Instant::now();
    work()?;
    Ok(started.elapsed())
}

fn row(what: &str, took: Vec<Duration>) -> Row {
    let took = Latencies::new(took);
    let measured = format!("{} of {}", took.summary(), took.count());
    Row::judged(what, "≤ 20 ms in the median", measured, took.micros(500) <= ATTACH_MICROS_MAX)
}

/// Waits until the host knows the last machine.
fn until_here(joined: &Joined, last: usize) -> Result<(), Failure> {
    let started = Instant::now();
    loop {
        match control::open(&joined.data, Some(&format!("vm-{last}")), "imds") {
            Ok(_) => return Ok(()),
            Err(error) if started.elapsed() > PATIENCE => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// A token in each namespace.
fn tokens(namespaces: &Namespaces, count: usize) -> Result<(), Failure> {
    (0..count).try_for_each(|at| ask(namespaces, at))
}

fn ask(namespaces: &Namespaces, at: usize) -> Result<(), Failure> {
    namespaces.connect_one(at)?.call(&metadata_request(TOKEN_TARGET))?.json().map(drop)
}

/// Of the agent's processes, in KiB.
fn memory(agent: &Process) -> Result<f64, Failure> {
    Ok(agent.proportional_kib()? as f64)
}

fn micros(duration: Duration) -> String {
    time(duration.as_secs_f64() * 1e6)
}
