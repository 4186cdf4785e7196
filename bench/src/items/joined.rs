//! A host that has joined as a process of its own. Revocation: how long after an assignment is asked to be removed the
//! binding at which the workload is attached still gives out its cached token; the binding is asked once a millisecond, from
//! the moment of the request on. And PUT: a change of machines that are placed on the connected host beside that of
//! machines that are nowhere, in turns: the processor time of the control plane with 16 clients, and the latency for one; once
//! of a member that no machine is told of, and once of a tag, of which each host hears before the answer.

use super::revocation::until;
use super::tokens::cost;
use crate::cloud::{Cloud, Management, RESOURCE, VM_VERSION, free_address, management_request, metadata_request};
use crate::joined::{Joined, group, machine, machine_id};
use crate::report::Row;
use crate::stats::{Latencies, median};
use crate::{Bench, Failure, control};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use xtask::connection::Target;

const REFUSED_WITHIN_MICROS: f64 = 5e6;
const IDENTITY_VERSION: &str = "2018-11-30";
/// Machines of each kind that are changed.
const MACHINES: usize = 64;
const CLIENTS: usize = 16;
/// More changes than a server makes in a second.
const PUTS_PER_SECOND_MAX: usize = 12_000;

pub(super) fn measure(bench: &Bench) -> Result<Vec<Row>, Failure> {
    let joined = Joined::start(bench, &bench.folder("joined")?)?;
    joined.make_machines(MACHINES)?;
    let mut rows = vec![revocation(bench, &joined)?];
    let mut management = joined.management()?;
    for at in 0..MACHINES {
        management.call("PUT", &machine_id(&joined.cloud, &name(NOWHERE, at)), VM_VERSION, &machine(None))?;
    }
    rows.extend(puts(bench, &joined, &UNTOLD)?);
    rows.extend(puts(bench, &joined, &TOLD)?);
    joined.agent.stop()?;
    joined.cloud.process.stop()?;
    Ok(rows)
}

fn revocation(bench: &Bench, joined: &Joined) -> Result<Row, Failure> {
    let events = bench.amount(100, 5);
    let (mut management, machine) = (joined.management()?, machine_id(&joined.cloud, "vm-0"));
    let id = format!("{}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/removed", group(&joined.cloud));
    let made = management.call("PUT", &id, IDENTITY_VERSION, &json!({ "location": "westeurope" }))?;
    let client = made["properties"]["clientId"].as_str().ok_or("an identity without clientId")?;
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("api-version", "2018-02-01"), ("resource", RESOURCE), ("client_id", client)])
        .finish();
    let request = metadata_request(&format!("/metadata/identity/oauth2/token?{query}"));
    let port = free_address()?.port();
    control::attach_port(&joined.data, "vm-0", port)?;
    let mut metadata = Target::plain(SocketAddr::from(([127, 0, 0, 1], port))).connect()?;
    let mut took = Vec::new();
    for _ in 0..events {
        assign(&mut management, &machine, &id, json!({}))?;
        until(&mut metadata, &request, |status| status == 200)?;
        let asked = Instant::now();
        let refused = std::thread::scope(|scope| {
            let removing =
                scope.spawn(|| assign(&mut management, &machine, &id, Value::Null).map_err(|e| e.to_string()));
            until(&mut metadata, &request, |status| status != 200)?;
            let refused = asked.elapsed();
            removing.join().map_err(|_| "it panicked")??;
            Ok::<_, Failure>(refused)
        })?;
        took.push(refused);
    }
    let took = Latencies::new(took);
    Ok(Row::judged(
        "an assignment is removed: until its token is refused at a binding of a host that has joined",
        "≤ 5 s p99",
        format!("{} of {events}", took.summary()),
        took.micros(990) <= REFUSED_WITHIN_MICROS,
    ))
}

fn assign(management: &mut Management, machine: &str, id: &str, entry: Value) -> Result<(), Failure> {
    let identity = json!({ "type": "SystemAssigned, UserAssigned", "userAssignedIdentities": { (id): entry } });
    management.call("PATCH", machine, VM_VERSION, &json!({ "identity": identity })).map(drop)
}

/// The places of machines that are changed.
const PLACED: usize = 0;
const NOWHERE: usize = 1;

/// A kind of change.
struct Kind {
    what: &'static str,
    change: fn(&mut Value, usize),
    /// Greatest ratio, where there is a target.
    ratio_max: Option<f64>,
}

/// Nothing that a machine is told of itself.
const UNTOLD: Kind = Kind {
    what: "PUT that changes nothing a machine is told of",
    change: |body, at| {
        let uri = format!("https://diagnostics{at}.example/");
        body["properties"]["diagnosticsProfile"] = json!({ "bootDiagnostics": { "enabled": true, "storageUri": uri } });
    },
    ratio_max: Some(1.02),
};
const TOLD: Kind = Kind {
    what: "PUT that changes a tag, which the host is told",
    change: |body, at| body["tags"] = json!({ "change": at.to_string() }),
    ratio_max: None,
};

fn puts(bench: &Bench, joined: &Joined, of: &Kind) -> Result<Vec<Row>, Failure> {
    let (rounds, each, single) = bench.amount((7, Duration::from_secs(2), 300), (1, Duration::from_secs(1), 20));
    let management = joined.management()?;
    let count = PUTS_PER_SECOND_MAX * usize::try_from(each.as_secs())?;
    let mut connections = joined.cloud.public()?.connect_many(CLIENTS)?;
    let (mut costs, mut latencies) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    for round in 0..rounds {
        for kind in [PLACED, NOWHERE] {
            let requests = changes(&joined.cloud, &management.authorization, (kind, of), (round * count, count));
            costs[kind].push(cost(&joined.cloud.process, &mut connections, &requests, each)?.0);
        }
    }
    let mut connection = joined.cloud.public()?.connect()?;
    for at in 0..single {
        for kind in [PLACED, NOWHERE] {
            let request = changes(&joined.cloud, &management.authorization, (kind, of), (rounds * count + at, 1));
            let asked = Instant::now();
            connection.call(&request[0])?.json()?;
            latencies[kind].push(asked.elapsed());
        }
    }
    let (placed, nowhere) = (median(&costs[PLACED]), median(&costs[NOWHERE]));
    let ratio = placed / nowhere;
    let [placed_one, nowhere_one] = latencies.map(Latencies::new);
    let ratio_one = placed_one.micros(500) / nowhere_one.micros(500);
    let what = format!(
        "{}, machines on a connected host ÷ machines that are nowhere, 16 clients: processor time of the control plane",
        of.what
    );
    let measured = format!("{ratio:.3} ({placed:.0} µs against {nowhere:.0} µs)");
    Ok(vec![
        match of.ratio_max {
            Some(most) => Row::judged(&what, &format!("≤ {most}"), measured, ratio <= most),
            None => Row::plain(&what, measured),
        },
        Row::plain(
            "the same for one client: latency in the median",
            format!("{ratio_one:.2} ({} against {})", placed_one.summary(), nowhere_one.summary()),
        ),
    ])
}

fn name(kind: usize, at: usize) -> String {
    if kind == PLACED { format!("vm-{at}") } else { format!("nowhere-{at}") }
}

/// So many changes, from a number on that none had before.
fn changes(
    cloud: &Cloud,
    authorization: &str,
    (kind, of): (usize, &Kind),
    (from, count): (usize, usize),
) -> Vec<Vec<u8>> {
    let change = |at: usize| {
        let mut body = machine(None);
        (of.change)(&mut body, at);
        let id = machine_id(cloud, &name(kind, at % MACHINES));
        management_request(authorization, "PUT", &id, VM_VERSION, &body.to_string())
    };
    (from..from + count).map(change).collect()
}
