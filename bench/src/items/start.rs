//! `up` on an existing and on an empty data directory: from starting the process to the first token (status 200) from
//! the metadata endpoint, and what it holds in memory once it is idle. It is always started at the same addresses: they are
//! part of what is certified and kept, which other ones would have made anew at each start.

use crate::cloud::{Addresses, Cloud, TOKEN_TARGET, metadata_request};
use crate::report::Row;
use crate::stats::{median, time};
use crate::{Bench, Failure};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use xtask::connection::Target;

/// Longest start of `up` that a measurement waits for.
const PATIENCE: Duration = Duration::from_secs(20);
const MEMORY_MIB_MAX: f64 = 30.0;
const START_MILLIS_MAX: f64 = 100.0;
/// For a machine with 1,200 RSA-2048 signatures a second: two key pairs take most of the time.
const FIRST_START_MILLIS_MAX: f64 = 120.0;

pub(super) fn measure(bench: &Bench) -> Result<Vec<Row>, Failure> {
    let (times, idle) = bench.amount((20, Duration::from_secs(3)), (3, Duration::from_secs(1)));
    let used = used(bench)?;
    let (mut took, mut memory) = (Vec::new(), Vec::new());
    for at in 0..times {
        let (cloud, first_token) = start(bench, &used)?;
        took.push(first_token.as_secs_f64() * 1e6);
        // Waiting each time would only make the run longer.
        if at < 3 {
            std::thread::sleep(idle);
            memory.push(cloud.process.resident_kib()? as f64 / 1024.0);
        }
        cloud.process.stop()?;
    }
    let first = (0..times).map(|at| first_start(bench, at)).collect::<Result<Vec<_>, _>>()?;
    let (median_micros, memory) = (median(&took), median(&memory));
    let slowest = took.iter().copied().fold(0.0, f64::max);
    Ok(vec![
        Row::judged(
            "`bonafide up` on an existing data directory to the first token",
            "≤ 100 ms",
            format!("{} (median of {times}; slowest {})", time(median_micros), time(slowest)),
            median_micros / 1e3 <= START_MILLIS_MAX,
        ),
        Row::judged(
            "`bonafide up` on an empty data directory to the first token",
            "≤ 120 ms",
            format!(
                "{} (median of {times}; slowest {})",
                time(median(&first)),
                time(first.iter().copied().fold(0.0, f64::max))
            ),
            median(&first) / 1e3 <= FIRST_START_MILLIS_MAX,
        ),
        Row::judged(
            "idle memory of `up` (VmRSS)",
            "≤ 30 MB",
            format!("{memory:.1} MiB"),
            memory * 1.048_576 <= MEMORY_MIB_MAX,
        ),
    ])
}

/// A data directory of `up` whose workload has had a token.
pub(super) struct Used {
    data: PathBuf,
    metadata: Target,
    addresses: Addresses,
}

/// Makes one.
pub(super) fn used(bench: &Bench) -> Result<Used, Failure> {
    let (data, addresses) = (bench.folder("start")?.join("data"), Addresses::free()?);
    // The first start, which makes everything, and the first token, for which the agent makes a key.
    let first = Cloud::start_at(bench, &data, &addresses)?;
    let metadata = first.metadata()?;
    metadata.connect()?.call(&metadata_request(TOKEN_TARGET))?.json()?;
    first.process.stop()?;
    Ok(Used { data, metadata, addresses })
}

/// Starts `up` on an empty data directory, and asks for a token as soon as it says where; in microseconds.
pub(super) fn first_start(bench: &Bench, at: usize) -> Result<f64, Failure> {
    let data = bench.folder(&format!("first-start-{at}"))?.join("data");
    let started = Instant::now();
    let cloud = Cloud::start(bench, &data, None)?;
    cloud.metadata()?.connect()?.call(&metadata_request(TOKEN_TARGET))?.json()?;
    let took = started.elapsed();
    cloud.process.stop()?;
    Ok(took.as_secs_f64() * 1e6)
}

/// Starts `up`, and asks its metadata port, which is kept, until there is a token.
pub(super) fn start(bench: &Bench, used: &Used) -> Result<(Cloud, Duration), Failure> {
    let request = metadata_request(TOKEN_TARGET);
    let started = Instant::now();
    let (metadata, asking) = (used.metadata.clone(), std::sync::mpsc::channel());
    let asker = std::thread::spawn(move || {
        let answered = loop {
            let answer = metadata.connect().and_then(|mut connection| connection.call(&request));
            match answer {
                Ok(answer) if answer.status == 200 => break Ok(started.elapsed()),
                _ if started.elapsed() > PATIENCE => break Err("no token".to_owned()),
                _ => std::thread::sleep(Duration::from_micros(200)),
            }
        };
        // The starter of this thread waits for the answer.
        let _ = asking.0.send(answered);
    });
    let cloud = Cloud::start_at(bench, &used.data, &used.addresses)?;
    let took = asking.1.recv_timeout(PATIENCE * 2).map_err(|_| "no token")??;
    asker.join().map_err(|_| "the asking thread panicked")?;
    Ok((cloud, took))
}
