//! From a request to its endpoint: first the token, then the right, then the question.

use crate::Cx;
use crate::asked::Asked;
use crate::caller;
use crate::change::{Change, Requested};
use crate::endpoints::{self, Endpoint, Run};
use crate::fault::Fault;
use crate::ids::Ids;
use crate::options::Options;
use bonafide_core::tokens::Caller;
use bonafide_wire::{Captures, Lane, NoRoute, Reply, Request, find, path};
use http::StatusCode;
use std::sync::LazyLock;

/// All endpoints, in one table.
pub(crate) static ENDPOINTS: LazyLock<Vec<&'static Endpoint>> = LazyLock::new(|| endpoints::all().collect());

/// The lane of a request whose path exists and whose token is valid.
pub(crate) fn admit(cx: &Cx<'_>, request: &Request, caller: &mut Option<Caller>) -> Result<Lane, Fault> {
    let segments = read_path(request)?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (endpoint, _) = find_endpoint(request, &segments)?;
    *caller = Some(caller::authenticate(cx, request)?);
    Ok(endpoint.lane())
}

fn read_path(request: &Request) -> Result<Vec<String>, Fault> {
    path::segments(&request.path).map_err(|_| no_such_path(request))
}

fn no_such_path(request: &Request) -> Fault {
    Fault::NoSuchPath(below_version(&request.path))
}

fn find_endpoint<'s>(request: &Request, segments: &[&'s str]) -> Result<(&'static Endpoint, Captures<'s>), Fault> {
    let found = find(&ENDPOINTS, &request.method, segments).map_err(|none| match none {
        NoRoute::Path => no_such_path(request),
        NoRoute::Method(methods) => Fault::Method(methods),
    });
    found.map(|(endpoint, captures)| (*endpoint, captures))
}

/// Answers a request by its path and method. `caller` becomes known to the log also when the answer is a refusal.
pub(crate) fn answer(cx: &Cx<'_>, request: &Request, ids: &Ids, caller: &mut Option<Caller>) -> Result<Reply, Fault> {
    let segments = read_path(request)?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (endpoint, captures) = find_endpoint(request, &segments)?;
    let who: &Caller = caller.insert(caller::authenticate(cx, request)?);
    let options = Options::read(&request.query);
    let (version, about, correlation) = (endpoint.version, endpoint.about, ids.logged());
    // An option that cannot be read is told to who may ask.
    let none = Options::default();
    let readable = options.as_ref().unwrap_or(&none);
    let requested = Requested { cx, who, version, about, captures: &captures, options: readable, request, correlation };
    match endpoint.run {
        Run::Read(read) => cx.store.read(|tx| {
            let asked: Asked<'_> = requested.asked(tx);
            caller::check_may_read(&asked, who)?;
            options.as_ref().map_err(|error| Fault::Options(error.clone()))?;
            Ok(Reply::json(StatusCode::OK, &read(&asked)?))
        }),
        Run::Change(action, run) => cx.store.write(|tx| {
            let allowed = caller::may_change(&requested.asked(&*tx), who)?;
            options.as_ref().map_err(|error| Fault::Options(error.clone()))?;
            let mut change = Change { tx, allowed: &allowed, request: &requested };
            let done = run(&mut change)?;
            change.record(action, &done.scope)?;
            Ok(match &done.body {
                Some(body) => Reply::json(done.status, body),
                None => Reply::empty(done.status),
            })
        }),
    }
}

/// A path without its first segment, for a message.
fn below_version(raw: &str) -> String {
    path::segments(raw).unwrap_or_default().into_iter().skip(1).collect::<Vec<_>>().join("/")
}
