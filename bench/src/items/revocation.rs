//! Revocation: how long after an attached identity is deleted its workload's metadata endpoint still
//! gives out its (cached) token. Counted from the moment at which the deletion is asked for; the
//! endpoint is asked once a millisecond.

use crate::cloud::{Cloud, Management, RESOURCE, metadata_request};
use crate::report::Row;
use crate::stats::{Latencies, time};
use crate::{Bench, Failure};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use xtask::connection::Connection;

/// Longer than anybody would wait.
const PATIENCE: Duration = Duration::from_secs(30);
const REFUSED_WITHIN_MICROS: f64 = 5e6;
const IDENTITY_VERSION: &str = "2018-11-30";
const MACHINE_VERSION: &str = "2024-11-01";

pub(super) fn measure(bench: &Bench) -> Result<Vec<Row>, Failure> {
    let events = bench.amount(50, 5);
    let cloud = Cloud::start(bench, &bench.folder("revocation")?.join("data"), None)?;
    let mut management = cloud.management()?;
    let mut metadata = cloud.metadata()?.connect()?;
    let machine = cloud.workload()?;
    let group = format!("/subscriptions/{}/resourceGroups/demo", cloud.subscription());
    let mut took = Vec::new();
    for at in 0..events {
        let id = format!("{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/revoked-{at}");
        let client = attach(&mut management, machine, &id)?;
        let request = token_request(Some(&client));
        until(&mut metadata, &request, |status| status == 200)?;
        let asked = Instant::now();
        management.call("DELETE", &id, IDENTITY_VERSION, &Value::Null)?;
        until(&mut metadata, &request, |status| status != 200)?;
        took.push(asked.elapsed());
        // The leftover entry; a workload holds a bounded number.
        let body =
            json!({ "identity": { "type": "SystemAssigned, UserAssigned", "userAssignedIdentities": { (id): null } } });
        management.call("PATCH", machine, MACHINE_VERSION, &body)?;
    }
    let took = Latencies::new(took);
    let request = token_request(None);
    until(&mut metadata, &request, |status| status == 200)?;
    let asked = Instant::now();
    management.call("DELETE", machine, MACHINE_VERSION, &Value::Null)?;
    until(&mut metadata, &request, |status| status != 200)?;
    Ok(vec![
        Row::judged(
            "an attached user-assigned identity is deleted: until its token is refused",
            "≤ 5 s p99",
            format!("{} of {events}", took.summary()),
            took.micros(990) <= REFUSED_WITHIN_MICROS,
        ),
        Row::plain("the machine itself is deleted: the same, once", time(asked.elapsed().as_secs_f64() * 1e6)),
    ])
}

/// Makes an identity and gives it to the machine. Returns what it signs in as.
fn attach(management: &mut Management, machine: &str, id: &str) -> Result<String, Failure> {
    let made = management.call("PUT", id, IDENTITY_VERSION, &json!({ "location": "westeurope" }))?;
    let body =
        json!({ "identity": { "type": "SystemAssigned, UserAssigned", "userAssignedIdentities": { (id): {} } } });
    management.call("PATCH", machine, MACHINE_VERSION, &body)?;
    Ok(made["properties"]["clientId"].as_str().ok_or("an identity without clientId")?.to_owned())
}

fn token_request(client: Option<&str>) -> Vec<u8> {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("api-version", "2018-02-01")
        .append_pair("resource", RESOURCE)
        .extend_pairs(client.map(|client| ("client_id", client)))
        .finish();
    metadata_request(&format!("/metadata/identity/oauth2/token?{query}"))
}

/// Asks until the status is a wanted one.
pub(super) fn until(metadata: &mut Connection, request: &[u8], wanted: impl Fn(u16) -> bool) -> Result<(), Failure> {
    let started = Instant::now();
    loop {
        let answer = metadata.call(request)?;
        if wanted(answer.status) {
            return Ok(());
        }
        if started.elapsed() > PATIENCE {
            return Err(format!("still {}: {}", answer.status, String::from_utf8_lossy(&answer.body)).into());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
