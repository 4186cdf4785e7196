//! 200 metadata endpoints at once on two cores, one for the server and one for the load generator:
//! saturated throughput against one endpoint with as many connections, and the tail of the latency at
//! half of it against nginx's, and at 4,000 requests a second, which is Azure's limit for 200 machines.
//! The endpoints are opened as `exec` does, through the control socket, and all belong to the demo
//! workload.

use crate::child::Process;
use crate::cloud::{Cloud, TOKEN_TARGET, metadata_request};
use crate::load::{OpenLoad, run, saturate};
use crate::machine::{LOAD_CORE, SERVER_CORE, has_program, has_two_cores, pin, unpin};
use crate::nginx::Nginx;
use crate::report::Row;
use crate::stats::{Latencies, median, time};
use crate::{Bench, Failure};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;
use xtask::connection::{Connection, Target};

const SATURATED: &str = "200 bindings at once on 2 cores: saturated throughput ÷ that of one binding";
const BINDINGS: usize = 200;
/// Azure's limit of 20 requests a second, for 200 machines.
const RATE: f64 = 4_000.0;

pub(super) fn measure(bench: &Bench) -> Result<Vec<Row>, Failure> {
    if !has_two_cores() {
        return Ok(vec![Row::skipped(SATURATED, "≥ 0.9", "there is only one core here")]);
    }
    let (rounds, each) = bench.amount((5, Duration::from_secs(2)), (2, Duration::from_millis(500)));
    let data = bench.folder("bindings")?.join("data");
    let cloud = Cloud::start(bench, &data, Some(SERVER_CORE))?;
    let endpoints = (0..BINDINGS).map(|_| open(&data)).collect::<Result<Vec<_>, _>>()?;
    let request = [metadata_request(TOKEN_TARGET)];
    let one = Target::plain(endpoints[0].1);
    let body = one.connect()?.call(&request[0])?;
    body.json()?;
    let mut to_one = one.connect_many(BINDINGS)?;
    let mut to_all = connect_all(&endpoints)?;
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
    rows.push(tail(bench, &endpoints, &request, rate_all / 2.0, (rounds, each), &String::from_utf8(body.body)?)?);
    let seen = at_rate(connect_all(&endpoints)?, &request, RATE, each * 2, 1)?;
    unpin()?;
    rows.push(Row::judged(
        "200 bindings, 4,000 requests a second: p99",
        "≤ 10 ms",
        seen.summary(),
        seen.micros(990) <= 10_000.0,
    ));
    Ok(rows)
}

fn tail(
    bench: &Bench,
    endpoints: &[(UnixStream, SocketAddr)],
    request: &[Vec<u8>],
    rate: f64,
    (rounds, each): (u64, Duration),
    body: &str,
) -> Result<Row, Failure> {
    let (what, target) = ("200 bindings at half of that: p99 ÷ nginx's", "≤ 2");
    if !has_program("nginx") {
        return Ok(Row::skipped(what, target, "there is no nginx here (Debian: `apt-get install nginx`)"));
    }
    let nginx = Nginx::start(bench, body, 1, Some(SERVER_CORE))?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        ours.push(at_rate(connect_all(endpoints)?, request, rate, each, round)?.micros(990));
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

/// One connection to each endpoint.
fn connect_all(endpoints: &[(UnixStream, SocketAddr)]) -> Result<Vec<Connection>, Failure> {
    let connections = endpoints.iter().map(|(_, address)| Target::plain(*address).connect_many(1));
    Ok(connections.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// Opens an endpoint of the demo workload; it lives as long as the stream.
fn open(data: &Path) -> Result<(UnixStream, SocketAddr), Failure> {
    let mut stream = UnixStream::connect(data.join("agent/control.sock"))?;
    stream.write_all(b"{\"workload\":null,\"dialect\":\"imds\"}\n")?;
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line)?;
    let answer: Value = serde_json::from_str(&line)?;
    let port = answer.pointer("/opened/port").and_then(Value::as_u64);
    let port = port.ok_or_else(|| format!("no endpoint was opened: {line}"))?;
    Ok((stream, SocketAddr::from(([127, 0, 0, 1], u16::try_from(port)?))))
}
