//! A host with one workload, at a fixed time.
#![allow(dead_code, unreachable_pub)]

use bonafide_metadata::dialects::{APP_SERVICE, IMDS, VM_EXTENSION};
use bonafide_metadata::{Agent, Answer, Binding, Endpoint, FetchDuty, Options, Waiting};
use bonafide_types::{ClientId, Entropy, ObjectId, ResourceId, ResourceUuid, TenantId, Timestamp, World};
use bonafide_wire::hosts::{Desired, Identity, IdentityKind, Workload};
use bonafide_wire::token::{OAuthError, TokenV1};
use bonafide_wire::{Peer, Reply, Request};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;

pub const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_253_405);
pub const DAY: u64 = 86_400;
pub const ARM: &str = "https://management.azure.com/";
pub const TOKEN: &str = "/metadata/identity/oauth2/token";
pub const QUERY: &str = "api-version=2018-02-01&resource=https%3A%2F%2Fmanagement.azure.com%2F";
pub const SECRET: &str = "0123456789abcdef0123456789abcdef";

pub struct FixedEntropy;

impl Entropy for FixedEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

pub fn at(now: Timestamp) -> World<'static> {
    World { now, entropy: &FixedEntropy }
}

pub fn guid(kind: u8, number: usize) -> String {
    format!("{kind:08x}-0000-4000-8000-{number:012x}")
}

pub fn workload_id(number: usize) -> ResourceUuid {
    guid(1, number).parse().unwrap()
}

pub fn tenant() -> TenantId {
    guid(9, 0).parse().unwrap()
}

pub fn client(number: usize) -> ClientId {
    guid(2, number).parse().unwrap()
}

pub fn principal(number: usize) -> ObjectId {
    guid(3, number).parse().unwrap()
}

fn group() -> String {
    format!("/subscriptions/{}/resourceGroups/rg/providers", guid(8, 0))
}

pub fn vm(number: usize) -> ResourceId {
    ResourceId::parse(&format!("{}/Microsoft.Compute/virtualMachines/vm{number}", group())).unwrap()
}

pub fn user_assigned_id(number: usize) -> ResourceId {
    ResourceId::parse(&format!("{}/Microsoft.ManagedIdentity/userAssignedIdentities/id{number}", group())).unwrap()
}

pub fn system() -> Identity {
    Identity {
        kind: IdentityKind::SystemAssigned,
        principal_id: principal(0),
        client_id: client(0),
        resource_id: vm(1),
    }
}

pub fn user(number: usize) -> Identity {
    Identity {
        kind: IdentityKind::UserAssigned,
        principal_id: principal(number),
        client_id: client(number),
        resource_id: user_assigned_id(number),
    }
}

pub fn workload(number: usize, identities: Vec<Identity>) -> Workload {
    Workload {
        id: workload_id(number),
        resource_id: vm(number),
        tenant_id: tenant(),
        location: "westeurope".to_owned(),
        identities,
        extension: None,
        instance: None,
        events: None,
    }
}

pub fn everything(workloads: Vec<Workload>) -> Desired {
    Desired { cursor: "1".to_owned(), complete: true, workloads, removed: Vec::new(), nonce: None }
}

pub fn change(workloads: Vec<Workload>, removed: Vec<ResourceUuid>) -> Desired {
    Desired { cursor: "2".to_owned(), complete: false, workloads, removed, nonce: None }
}

pub fn unlimited() -> Options {
    Options { throttle: None, refresh_ahead: true }
}

pub fn agent_with(options: Options, identities: Vec<Identity>) -> Agent {
    let agent = Agent::new(options);
    agent.apply(everything(vec![workload(1, identities)]));
    agent
}

pub fn agent(identities: Vec<Identity>) -> Agent {
    agent_with(unlimited(), identities)
}

pub fn imds() -> Binding {
    imds_of(workload_id(1), 50_342)
}

pub fn imds_of(workload: ResourceUuid, port: u16) -> Binding {
    Binding::new(workload, &IMDS, Endpoint { port, ..Endpoint::default() })
}

pub fn vm_extension() -> Binding {
    Binding::new(workload_id(1), &VM_EXTENSION, Endpoint { port: 50_342, ..Endpoint::default() })
}

pub fn app_service() -> Binding {
    app_service_with(SECRET)
}

pub fn app_service_with(secret: &str) -> Binding {
    let secret = Some(secret.to_owned().into());
    Binding::new(workload_id(1), &APP_SERVICE, Endpoint { port: 41_013, secret, ..Endpoint::default() })
}

pub fn request(method: &str, path: &str, query: &str, headers: &[(&str, &str)]) -> Request {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
    }
    Request {
        method: Method::from_bytes(method.as_bytes()).unwrap(),
        path: path.to_owned(),
        query: query.to_owned(),
        version: http::Version::HTTP_11,
        headers: map,
        body: Bytes::new(),
        peer: Peer::Anonymous("127.0.0.1:1".parse().unwrap()),
    }
}

pub fn get(path: &str, query: &str) -> Request {
    request("GET", path, query, &[("host", "169.254.169.254"), ("metadata", "true")])
}

pub fn get_app_service(query: &str) -> Request {
    request("GET", "/msi/token", query, &[("host", "127.0.0.1:41013"), ("x-identity-header", SECRET)])
}

/// Login's answer at `now`: a token that lives for `life` seconds.
pub fn token_at(now: Timestamp, life: u64, text: &str) -> TokenV1 {
    TokenV1 {
        token_type: "Bearer".to_owned(),
        // As login: the part of a second that has passed already is not promised.
        expires_in: (life - 1).to_string(),
        ext_expires_in: (life - 1).to_string(),
        expires_on: now.plus_seconds(life).unix_seconds().to_string(),
        not_before: (now.unix_seconds() - 300).to_string(),
        resource: ARM.to_owned(),
        access_token: text.to_owned(),
    }
}

pub fn refusal(error: &str, code: u32) -> Box<OAuthError> {
    Box::new(OAuthError {
        error: error.to_owned(),
        error_description: format!("AADSTS{code}: words\r\nTrace ID: {}", guid(7, 7)),
        error_codes: vec![code],
        timestamp: NOW.sts(),
        trace_id: guid(7, 7),
        correlation_id: guid(7, 8),
        error_uri: None,
        nonce: None,
    })
}

pub fn waits(answer: Answer) -> (Waiting, Option<FetchDuty>) {
    match answer {
        Answer::Wait { waiting, duty } => (waiting, duty),
        Answer::Reply { reply, .. } => panic!("replied {} {:?}", reply.status, reply.body),
        Answer::Ask(_) => panic!("asks the control plane"),
    }
}

pub fn replies(answer: Answer) -> (Reply, Option<FetchDuty>) {
    match answer {
        Answer::Reply { reply, refresh } => (reply, refresh),
        Answer::Wait { .. } | Answer::Ask(_) => panic!("waits"),
    }
}

pub fn reply(answer: Answer) -> Reply {
    replies(answer).0
}

pub fn body(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap()
}

/// Asks, and if it must, lets login answer with the client id of whom it was asked for: the text
/// of the token then says whose it is.
pub fn ask(agent: &Agent, binding: &Binding, request: &Request, now: Timestamp) -> Reply {
    match agent.answer(binding, request, &at(now)) {
        Answer::Reply { reply, .. } => reply,
        Answer::Wait { waiting, duty } => {
            let duty = duty.expect("nobody else asks");
            let text = duty.fetch().client_id.to_string();
            agent.complete(duty, Ok(token_at(now, DAY, &text)), &at(now));
            agent.finish(waiting, &at(now))
        }
        Answer::Ask(question) => agent.told(question, &Err("away".to_owned()), &at(now)),
    }
}

/// The same on `imds` with further parameters.
pub fn ask_imds(agent: &Agent, more: &str) -> Reply {
    ask(agent, &imds(), &get(TOKEN, &format!("{QUERY}{more}")), NOW)
}
