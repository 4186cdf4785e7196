//! This build against an older one, in turns on the same machine: cached and new tokens, PUT, start. Each is asked over
//! the wire, so that any build that speaks it can be the older one. Its rows name that one by its label.

use super::cached::Generator;
use super::put::{BODY, WRITERS};
use super::tokens::cost;
use super::{cached, start};
use crate::cloud::{Cloud, TOKEN_TARGET, management_request, metadata_request};
use crate::host::Operator;
use crate::machine::{LOAD_CORE, SERVER_CORE, has_two_cores, pin, unpin};
use crate::report::Row;
use crate::stats::{median, time};
use crate::{Bench, Failure};
use std::time::Duration;

const TARGET: &str = "≤ 1.05";
const RATIO_MAX: f64 = 1.05;
const CONNECTIONS: usize = 32;
/// More PUTs than a server does in a second.
const PUTS_PER_SECOND_MAX: u64 = 12_000;

pub(super) fn measure(bench: &Bench) -> Result<Vec<Row>, Failure> {
    let before = bench.before.clone().ok_or("it needs `--before BINARY --label LABEL`, an older build of bonafide")?;
    if !has_two_cores() {
        return Ok(vec![Row::skipped("this build ÷ an older one", TARGET, "there is only one core here")]);
    }
    let label = format!("this build ÷ {}", before.label);
    let before = Bench { bonafide: before.bonafide, work: bench.work.join("before"), quick: bench.quick, before: None };
    let (mut both, mut rows) = ([Figures::default(), Figures::default()], Vec::new());
    requests([bench, &before], &mut both)?;
    starts([bench, &before], &mut both)?;
    let [now, before] = both;
    let mut row = |what: &str, figures: fn(&Figures) -> &Vec<f64>| {
        let (now, before) = (median(figures(&now)), median(figures(&before)));
        let measured = format!("{:.2} ({} against {})", now / before, time(now), time(before));
        rows.push(Row::judged(what, TARGET, measured, now / before <= RATIO_MAX));
    };
    row(&format!("cached token, processor time: {label}"), |figures| &figures.cached);
    row("cached token, time of each at saturation, 32 connections: the same", |figures| &figures.cached_wall);
    row("new token, RS256 assertion, HTTP and TLS included, processor time: the same", |figures| &figures.token);
    row("the same, time of each at saturation", |figures| &figures.token_wall);
    row(
        "durable PUT of a VM with an identity, 16 clients, HTTP and TLS included, processor time: the same",
        |figures| &figures.put,
    );
    row("the same, time of each at saturation", |figures| &figures.put_wall);
    row("start on an existing data directory to the first token: the same", |figures| &figures.start);
    row("start on an empty data directory to the first token: the same", |figures| &figures.first_start);
    Ok(rows)
}

/// Microseconds that one build takes for each: processor time, and time at saturation.
#[derive(Default)]
struct Figures {
    cached: Vec<f64>,
    cached_wall: Vec<f64>,
    token: Vec<f64>,
    token_wall: Vec<f64>,
    put: Vec<f64>,
    put_wall: Vec<f64>,
    start: Vec<f64>,
    first_start: Vec<f64>,
}

/// Rounds of requests, in turns. Both builds run throughout; the one that is not asked idles.
fn requests(builds: [&Bench; 2], both: &mut [Figures; 2]) -> Result<(), Failure> {
    let (rounds, each) = builds[0].amount((9, Duration::from_secs(3)), (2, Duration::from_secs(1)));
    let generator = Generator::here();
    let clouds = builds.map(|build| Cloud::start(build, &build.folder("before")?.join("data"), Some(SERVER_CORE)));
    let [now, before] = clouds;
    let clouds = [now?, before?];
    let mut prepared = Vec::new();
    for cloud in &clouds {
        cloud.metadata()?.connect()?.call(&metadata_request(TOKEN_TARGET))?.json()?;
        prepared.push((Operator::of(cloud)?.requests(cloud)?, cloud.management()?.authorization));
    }
    for round in 0..rounds {
        for ((cloud, figures), (tokens, authorization)) in clouds.iter().zip(&mut *both).zip(&prepared) {
            let seen: cached::Round =
                generator.round(&cloud.process, cloud.metadata()?.address, TOKEN_TARGET, each.as_secs())?;
            figures.cached.push(seen.cpu_micros);
            figures.cached_wall.push(1e6 / seen.per_second);
            let puts = puts(cloud, authorization, round, PUTS_PER_SECOND_MAX * each.as_secs());
            pin(LOAD_CORE)?;
            let mut public = cloud.public()?.connect_many(CONNECTIONS)?;
            let (cpu, rate) = cost(&cloud.process, &mut public, tokens, each)?;
            figures.token.push(cpu);
            figures.token_wall.push(1e6 / rate);
            public.truncate(WRITERS);
            let (cpu, rate) = cost(&cloud.process, &mut public, &puts, each)?;
            figures.put.push(cpu);
            figures.put_wall.push(1e6 / rate);
            unpin()?;
        }
    }
    clouds.into_iter().try_for_each(|cloud| cloud.process.stop())
}

/// PUTs, each of a VM that is not there.
fn puts(cloud: &Cloud, authorization: &str, round: usize, count: u64) -> Vec<Vec<u8>> {
    let group = format!("/subscriptions/{}/resourceGroups/demo", cloud.subscription());
    let put = |at| {
        let id = format!("{group}/providers/Microsoft.Compute/virtualMachines/vm-{round}-{at}");
        management_request(authorization, "PUT", &id, "2024-11-01", BODY)
    };
    (0..count).map(put).collect()
}

/// Starts, in turns.
fn starts(builds: [&Bench; 2], both: &mut [Figures; 2]) -> Result<(), Failure> {
    let times = builds[0].amount(30, 3);
    let used = [start::used(builds[0])?, start::used(builds[1])?];
    for at in 0..times {
        for ((build, figures), used) in builds.iter().zip(&mut *both).zip(&used) {
            let (cloud, first_token) = start::start(build, used)?;
            figures.start.push(first_token.as_secs_f64() * 1e6);
            cloud.process.stop()?;
            figures.first_start.push(start::first_start(build, at)?);
        }
    }
    Ok(())
}
