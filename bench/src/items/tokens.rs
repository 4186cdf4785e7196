//! New tokens with client assertion, one core: processor time per token against the sum of the bare
//! operations that no implementation can leave out (verify the assertion, sign, check the signature),
//! measured in turns. Once as the plain function that the token service is, once with everything
//! around it: HTTP, TLS, pools, log. For the operator's RS256 assertion over the public listener, and
//! for the agent's ES256 assertion, which counts once, over the hosts listener with mTLS.

use crate::bare::{Bare, Costs, time};
use crate::child::Process;
use crate::cloud::Cloud;
use crate::host::{Host, Invitation, Operator, invite};
use crate::load::saturate;
use crate::machine::{LOAD_CORE, SERVER_CORE, has_two_cores, pin, unpin};
use crate::plane::{Plane, anybody, token_request, world};
use crate::report::Row;
use crate::stats::median;
use crate::{Bench, Failure};
use bonafide_core::directory::add_certificate;
use bonafide_crypto::Certificate;
use bonafide_wire::{Peer, Request};
use std::path::Path;
use std::time::Duration;
use xtask::connection::{Connection, Target};

const TARGET: &str = "≤ 1.15";
const CONNECTIONS: usize = 16;
/// More new tokens than a core can make in a second.
const PER_SECOND_MAX: u64 = 6_000;

pub(super) fn measure(bench: &Bench) -> Result<Vec<Row>, Failure> {
    let data = bench.folder("tokens")?.join("data");
    Cloud::start(bench, &data, None)?.process.stop()?;
    let plane = Plane::open(&data)?;
    let invitation = invite(&plane)?;
    let mut rows = functions(bench, &plane)?;
    drop(plane);
    match has_two_cores() {
        true => rows.extend(servers(bench, &data, &invitation)?),
        false => rows.push(Row::skipped("HTTP and TLS included", TARGET, "there is only one core here")),
    }
    Ok(rows)
}

/// The token service as a function.
fn functions(bench: &Bench, plane: &Plane) -> Result<Vec<Row>, Failure> {
    let (rounds, each, tokens) =
        bench.amount((7, Duration::from_millis(200), 600), (2, Duration::from_millis(30), 100));
    let (path, audience) = plane.token_endpoint();
    let operator = Operator::read(&plane.info.operator.certificate_file, plane.info.operator.client_id)?;
    let by_operator: Vec<Request> =
        operator.forms(&audience)?.into_iter().map(|form| token_request(&path, form, anybody())).collect();
    let (host, peer) = enrol(plane)?;
    let bare = Bare::new()?;
    let (mut costs, mut rsa, mut p256) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let by_host = (0..tokens).map(|_| Ok(token_request(&path, host.form(&audience)?, peer)));
        let by_host = by_host.collect::<Result<Vec<_>, Failure>>()?;
        pin(LOAD_CORE)?;
        costs.push(bare.round(each)?);
        let mut turn = by_operator.iter().cycle();
        rsa.push(time(each, || turn.next().is_some_and(|request| plane.sign_in(request).is_ok()))?);
        p256.push(micros_each(&by_host, |request| plane.sign_in(request).map(drop))?);
        unpin()?;
    }
    let costs = Costs::median(&costs);
    Ok(vec![
        row(
            "new token, RS256 assertion, as a function: processor time ÷ bare operations",
            &rsa,
            costs.with_rsa_assertion(),
        ),
        row("new token, ES256 assertion of an agent, as a function: the same", &p256, costs.with_p256_assertion()),
    ])
}

/// Processor time that each element takes, in microseconds.
fn micros_each<T>(all: &[T], mut operation: impl FnMut(&T) -> Result<(), Failure>) -> Result<f64, Failure> {
    let started = crate::machine::thread_time();
    all.iter().try_for_each(&mut operation)?;
    Ok((crate::machine::thread_time() - started).as_secs_f64() * 1e6 / all.len() as f64)
}

/// A host with the demo workload and a registered key, written straight into the directory.
fn enrol(plane: &Plane) -> Result<(Host, Peer), Failure> {
    let invitation = invite(plane)?;
    let (host, certificate) = Host::new(plane, &invitation)?;
    let certificate = Certificate::from_der(&certificate)?;
    let (id, world) = (invitation.host, world());
    plane.store.write(|tx| {
        let row = bonafide_core::placement::Host::new("bench", world.now);
        tx.put(&bonafide_core::placement::HOSTS, &id, &row)?;
        add_certificate(tx, &world, invitation.principal, &certificate, Some(id))
    })?;
    plane.catch_up()?;
    Ok((host, Peer::Host(id)))
}

/// The whole server.
fn servers(bench: &Bench, data: &Path, invitation: &Invitation) -> Result<Vec<Row>, Failure> {
    let (rounds, each) = bench.amount((5, Duration::from_secs(3)), (1, Duration::from_secs(1)));
    let cloud = Cloud::start(bench, data, Some(SERVER_CORE))?;
    let by_operator = Operator::of(&cloud)?.requests(&cloud)?;
    let (host, hosts) = Host::join(&cloud, invitation)?;
    let mut public = cloud.public()?.connect_many(CONNECTIONS)?;
    let mut hosts: Vec<Connection> = Target::connect_many(&hosts, CONNECTIONS)?;
    let bare = Bare::new()?;
    let count = usize::try_from(PER_SECOND_MAX * each.as_secs())?;
    let (mut costs, mut rsa, mut p256, mut rates) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let by_host = host.requests(&cloud, count)?;
        pin(LOAD_CORE)?;
        costs.push(bare.round(each / 8)?);
        let (cost, rate) = cost(&cloud.process, &mut public, &by_operator, each)?;
        rsa.push(cost);
        rates.push(rate);
        p256.push(self::cost(&cloud.process, &mut hosts, &by_host, each)?.0);
        unpin()?;
    }
    let costs = Costs::median(&costs);
    let rsa_row = "new token, RS256 assertion, HTTP and TLS included: processor time ÷ bare operations";
    Ok(vec![
        row(rsa_row, &rsa, costs.with_rsa_assertion()),
        row(
            "new token, ES256 assertion of an agent, HTTP and mTLS included: the same",
            &p256,
            costs.with_p256_assertion(),
        ),
        Row::plain(
            "new tokens, RS256 assertion, HTTP and TLS included, one core",
            format!("{:.0} per second", median(&rates)),
        ),
    ])
}

/// Processor time of the server for each request, in microseconds, and requests per second.
pub(super) fn cost(
    server: &Process,
    connections: &mut [Connection],
    requests: &[Vec<u8>],
    each: Duration,
) -> Result<(f64, f64), Failure> {
    let before = server.cpu()?;
    let load = saturate(connections, requests, each)?;
    let cpu = server.cpu()?.saturating_sub(before);
    // Those under way when time was up were answered too.
    let answered = load.answered as f64 + connections.len() as f64;
    Ok((cpu.as_secs_f64() * 1e6 / answered, load.per_second()))
}

fn row(what: &str, costs: &[f64], bare: f64) -> Row {
    let cost = median(costs);
    let ratio = cost / bare;
    Row::judged(what, TARGET, format!("{ratio:.2} ({cost:.0} µs against {bare:.0} µs)"), ratio <= 1.15)
}
