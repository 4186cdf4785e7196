//! The routes of this surface.

use crate::asked::Asked;
use crate::fault::Fault;
use crate::options::Options;
use crate::{Cx, caller, directory_objects, people, service_principals};
use bonafide_core::tokens::Caller;
use bonafide_wire::{Captures, Lane, NoRoute, Reply, Request, Route, find, path};
use http::{Method, StatusCode};
use serde_json::Value;

/// Largest body, in bytes. Source: ours; 1,000 ids of one `getByIds` take 39 KB.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// A route, and its answer.
pub(crate) struct Endpoint {
    version: &'static str,
    route: Route,
    run: Run,
}

type Run = fn(&Asked<'_>) -> Result<Value, Fault>;

impl AsRef<Route> for Endpoint {
    fn as_ref(&self) -> &Route {
        &self.route
    }
}

/// Each line is served under both versions: nothing here differs between them.
macro_rules! in_both_versions {
    ($($make:ident $path:literal $run:expr;)*) => {
        &[$($make("v1.0", concat!("/v1.0", $path), $run), $make("beta", concat!("/beta", $path), $run),)*]
    };
}

/// All that is served.
pub(crate) const ENDPOINTS: &[Endpoint] = in_both_versions! {
    get "/servicePrincipals" service_principals::list;
    get "/servicePrincipals/{id}" service_principals::by_id;
    get "/servicePrincipals(appId='{appId}')" service_principals::by_app_id;
    get "/directoryObjects/{id}" directory_objects::by_id;
    post "/directoryObjects/getByIds" directory_objects::by_ids;
    post "/directoryObjects/microsoft.graph.getByIds" directory_objects::by_ids;
    get "/users" people::users;
    get "/users/{id}" people::by_id;
    get "/groups" people::groups;
    get "/groups/{id}" people::by_id;
    get "/me" people::me;
};

const fn get(version: &'static str, path: &'static str, run: Run) -> Endpoint {
    Endpoint { version, route: Route::of_store(Method::GET, path, 0), run }
}

const fn post(version: &'static str, path: &'static str, run: Run) -> Endpoint {
    Endpoint { version, route: Route::of_store(Method::POST, path, BODY_BYTES_MAX), run }
}

/// The lane of a request whose path exists and whose token is valid.
pub(crate) fn admit(cx: &Cx<'_>, request: &Request, caller: &mut Option<Caller>) -> Result<Lane, Fault> {
    let segments = read_path(request)?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (endpoint, _) = find_endpoint(request, &segments)?;
    *caller = Some(caller::authenticate(cx, request)?);
    // A request by an id gets one thing.
    Ok(if endpoint.route.path.contains('{') { Lane::Read } else { Lane::List })
}

fn read_path(request: &Request) -> Result<Vec<String>, Fault> {
    path::segments(&request.path).map_err(|_| no_such_path(request))
}

fn no_such_path(request: &Request) -> Fault {
    Fault::NoSuchPath(below_version(&request.path))
}

fn find_endpoint<'s>(request: &Request, segments: &[&'s str]) -> Result<(&'static Endpoint, Captures<'s>), Fault> {
    find(ENDPOINTS, &request.method, segments).map_err(|none| match none {
        NoRoute::Path => no_such_path(request),
        NoRoute::Method(methods) => Fault::Method(methods),
    })
}

/// Answers a request by its path and method: first the token, then the right to read, then the question. `caller`
/// becomes known to the log also when the answer is a refusal.
pub(crate) fn answer(cx: &Cx<'_>, request: &Request, caller: &mut Option<Caller>) -> Result<Reply, Fault> {
    let segments = read_path(request)?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (endpoint, captures) = find_endpoint(request, &segments)?;
    let who = caller.insert(caller::authenticate(cx, request)?);
    let body = cx.store.read(|tx| {
        caller::check_may_read(tx, who)?;
        let options = Options::read(&request.query)?;
        (endpoint.run)(&Asked {
            cx,
            tx,
            tenant: who.tenant,
            version: endpoint.version,
            captures: &captures,
            options: &options,
            request,
        })
    })?;
    Ok(Reply::json(StatusCode::OK, &body))
}

/// A path without its first segment, for a message.
fn below_version(raw: &str) -> String {
    path::segments(raw).unwrap_or_default().into_iter().skip(1).collect::<Vec<_>>().join("/")
}
