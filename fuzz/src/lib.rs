//! The common part of the targets: a cloud in memory that answers what the fuzzer sends, and what must hold of every answer.
//!
//! A surface may refuse anything; it must not panic, and must not say that it failed (500).

use bonafide_testkit::{Cloud, MANAGEMENT, Machine, Plane};
use bonafide_wire::{Peer, Remote, Reply, Request};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr};

/// Inputs after which a cloud is made anew, so that what they stored does not add up.
const INPUTS_OF_A_CLOUD: u32 = 4_000;

/// A cloud with a group `g`, a machine `m` in it that runs on the host, and a token of the operator's.
pub struct World {
    /// The cloud.
    pub cloud: Cloud,
    /// The machine.
    pub machine: Machine,
    /// The value of `Authorization` with which the operator manages.
    pub operator: HeaderValue,
}

impl World {
    fn new() -> Self {
        let cloud = Cloud::unthrottled();
        let realm = cloud.home.clone();
        cloud.make_group(&realm, "g");
        let machine = cloud.make_machine(&realm, "g", "m", true, &[]);
        cloud.place(&machine.id);
        let token = cloud.token(&realm.operator, MANAGEMENT);
        let operator = HeaderValue::from_str(&format!("Bearer {token}")).expect("a token is visible ASCII");
        Self { cloud, machine, operator }
    }
}

thread_local! {
    static WORLD: RefCell<(World, u32)> = RefCell::new((World::new(), 0));
}

/// Runs `body` in a world that at most [`INPUTS_OF_A_CLOUD`] inputs have changed.
pub fn in_a_world(body: impl FnOnce(&World)) {
    WORLD.with_borrow_mut(|(world, inputs)| {
        *inputs += 1;
        if *inputs > INPUTS_OF_A_CLOUD {
            (*world, *inputs) = (World::new(), 1);
        }
        body(world);
    });
}

/// A request of anybody. The target is a path, with or without a query.
pub fn request(method: Method, target: &str, body: impl Into<Bytes>) -> Request {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Request {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        version: http::Version::HTTP_11,
        headers: HeaderMap::new(),
        body: body.into(),
        peer: Peer::Anonymous(Remote::Ip(SocketAddr::from((Ipv4Addr::LOCALHOST, 50_000)))),
    }
}

/// The same request with one more header field; without it where the name or the value can be none.
#[must_use]
pub fn with(mut request: Request, name: &str, value: &str) -> Request {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
        request.headers.append(name, value);
    }
    request
}

/// The same request from the operator.
#[must_use]
pub fn by_operator(mut request: Request, world: &World) -> Request {
    request.headers.insert(AUTHORIZATION, world.operator.clone());
    request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    request
}

/// A request in the form of its text: a line with method and target, header fields, an empty line, a body. `None` for what
/// no HTTP connection would hand over.
pub fn from_text(text: &str) -> Option<Request> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let (method, target) = lines.next()?.split_once(' ')?;
    let is_target = target.starts_with('/') && target.bytes().all(|byte| byte.is_ascii_graphic());
    let made = request(Method::from_bytes(method.as_bytes()).ok()?, target, body.to_owned());
    is_target.then(|| {
        lines
            .filter_map(|line| line.split_once(':'))
            .fold(made, |so_far, (name, value)| with(so_far, name.trim(), value.trim()))
    })
}

/// Asks the resource manager as the operator.
pub fn manage(world: &World, method: Method, target: &str, body: impl Into<Bytes>) -> Reply {
    let asked = by_operator(request(method, target, body), world);
    must_not_fail(Plane::management(&world.cloud, &asked))
}

/// The reply, which must not say that the surface failed.
pub fn must_not_fail(reply: Reply) -> Reply {
    assert_ne!(reply.status, StatusCode::INTERNAL_SERVER_ERROR, "{:?}: {:?}", reply.why, reply.body);
    reply
}
