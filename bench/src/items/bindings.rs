//! 200 network namespaces, each attached to a machine with an identity of its own, at once on two cores, one for the server and
//! one for the load generator: saturated throughput against one binding with as many connections, and the tail of the
//! latency at half of it against nginx's, and at 4,000 requests a second, which is Azure's limit for 200 machines. Taken in
//! a network of its own.

use crate::child::Process;
use crate::cloud::{Cloud, TOKEN_TARGET, VM_VERSION, metadata_request};
use crate::joined::{machine, machine_id};
use crate::load::{OpenLoad, run, saturate};
use crate::machine::{LOAD_CORE, SERVER_CORE, has_program, has_two_cores, pin, unpin};
use crate::namespaces::Namespaces;
use crate::nginx::Nginx;
use crate::report::Row;
use crate::stats::{Latencies, median, time};
use crate::{Bench, Failure, apart, control};
use std::time::Duration;
use xtask::connection::{Connection, Target};

const SATURATED: &str = "200 network namespaces at once on 2 cores: saturated throughput ÷ that of one binding";
const BINDINGS: usize = 200;
/// Azure's limit of 20 requests a second, for 200 machines.
const RATE: f64 = 4_000.0;

const NAME: &str = "bindings";

pub(super) fn measure(bench: &Bench) -> Result<Vec<Row>, Failure> {
    if !has_two_cores() {
        return Ok(vec![Row::skipped(SATURATED, "≥ 0.9", "there is only one core here")]);
    }
    apart::measure(bench, NAME, SATURATED)
}

pub(super) fn measure_apart(bench: &Bench) -> Result<Vec<Row>, Failure> {
    let (rounds, each) = bench.amount((5, Duration::from_secs(2)), (2, Duration::from_millis(500)));
    let data = bench.folder(NAME)?.join("data");
    let cloud = Cloud::start(bench, &data, Some(SERVER_CORE))?;
    let namespaces = Namespaces::create(BINDINGS)?;
    let mut management = cloud.management()?;
    for at in 0..BINDINGS {
        let name = format!("vm-{at}");
        management.call("PUT", &machine_id(&cloud, &name), VM_VERSION, &machine(None))?;
        control::attach(&data, &name, at)?;
    }
    let request = [metadata_request(TOKEN_TARGET)];
    let body = namespaces.connect_one(0)?.call(&request[0])?;
    body.json()?;
    for at in 1..BINDINGS {
        namespaces.connect_one(at)?.call(&request[0])?.json()?;
    }
    let mut to_one = namespaces.connect(1, BINDINGS)?;
    let mut to_all = namespaces.connect(BINDINGS, 1)?;
    let (mut rates_one, mut rates_all, mut cpu_one, mut cpu_all) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    pin(LOAD_CORE)?;
    for _ in 0..rounds {
        let (rate, cpu) = saturated(&cloud.process, &mut to_one, &request, each)?;
        rates_one.push(rate);
        cpu_one.push(cpu);
        let (rate, cpu) = saturated(&cloud.process, &mut to_all, &request, each)?;
        rates_all.push(rate);
        cpu_all.push(cpu);
    }
    let (rate_one, rate_all) = (median(&rates_one), median(&rates_all));
    let ratio = rate_all / rate_one;
    let mut rows = vec![Row::judged(
        SATURATED,
        "≥ 0.9",
        format!(
            "{ratio:.2} ({rate_all:.0} against {rate_one:.0} requests/s; {:.1} against {:.1} µs of the server's time each)",
            median(&cpu_all),
            median(&cpu_one)
        ),
        ratio >= 0.9,
    )];
    drop((to_one, to_all));
    rows.push(tail(bench, &namespaces, &request, rate_all / 2.0, (rounds, each), &String::from_utf8(body.body)?)?);
    let seen = at_rate(namespaces.connect(BINDINGS, 1)?, &request, RATE, each * 2, 1)?;
    unpin()?;
    rows.push(Row::judged(
        "200 network namespaces, 4,000 requests a second: p99",
        "≤ 10 ms",
        seen.summary(),
        seen.micros(990) <= 10_000.0,
    ));
    Ok(rows)
}

fn tail(
    bench: &Bench,
    namespaces: &Namespaces,
    request: &[Vec<u8>],
    rate: f64,
    (rounds, each): (u64, Duration),
    body: &str,
) -> Result<Row, Failure> {
    let (what, target) = ("200 network namespaces at half of that: p99 ÷ nginx's", "≤ 2");
    if !has_program("nginx") {
        return Ok(Row::skipped(what, target, "there is no nginx here (Debian: `apt-get install nginx`)"));
    }
    let nginx = Nginx::start(bench, body, 1, Some(SERVER_CORE))?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        ours.push(at_rate(namespaces.connect(BINDINGS, 1)?, request, rate, each, round)?.micros(990));
        let connections = Target::plain(nginx.address).connect_many(BINDINGS)?;
        theirs.push(at_rate(connections, request, rate, each, round)?.micros(990));
    }
    let (ours, theirs) = (median(&ours), median(&theirs));
    let measured = format!("{:.2} ({} against {}; at {rate:.0} requests/s)", ours / theirs, time(ours), time(theirs));
    Ok(Row::judged(what, target, measured, ours / theirs <= 2.0))
}

/// Requests per second, and the server's time for each in microseconds.
fn saturated(
    server: &Process,
    connections: &mut [Connection],
    request: &[Vec<u8>],
    each: Duration,
) -> Result<(f64, f64), Failure> {
    let cpu = server.cpu()?;
    let load = saturate(connections, request, each)?;
    let cpu = server.cpu()?.saturating_sub(cpu);
    Ok((load.per_second(), cpu.as_secs_f64() * 1e6 / load.answered as f64))
}

fn at_rate(
    connections: Vec<Connection>,
    request: &[Vec<u8>],
    rate: f64,
    each: Duration,
    round: u64,
) -> Result<Latencies, Failure> {
    let load = OpenLoad::new(connections, request, rate, 0xB1D5 + 2 * round)?;
    let seen = run(vec![load], each)?.into_iter().next().ok_or("no load")?;
    match seen.first_failure {
        Some(failure) => Err(failure.into()),
        None if seen.failed > 0 => Err("requests were not answered".into()),
        None => Ok(seen.latencies),
    }
}
