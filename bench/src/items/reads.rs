//! Reads of the resource manager, 16 clients, HTTP and TLS included: a VM with an identity, and all pages of a list of 10,000,
//! against nginx, which serves the same bytes from files through TLS. One core for the server, one for the load generator,
//! rounds in turns. Beside that, bonafide finds out who asks and what they may see, and reads the rows.

use super::put::{WRITERS, write};
use super::tokens::cost;
use crate::cloud::{Cloud, management_request};
use crate::machine::{LOAD_CORE, SERVER_CORE, has_program, has_two_cores, pin, unpin};
use crate::nginx::Nginx;
use crate::plane::Plane;
use crate::report::Row;
use crate::stats::{median, time};
use crate::{Bench, Failure};
use http::Method;
use std::time::Duration;
use xtask::connection::{Connection, Target, request};

const VERSION: &str = "2024-11-01";

pub(super) fn measure(bench: &Bench) -> Result<Vec<Row>, Failure> {
    let what = "GET of a VM with an identity, and a list of 10,000 ÷ nginx";
    if !has_program("nginx") || !has_program("openssl") {
        return Ok(vec![Row::skipped(what, "", "there is no nginx here, or no openssl (Debian has both)")]);
    }
    if !has_two_cores() {
        return Ok(vec![Row::skipped(what, "", "there is only one core here")]);
    }
    let (machines, rounds, each) = bench.amount((10_000, 7, Duration::from_secs(3)), (160, 2, Duration::from_secs(1)));
    let data = bench.folder("reads")?.join("data");
    Cloud::start(bench, &data, None)?.process.stop()?;
    write(&Plane::open(&data)?, &Method::PUT, machines / WRITERS)?;
    let cloud = Cloud::start(bench, &data, Some(SERVER_CORE))?;
    let reads = Reads::of(&cloud)?;
    let pages = reads.bodies.len() - 1;
    let (nginx, nginx_target) = Nginx::start_with_tls(bench, &reads.bodies, Some(SERVER_CORE))?;
    let connect = |target: &Target| target.connect_many(WRITERS);
    let (mut ours, mut theirs) = (connect(&cloud.public()?)?, connect(&nginx_target)?);
    let mut figures = [Figures::default(), Figures::default()];
    for _ in 0..rounds {
        pin(LOAD_CORE)?;
        // A VM, then the pages.
        for (figures, at) in figures.iter_mut().zip([0..1, 1..pages + 1]) {
            let asked = |requests: &[Vec<u8>], process, connections: &mut Vec<Connection>| {
                cost(process, connections, &requests[at.clone()], each)
            };
            figures.ours.push(asked(&reads.ours, &cloud.process, &mut ours)?);
            figures.theirs.push(asked(&reads.theirs, &nginx.process, &mut theirs)?);
        }
        unpin()?;
    }
    let [one, page] = figures;
    let mut rows = one.rows("GET of a VM with an identity, 16 clients, one core", 1);
    rows.extend(page.rows(&format!("list of {machines} resources, all {pages} pages, 16 clients, one core"), pages));
    nginx.process.stop()?;
    cloud.process.stop()?;
    Ok(rows)
}

/// The requests to both, and the bodies that both answer with: a machine, and then each page of the list of all.
struct Reads {
    ours: Vec<Vec<u8>>,
    theirs: Vec<Vec<u8>>,
    bodies: Vec<Vec<u8>>,
}

impl Reads {
    fn of(cloud: &Cloud) -> Result<Self, Failure> {
        let authorization = cloud.management()?.authorization;
        let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
        let group = format!("/subscriptions/{}/resourceGroups/demo", cloud.subscription());
        let machine = format!("{group}/providers/Microsoft.Compute/virtualMachines/vm-0-0");
        let mut next = Some(management_request(&authorization, "GET", &machine, VERSION, ""));
        let list = format!("{group}/resources?api-version=2021-04-01");
        let (mut connection, mut reads) =
            (cloud.public()?.connect()?, Self { ours: Vec::new(), theirs: Vec::new(), bodies: Vec::new() });
        while let Some(asked) = next {
            let answer = connection.call(&asked)?;
            let shown = answer.json()?;
            reads.theirs.push(request("GET", &format!("/{}", reads.bodies.len()), &headers, ""));
            let link = shown["nextLink"].as_str().and_then(|link| Some(&link[link.find("/subscriptions/")?..]));
            next = match (reads.bodies.is_empty(), link) {
                (true, _) => Some(request("GET", &list, &headers, "")),
                (false, link) => link.map(|target| request("GET", target, &headers, "")),
            };
            reads.ours.push(asked);
            reads.bodies.push(answer.body);
        }
        Ok(reads)
    }
}

/// Processor time of the server for each request, in microseconds, and requests per second, round by round.
#[derive(Default)]
struct Figures {
    ours: Vec<(f64, f64)>,
    theirs: Vec<(f64, f64)>,
}

impl Figures {
    /// `requests` make one of what is measured.
    fn rows(&self, what: &str, requests: usize) -> Vec<Row> {
        let of = |rounds: &[(f64, f64)], figure: fn(&(f64, f64)) -> f64| {
            median(&rounds.iter().map(figure).collect::<Vec<_>>())
        };
        let [ours, theirs] = [&self.ours, &self.theirs].map(|rounds| of(rounds, |(cpu, _)| *cpu) * requests as f64);
        let [rate, rate_theirs] =
            [&self.ours, &self.theirs].map(|rounds| of(rounds, |(_, rate)| *rate) / requests as f64);
        vec![
            Row::plain(
                &format!("{what}, processor time: bonafide ÷ nginx with the same bytes"),
                format!("{:.2} ({} against {})", ours / theirs, time(ours), time(theirs)),
            ),
            Row::plain(
                &format!("{what}, throughput: the same"),
                format!("{:.2} ({rate:.1} against {rate_theirs:.1} per second)", rate / rate_theirs),
            ),
        ]
    }
}
