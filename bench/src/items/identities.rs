//! 1,000 user-assigned identities on one machine beside one on another: a cached token that is chosen by client id and by
//! resource id, and each of the 1,000 in turn beside the one by as many spellings of its query, for queries that were read
//! are remembered. One core for the server, one for the load generator, 32 connections, rounds in turns.

use super::cached::Generator;
use super::tokens::cost;
use crate::cloud::{Cloud, Management, RESOURCE, VM_VERSION, metadata_request};
use crate::joined::{group, machine_id};
use crate::machine::{LOAD_CORE, SERVER_CORE, has_two_cores, pin, unpin};
use crate::report::Row;
use crate::stats::median;
use crate::{Bench, Failure, control};
use serde_json::{Map, Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use xtask::connection::Target;

const WHAT: &str =
    "cached token of one of 1,000 identities of a workload, by client id, processor time ÷ of its only identity";
const TARGET: &str = "≤ 1.05";
const RATIO_MAX: f64 = 1.05;
const MANY: usize = 1_000;
const CONNECTIONS: usize = 32;
const IDENTITY_VERSION: &str = "2018-11-30";

pub(super) fn measure(bench: &Bench) -> Result<Vec<Row>, Failure> {
    if !has_two_cores() {
        return Ok(vec![Row::skipped(WHAT, TARGET, "there is only one core here")]);
    }
    let (many, rounds, each) = bench.amount((MANY, 9, Duration::from_secs(2)), (100, 2, Duration::from_secs(1)));
    let data = bench.folder("identities")?.join("data");
    let cloud = Cloud::start(bench, &data, Some(SERVER_CORE))?;
    let mut management = cloud.management()?;
    let identities = (0..many).map(|at| identity(&mut management, &cloud, at)).collect::<Result<Vec<_>, _>>()?;
    give(&mut management, &cloud, "many", &identities)?;
    give(&mut management, &cloud, "one", &identities[many / 2..=many / 2])?;
    let (_many, many_at) = control::open(&data, Some("many"), "imds")?;
    let (_one, one_at) = control::open(&data, Some("one"), "imds")?;
    let chosen = &identities[many / 2];
    let mut rows = Vec::new();
    let by_resource = "the same, by resource id";
    for (what, selector) in [(WHAT, ("client_id", &chosen.client)), (by_resource, ("msi_res_id", &chosen.id))] {
        let target = target(&[(selector.0, selector.1)]);
        rows.push(compare(&cloud, what, [many_at, one_at], &target, (rounds, each))?);
    }
    let each_of_them = identities.iter().map(|identity| target(&[("client_id", &identity.client)]));
    let spellings = (0..many).map(|at| target(&[("client_id", &chosen.client), ("spelling", &at.to_string())]));
    let requests = [each_of_them.collect::<Vec<_>>(), spellings.collect()];
    rows.push(in_turn(&cloud, [many_at, one_at], &requests, (rounds, each))?);
    Ok(rows)
}

/// A user-assigned identity.
struct Identity {
    id: String,
    client: String,
}

fn identity(management: &mut Management, cloud: &Cloud, at: usize) -> Result<Identity, Failure> {
    let id = format!("{}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-{at}", group(cloud));
    let made = management.call("PUT", &id, IDENTITY_VERSION, &json!({ "location": "westeurope" }))?;
    let client = made["properties"]["clientId"].as_str().ok_or("an identity without clientId")?.to_owned();
    Ok(Identity { id, client })
}

/// Makes a machine that has these identities.
fn give(management: &mut Management, cloud: &Cloud, name: &str, identities: &[Identity]) -> Result<(), Failure> {
    let all: Map<String, Value> = identities.iter().map(|identity| (identity.id.clone(), json!({}))).collect();
    let identity = json!({ "type": "UserAssigned", "userAssignedIdentities": all });
    let body = json!({ "location": "westeurope", "identity": identity, "properties": {} });
    management.call("PUT", &machine_id(cloud, name), VM_VERSION, &body).map(drop)
}

fn target(parameters: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("api-version", "2018-02-01")
        .append_pair("resource", RESOURCE)
        .extend_pairs(parameters)
        .finish();
    format!("/metadata/identity/oauth2/token?{query}")
}

fn compare(
    cloud: &Cloud,
    what: &str,
    places: [SocketAddr; 2],
    target: &str,
    (rounds, each): (usize, Duration),
) -> Result<Row, Failure> {
    let (generator, mut both) = (Generator::here(), [Vec::new(), Vec::new()]);
    for place in places {
        Target::plain(place).connect()?.call(&metadata_request(target))?.json()?;
    }
    for _ in 0..rounds {
        for (place, figures) in places.iter().zip(&mut both) {
            figures.push(generator.round(&cloud.process, *place, target, each.as_secs())?.cpu_micros);
        }
    }
    Ok(row(what, &both))
}

fn in_turn(
    cloud: &Cloud,
    places: [SocketAddr; 2],
    targets: &[Vec<String>; 2],
    (rounds, each): (usize, Duration),
) -> Result<Row, Failure> {
    let mut both = [Vec::new(), Vec::new()];
    let requests = targets.each_ref().map(|targets| targets.iter().map(|target| metadata_request(target)).collect());
    let requests: [Vec<Vec<u8>>; 2] = requests;
    let mut connections = Vec::new();
    for (place, requests) in places.iter().zip(&requests) {
        let mut first = Target::plain(*place).connect()?;
        requests.iter().try_for_each(|request| first.call(request)?.json().map(drop))?;
        connections.push(Target::plain(*place).connect_many(CONNECTIONS)?);
    }
    pin(LOAD_CORE)?;
    for _ in 0..rounds {
        for at in 0..places.len() {
            both[at].push(cost(&cloud.process, &mut connections[at], &requests[at], each)?.0);
        }
    }
    unpin()?;
    Ok(row("each of 1,000 identities in turn ÷ the only one by as many spellings of its query", &both))
}

fn row(what: &str, [many, one]: &[Vec<f64>; 2]) -> Row {
    let (many, one) = (median(many), median(one));
    let ratio = many / one;
    Row::judged(what, TARGET, format!("{ratio:.2} ({many:.2} µs against {one:.2} µs)"), ratio <= RATIO_MAX)
}
