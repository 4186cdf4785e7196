//! A host and its agent: everything that it knows and does goes through the hosts listener.

use crate::ask::Ask;
use crate::plane::{LOG_FILE, Plane};
use bonafide_core::placement;
use bonafide_crypto::{AgentKey, thumbprint};
use bonafide_metadata::host::{Event, Fetch, HostRequest, IdentityKey, KeyStep, NewKey, Sent, Step, Watch, key_step};
use bonafide_metadata::{Agent, Answer, Binding, Counters, FetchDuty, Options, TokenFetch, UpstreamError};
use bonafide_types::{HostId, ObjectId, base64url};
use bonafide_wire::hosts::{HostCertificate, INSTALLATION_PATH, Installation, JOIN_PATH, instance_path};
use bonafide_wire::token::TokenV1;
use bonafide_wire::{Reply, Request};
use http::StatusCode;
use serde_json::json;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// A host that has joined, with its agent.
pub struct Host {
    /// The id of the host.
    pub id: HostId,
    /// Its agent.
    pub agent: Agent,
    authority: String,
    keys: Mutex<HashMap<ObjectId, Arc<IdentityKey>>>,
    watch: Mutex<Watch>,
    offline: AtomicBool,
}

impl Host {
    /// A new host with the one-use token it is invited with. Inviting has no surface yet.
    pub fn invite(plane: &Plane, name: &str) -> (HostId, String) {
        let world = plane.world();
        let (id, token) = (HostId::random(world.entropy), format!("invitation-{}", world.entropy.guid()));
        let hash = thumbprint::sha256_hex(token.as_bytes());
        plane.change(|tx| placement::invite(tx, &world, id, name, hash.clone()));
        (id, token)
    }

    /// Invites a host and lets it join.
    pub fn join(plane: &Plane, name: &str, options: Options) -> Self {
        let (_, token) = Self::invite(plane, name);
        let csr = base64url::encode_standard(&AgentKey::generate().unwrap().certificate_request().unwrap());
        let reply = plane.hosts(Ask::new("POST", JOIN_PATH).json(&json!({"token": token, "csr": csr})).request());
        assert_eq!(reply.status, StatusCode::OK, "{:?}", reply.body);
        let joined: HostCertificate = serde_json::from_slice(&reply.body).unwrap();
        let reply = plane.hosts(Ask::new("GET", INSTALLATION_PATH).over(joined.host_id).request());
        let installation: Installation = serde_json::from_slice(&reply.body).unwrap();
        Self {
            id: joined.host_id,
            agent: Agent::new(options).logging_to(LOG_FILE),
            authority: installation.authority,
            keys: Mutex::default(),
            watch: Mutex::default(),
            offline: AtomicBool::new(false),
        }
    }

    /// Takes the host's connection to the control plane away, or gives it back.
    pub fn set_offline(&self, offline: bool) {
        self.offline.store(offline, Ordering::Relaxed);
    }

    /// One round of watching desired state: what changed since the last one is in force afterwards.
    pub fn round(&self, plane: &Plane) {
        let mut watch = self.watch.lock().unwrap();
        let reply = self.send(plane, HostRequest::get(watch.path(0)));
        if let Some(placed) = watch.apply(reply.status, &reply.body, &self.agent).unwrap() {
            self.keys.lock().unwrap().retain(|principal, _| placed.contains(principal));
        }
        for (workload, etag) in self.agent.instances_to_fetch() {
            let reply = self.send(plane, HostRequest::get(instance_path(workload)));
            assert!(self.agent.put_instance(workload, &etag, &reply.body), "{:?}", reply.body);
        }
    }

    /// Answers a request of a workload, asking login if it must.
    pub fn answer(&self, plane: &Plane, binding: &Binding, request: &Request) -> Reply {
        match self.agent.answer(binding, request, &plane.world()) {
            Answer::Reply { reply, refresh } => {
                if let Some(duty) = refresh {
                    self.complete(plane, duty);
                }
                reply
            }
            Answer::Wait { waiting, duty } => {
                if let Some(duty) = duty {
                    self.complete(plane, duty);
                }
                self.agent.finish(waiting, &plane.world())
            }
            Answer::Ask(mut question) => {
                let sent = question.request().map(|request| self.reach(plane, request));
                let sent = sent.unwrap_or_else(|| Err("asked before".to_owned()));
                self.agent.told(question, &sent, &plane.world())
            }
        }
    }

    /// The counters of the agent.
    pub fn counters(&self) -> Counters {
        self.agent.counters()
    }

    /// Runs one fetch to its end.
    pub fn complete(&self, plane: &Plane, duty: FetchDuty) {
        let result = self.fetch(plane, duty.fetch());
        self.agent.complete(duty, result, &plane.world());
    }

    /// Login's answer to a fetch.
    pub fn fetch(&self, plane: &Plane, wanted: &TokenFetch) -> Result<TokenV1, UpstreamError> {
        let mut fetch = Fetch::new(wanted, &self.authority, self.agent.login_nonce());
        let mut event = Event::Begin;
        loop {
            event = match fetch.next(event, &plane.world()) {
                Step::Key { unknown } => {
                    if unknown {
                        self.keys.lock().unwrap().remove(&wanted.principal);
                    }
                    Event::Key(self.key(plane, wanted).map_err(UpstreamError::Unreachable))
                }
                Step::Ask(request) => Event::Answer(self.reach(plane, request)),
                Step::Done(result) => return result,
            };
        }
    }

    /// A client assertion as the agent signs it for a fetch; makes and registers the key if it must. The
    /// error is what the control plane says against the key.
    pub fn assertion(&self, plane: &Plane, fetch: &TokenFetch) -> Result<String, String> {
        let audience = format!("{}/{}/oauth2/token", self.authority, fetch.tenant);
        let nonce = plane.login.spent.nonce();
        Ok(self.key(plane, fetch)?.assertion(fetch.client_id, &audience, Some(&nonce), &plane.world()).unwrap())
    }

    fn key(&self, plane: &Plane, fetch: &TokenFetch) -> Result<Arc<IdentityKey>, String> {
        let mut keys = self.keys.lock().unwrap();
        let old = match key_step(keys.get(&fetch.principal).cloned(), plane.world().now) {
            KeyStep::Use(key) => return Ok(key),
            KeyStep::Make(old) => old,
        };
        let new = NewKey::make(fetch.principal, plane.world().now).unwrap();
        let sent = self.reach(plane, new.request(fetch.workload));
        let made = sent.and_then(|(status, body)| new.registered(status, &body).map_err(|why| why.to_string()));
        let made = made.map(Arc::new);
        if let Ok(made) = &made {
            keys.insert(fetch.principal, Arc::clone(made));
        }
        made.or_else(|error| old.ok_or(error))
    }

    fn reach(&self, plane: &Plane, request: HostRequest) -> Sent {
        if self.offline.load(Ordering::Relaxed) {
            return Err("the host is offline".to_owned());
        }
        let reply = self.send(plane, request);
        Ok((reply.status, reply.body))
    }

    fn send(&self, plane: &Plane, request: HostRequest) -> Reply {
        let ask = Ask::new(request.method.as_str(), &request.path).header("content-type", request.content_type);
        plane.hosts(ask.body(request.body).over(self.id).request())
    }
}
