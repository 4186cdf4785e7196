//! A host and its agent: everything that it knows and does goes through the hosts listener.

use crate::ask::Ask;
use crate::plane::{LOG_FILE, Plane};
use bonafide_core::placement;
use bonafide_crypto::{AgentKey, SelfSigned, base64url, thumbprint};
use bonafide_metadata::{
    Agent, Answer, Binding, Counters, CredentialStep, Lead, Options, TokenFetch, UpstreamError, assertion,
    credential_step,
};
use bonafide_types::limits::IDENTITY_CREDENTIAL_SECONDS;
use bonafide_types::{HostId, ObjectId, ResourceUuid, Timestamp};
use bonafide_wire::hosts::{
    CredentialReply, DESIRED_PATH, Desired, HostCertificate, INSTALLATION_PATH, Installation, JOIN_PATH,
    credential_path,
};
use bonafide_wire::token::{OAuthError, Proof, TokenRequest, TokenV1};
use bonafide_wire::{Reply, Request};
use http::StatusCode;
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Codes of a refusal that says that the key is not, or no longer, registered.
const KEY_UNKNOWN: [u32; 2] = [700_027, 7_000_222];

/// A host that has joined, with its agent.
pub struct Host {
    /// Which host it is.
    pub id: HostId,
    /// Its agent.
    pub agent: Agent,
    authority: String,
    keys: Mutex<HashMap<ObjectId, IdentityKey>>,
    cursor: Mutex<Option<String>>,
    offline: AtomicBool,
}

struct IdentityKey {
    key: AgentKey,
    thumbprint: String,
    not_after: Timestamp,
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
            cursor: Mutex::default(),
            offline: AtomicBool::new(false),
        }
    }

    /// Takes the host's connection to the control plane away, or gives it back.
    pub fn set_offline(&self, offline: bool) {
        self.offline.store(offline, Ordering::Relaxed);
    }

    /// One round of watching desired state: what changed since the last one is in force afterwards.
    pub fn round(&self, plane: &Plane) {
        let mut cursor = self.cursor.lock().unwrap();
        let target = cursor.as_ref().map_or(DESIRED_PATH.to_owned(), |after| format!("{DESIRED_PATH}?after={after}"));
        let reply = plane.hosts(Ask::new("GET", &target).over(self.id).request());
        assert_eq!(reply.status, StatusCode::OK, "{:?}", reply.body);
        let desired: Desired = serde_json::from_slice(&reply.body).unwrap();
        *cursor = Some(desired.cursor.clone());
        if desired.complete || !desired.workloads.is_empty() || !desired.removed.is_empty() {
            self.agent.apply(desired);
            let workloads = self.agent.workloads();
            let placed: HashSet<ObjectId> =
                workloads.iter().flat_map(|workload| workload.identities.iter().map(|one| one.principal_id)).collect();
            self.keys.lock().unwrap().retain(|principal, _| placed.contains(principal));
        }
    }

    /// Answers a request of a workload, asking login if it must.
    pub fn answer(&self, plane: &Plane, binding: &Binding, request: &Request) -> Reply {
        match self.agent.answer(binding, request, &plane.world()) {
            Answer::Reply { reply, refresh, permit } => {
                drop(permit);
                if let Some(lead) = refresh {
                    self.lead(plane, lead);
                }
                reply
            }
            Answer::Wait { waiting, lead } => {
                if let Some(lead) = lead {
                    self.lead(plane, lead);
                }
                self.agent.finish(waiting, &plane.world()).0
            }
        }
    }

    /// What the agent has done so far.
    pub fn counters(&self) -> Counters {
        self.agent.counters()
    }

    /// Runs one fetch to its end.
    pub fn lead(&self, plane: &Plane, lead: Lead) {
        let result = self.fetch(plane, lead.fetch());
        self.agent.complete(lead, result, &plane.world());
    }

    /// What login says to a fetch. A key that it does not know is made anew, once.
    pub fn fetch(&self, plane: &Plane, fetch: &TokenFetch) -> Result<TokenV1, UpstreamError> {
        match self.ask(plane, fetch) {
            Err(UpstreamError::Refused(error)) if error.error_codes.iter().any(|code| KEY_UNKNOWN.contains(code)) => {
                self.keys.lock().unwrap().remove(&fetch.principal);
                self.ask(plane, fetch)
            }
            answer => answer,
        }
    }

    fn ask(&self, plane: &Plane, fetch: &TokenFetch) -> Result<TokenV1, UpstreamError> {
        if self.offline.load(Ordering::Relaxed) {
            return Err(UpstreamError::Unreachable("the host is offline".to_owned()));
        }
        let jwt = self.assertion(plane, fetch).map_err(UpstreamError::Unreachable)?;
        let form = TokenRequest {
            client_id: fetch.client_id,
            audience: fetch.audience.clone(),
            proof: Proof::Assertion(jwt),
            workload: Some(fetch.workload),
            capabilities: fetch.capabilities.clone(),
        };
        let request = Ask::new("POST", &format!("/{}/oauth2/token", fetch.tenant))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.to_form())
            .over(self.id);
        let reply = plane.hosts(request.request());
        if reply.status == StatusCode::OK {
            return serde_json::from_slice(&reply.body).map_err(|_| UpstreamError::Malformed);
        }
        match serde_json::from_slice::<OAuthError>(&reply.body) {
            Ok(error) => Err(UpstreamError::Refused(Box::new(error))),
            Err(_) => Err(UpstreamError::Malformed),
        }
    }

    /// A client assertion as the agent signs it for a fetch; makes and registers the key if it must. The
    /// error is what the control plane says against the key.
    pub fn assertion(&self, plane: &Plane, fetch: &TokenFetch) -> Result<String, String> {
        let TokenFetch { workload, principal, .. } = *fetch;
        let mut keys = self.keys.lock().unwrap();
        let step = credential_step(keys.get(&principal).map(|key| key.not_after), plane.world().now);
        if step != CredentialStep::Keep {
            match self.register(plane, workload, principal) {
                Ok(key) => drop(keys.insert(principal, key)),
                Err(error) if step == CredentialStep::Make => return Err(error),
                // The old key counts until it expires.
                Err(_) => {}
            }
        }
        let key = &keys[&principal];
        let audience = format!("{}/{}/oauth2/token", self.authority, fetch.tenant);
        Ok(assertion(&key.key, &key.thumbprint, fetch.client_id, &audience, &plane.world()).unwrap())
    }

    fn register(&self, plane: &Plane, workload: ResourceUuid, principal: ObjectId) -> Result<IdentityKey, String> {
        let now = plane.world().now.unix_seconds();
        let key = AgentKey::generate().unwrap();
        let name = principal.to_string();
        let spec = SelfSigned::starting(&name, now, IDENTITY_CREDENTIAL_SECONDS);
        let certificate = key.self_signed_certificate(&spec).unwrap();
        let body = json!({"workload": workload, "certificate": base64url::encode_standard(&certificate)});
        let reply = plane.hosts(Ask::new("PUT", &credential_path(principal)).json(&body).over(self.id).request());
        if reply.status != StatusCode::OK {
            return Err(String::from_utf8_lossy(&reply.body).into_owned());
        }
        let registered: CredentialReply = serde_json::from_slice(&reply.body).unwrap();
        let thumbprint = base64url::encode(&thumbprint::sha256(&certificate));
        Ok(IdentityKey { key, thumbprint, not_after: Timestamp::from_unix_seconds(registered.not_after) })
    }
}
