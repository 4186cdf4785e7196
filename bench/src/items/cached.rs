//! Cached tokens over the metadata endpoint: `up` against nginx, which answers with the same bytes
//! from its configuration, at the endpoint of a workload and at that of its extension. One core for the server, one for the load generator, 32 connections kept
//! alive, both with a buffered request log in a file; rounds in turns. A round counts when the
//! server's core was busy: otherwise it was the load generator that was measured.

use crate::child::{Process, command};
use crate::cloud::{Cloud, TOKEN_TARGET};
use crate::load::saturate;
use crate::machine::{LOAD_CORE, SERVER_CORE, has_program, has_two_cores, pin, unpin};
use crate::nginx::Nginx;
use crate::report::{Row, Verdict};
use crate::stats::median;
use crate::{Bench, Failure, control};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use xtask::connection::{Target, request_to};

const WHAT: &str = "cached token over the metadata endpoint, one core, requests per second: bonafide ÷ nginx";
const EXTENSION: &str =
    "cached token over the endpoint of the VM extension, one core, requests per second: bonafide ÷ nginx";
const EXTENSION_TARGET: &str = "/oauth2/token?resource=https://management.azure.com/";
/// Least ratio at each.
const RATIO_MIN: f64 = 1.0;
const EXTENSION_RATIO_MIN: f64 = 0.95;
const CONNECTIONS: usize = 32;
/// Least load of the server's core, as a part of it, for a valid round.
const BUSY: f64 = 0.93;
/// With fewer rounds that count on either side nothing is said.
const ROUNDS_MIN: usize = 3;

pub(super) fn measure(bench: &Bench) -> Result<Vec<Row>, Failure> {
    if !has_program("nginx") {
        return Ok(vec![Row::skipped(WHAT, "", "there is no nginx here (Debian: `apt-get install nginx`)")]);
    }
    if !has_two_cores() {
        return Ok(vec![Row::skipped(WHAT, "", "there is only one core here")]);
    }
    let data = bench.folder("cached")?.join("data");
    let cloud = Cloud::start(bench, &data, Some(SERVER_CORE))?;
    let amount = bench.amount((15, 3), (3, 1));
    let mut rows = compare(bench, &cloud, (WHAT, RATIO_MIN), (cloud.metadata()?.address, TOKEN_TARGET), amount)?;
    let (_open, extension) = control::open(&data, None, "vm-extension")?;
    let amount = bench.amount((15, 2), (3, 1));
    rows.extend(compare(bench, &cloud, (EXTENSION, EXTENSION_RATIO_MIN), (extension, EXTENSION_TARGET), amount)?);
    Ok(rows)
}

fn compare(
    bench: &Bench,
    cloud: &Cloud,
    (what, ratio_min): (&str, f64),
    (address, target): (SocketAddr, &str),
    (rounds, seconds): (usize, u64),
) -> Result<Vec<Row>, Failure> {
    let generator = Generator::here();
    let body = Target::plain(address).connect()?.call(&request_to_it(address, target))?;
    body.json()?;
    let nginx = Nginx::start_at(bench, target, &String::from_utf8(body.body)?, 1, Some(SERVER_CORE))?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        ours.push(generator.round(&cloud.process, address, target, seconds)?);
        theirs.push(generator.round(&nginx.process, nginx.address, target, seconds)?);
    }
    Ok(vec![rate((what, ratio_min), &ours, &theirs, &generator), cpu(what, &ours, &theirs)])
}

/// A request whose `Host` is the address itself, as the extension wants it.
fn request_to_it(address: SocketAddr, target: &str) -> Vec<u8> {
    request_to(&address.to_string(), "GET", target, &[("Metadata", "true")], "")
}

fn rate((what, ratio_min): (&str, f64), ours: &[Round], theirs: &[Round], generator: &Generator) -> Row {
    let busy = |rounds: &[Round]| -> Vec<f64> {
        rounds.iter().filter(|round| round.busy >= BUSY).map(|round| round.per_second).collect()
    };
    let wanted = format!("≥ {ratio_min:?}");
    let (counted, counted_theirs) = (busy(ours), busy(theirs));
    let (rate, rate_theirs) = (median(&counted), median(&counted_theirs));
    let usual = |rounds: &[Round]| 100.0 * median(&rounds.iter().map(|round| round.busy).collect::<Vec<_>>());
    let rounds = format!(
        "{} and {} of {} rounds with the server's core ≥ 93 % busy (in the median {:.0} and {:.0} %), {generator}",
        counted.len(),
        counted_theirs.len(),
        ours.len(),
        usual(ours),
        usual(theirs)
    );
    if counted.len().min(counted_theirs.len()) < ROUNDS_MIN.min(ours.len()) {
        return Row::new(what, &wanted, format!("only {rounds}"), Verdict::Undecided);
    }
    let ratio = rate / rate_theirs;
    Row::judged(what, &wanted, format!("{ratio:.3} ({rate:.0} against {rate_theirs:.0}; {rounds})"), ratio >= ratio_min)
}

fn cpu(what: &str, ours: &[Round], theirs: &[Round]) -> Row {
    let of = |rounds: &[Round]| median(&rounds.iter().map(|round| round.cpu_micros).collect::<Vec<_>>());
    let (ours, theirs) = (of(ours), of(theirs));
    Row::plain(
        &format!("{what}: the same in processor time for each"),
        format!("{:.2} ({ours:.2} µs against {theirs:.2} µs)", ours / theirs),
    )
}

/// A round of load.
pub(super) struct Round {
    pub(super) per_second: f64,
    busy: f64,
    /// The server's processor time for each request.
    pub(super) cpu_micros: f64,
}

/// The source of the load.
pub(super) enum Generator {
    Wrk,
    /// Our own, on a machine without wrk. It polls its connections, which costs it more than wrk.
    Own,
}

impl std::fmt::Display for Generator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Wrk => "load by wrk",
            Self::Own => "load by our own generator, because there is no wrk here",
        })
    }
}

impl Generator {
    /// The best one on this machine.
    pub(super) fn here() -> Self {
        if has_program("wrk") { Self::Wrk } else { Self::Own }
    }

    /// Asks a metadata endpoint for tokens as fast as it answers.
    pub(super) fn round(
        &self,
        server: &Process,
        address: SocketAddr,
        target: &str,
        seconds: u64,
    ) -> Result<Round, Failure> {
        let (cpu, started) = (server.cpu()?, Instant::now());
        let (per_second, answered) = match self {
            Self::Wrk => wrk(address, target, seconds)?,
            Self::Own => {
                pin(LOAD_CORE)?;
                let mut connections = Target::plain(address).connect_many(CONNECTIONS)?;
                let request = [request_to_it(address, target)];
                let load = saturate(&mut connections, &request, Duration::from_secs(seconds));
                unpin()?;
                let load = load?;
                (load.per_second(), load.answered as f64)
            }
        };
        let (cpu, took) = (server.cpu()?.saturating_sub(cpu), started.elapsed());
        let busy = cpu.as_secs_f64() / took.as_secs_f64();
        Ok(Round { per_second, busy, cpu_micros: cpu.as_secs_f64() * 1e6 / answered })
    }
}

/// Requests per second, and requests.
fn wrk(address: SocketAddr, target: &str, seconds: u64) -> Result<(f64, f64), Failure> {
    let output = command("wrk", Some(LOAD_CORE))
        .args(["-t1", &format!("-c{CONNECTIONS}"), &format!("-d{seconds}s"), "-H", "Metadata: true"])
        .arg(format!("http://{address}{target}"))
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    if text.contains("Non-2xx") || text.contains("Socket errors") {
        return Err(format!("wrk saw failures: {text}").into());
    }
    let figure = |line: &str| line.split_ascii_whitespace().find_map(|word| word.parse::<f64>().ok());
    let rate = text.lines().find(|line| line.starts_with("Requests/sec:")).and_then(figure);
    let count = text.lines().find(|line| line.contains(" requests in ")).and_then(figure);
    Ok((rate.ok_or("wrk says no rate")?, count.ok_or("wrk says no count")?))
}
