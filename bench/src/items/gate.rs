//! The gate of the synchronous core: new tokens through TLS, pools and SQLite at half of the maximum
//! rate, against a server with the same accept loop whose only work is one signature. Both get the
//! same requests at the same random moments; latency counts from the moment at which a request was
//! meant to be sent. One core for the server, one for the load generator, rounds in turns.

use crate::cloud::Cloud;
use crate::host::Operator;
use crate::load::{OpenLoad, run, saturate};
use crate::machine::{LOAD_CORE, SERVER_CORE, has_two_cores, pin, unpin};
use crate::report::Row;
use crate::signer::Signer;
use crate::stats::{Latencies, median, time};
use crate::{Bench, Failure};
use std::time::Duration;
use xtask::connection::Target;

const WHAT: &str =
    "new tokens at half the maximum rate, through TLS and SQLite: p99 ÷ that of a server that only signs";
const TARGET: &str = "≤ 2";
const CONNECTIONS: usize = 32;

pub(super) fn measure(bench: &Bench) -> Result<Vec<Row>, Failure> {
    if !has_two_cores() {
        return Ok(vec![Row::skipped(WHAT, TARGET, "there is only one core here")]);
    }
    let (rounds, each) = bench.amount((7, Duration::from_secs(5)), (2, Duration::from_secs(2)));
    let cloud = Cloud::start(bench, &bench.folder("gate")?.join("data"), Some(SERVER_CORE))?;
    let requests = Operator::of(&cloud)?.requests(&cloud)?;
    let (public, signer) = (cloud.public()?, Signer::start(bench, Some(SERVER_CORE))?);
    pin(LOAD_CORE)?;
    let maximum = saturate(&mut public.connect_many(CONNECTIONS)?, &requests, each)?.per_second();
    let maximum_signer = saturate(&mut signer.target.connect_many(CONNECTIONS)?, &requests, each)?.per_second();
    let rate = maximum / 2.0;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        ours.push(open(&public, &requests, rate, each, round)?);
        theirs.push(open(&signer.target, &requests, rate, each, round)?);
    }
    unpin()?;
    let at = |rounds: &[Latencies], per_mille: usize| {
        median(&rounds.iter().map(|round| round.micros(per_mille)).collect::<Vec<_>>())
    };
    let (tail, tail_signer) = (at(&ours, 990), at(&theirs, 990));
    let ratio = tail / tail_signer;
    let ratios: Vec<f64> = ours.iter().zip(&theirs).map(|(one, other)| one.micros(990) / other.micros(990)).collect();
    let measured = format!(
        "{ratio:.2} ({} against {}; medians of {rounds} rounds at {rate:.0} requests/s; of each round's ratio: {:.2}; p50 {} against {})",
        time(tail),
        time(tail_signer),
        median(&ratios),
        time(at(&ours, 500)),
        time(at(&theirs, 500)),
    );
    Ok(vec![
        Row::judged(WHAT, TARGET, measured, ratio <= 2.0),
        Row::plain(
            "maximum rate of both, one core",
            format!("{maximum:.0} against {maximum_signer:.0} requests/s ({:.2})", maximum / maximum_signer),
        ),
    ])
}

fn open(target: &Target, requests: &[Vec<u8>], rate: f64, each: Duration, round: u64) -> Result<Latencies, Failure> {
    let load = OpenLoad::new(target.connect_many(CONNECTIONS)?, requests, rate, 0x5EED + 2 * round)?;
    let seen = run(vec![load], each)?.into_iter().next().ok_or("no load")?;
    match seen.first_failure {
        Some(failure) => Err(failure.into()),
        None if seen.failed > 0 => Err("requests were not answered".into()),
        None => Ok(seen.latencies),
    }
}
