//! Clients of the token service: the operator with its RSA certificate, and a host of our own with
//! the key of the demo workload's system-assigned identity.

use crate::Failure;
use crate::cloud::{Cloud, RESOURCE, token_request};
use crate::plane::{Plane, world};
use bonafide_core::access::may_write;
use bonafide_core::directory::{Resource, find};
use bonafide_core::{lifecycle, placement};
use bonafide_crypto::{AgentKey, SigningKey, pem, thumbprint};
use bonafide_metadata::host::{IdentityKey, NewKey};
use bonafide_types::limits::IDENTITY_CREDENTIAL_SECONDS;
use bonafide_types::{Audience, ClientId, HostId, ObjectId, ResourceUuid, Secret, base64url};
use bonafide_wire::hosts::{DESIRED_PATH, Desired, HostCertificate, JOIN_PATH, JoinRequest};
use bonafide_wire::token::{Proof, TokenRequest};
use http::StatusCode;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use serde_json::json;
use std::path::Path;
use xtask::connection::{Target, request, tls};

/// Assertions that are used in turn, where each may be used more than once.
const ASSERTIONS: usize = 64;

/// An application with an RSA certificate.
pub(crate) struct Operator {
    key: SigningKey,
    client: ClientId,
}

impl Operator {
    /// The operator whose key and certificate lie in one PEM.
    pub(crate) fn read(file: &Path, client: ClientId) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(file)?;
        let part = |label| pem::find(&text, label).ok_or("the operator's file holds no key and certificate");
        let key = SigningKey::from_pkcs8(&Secret::new(part(pem::PRIVATE_KEY)?), &part(pem::CERTIFICATE)?)?;
        Ok(Self { key, client })
    }

    pub(crate) fn of(cloud: &Cloud) -> Result<Self, Failure> {
        Self::read(&cloud.info.operator.certificate_file, cloud.info.operator.client_id)
    }

    /// A client assertion as MSAL writes it, RS256, good for ten minutes.
    pub(crate) fn assertion(&self, audience: &str) -> Result<String, Failure> {
        let (now, client) = (world().now.unix_seconds(), self.client);
        let header = json!({ "alg": "RS256", "typ": "JWT", "x5t": self.key.kid() });
        let claims = json!({
            "aud": audience, "iss": client, "sub": client, "jti": world().entropy.guid(),
            "nbf": now, "iat": now, "exp": now + 600,
        });
        Ok(self.key.sign_jwt(header.to_string().as_bytes(), claims.to_string().as_bytes())?)
    }

    /// The forms of token requests, to be used in turn: each holds another assertion.
    pub(crate) fn forms(&self, audience: &str) -> Result<Vec<String>, Failure> {
        (0..ASSERTIONS).map(|_| form(self.client, self.assertion(audience)?, None)).collect()
    }

    /// The same as requests to a running cloud.
    pub(crate) fn requests(&self, cloud: &Cloud) -> Result<Vec<Vec<u8>>, Failure> {
        let (path, audience) = (cloud.token_path(), cloud.token_url());
        Ok(self.forms(&audience)?.iter().map(|form| token_request(&path, form)).collect())
    }
}

fn form(client_id: ClientId, jwt: String, workload: Option<ResourceUuid>) -> Result<String, Failure> {
    let audience = Audience::parse(RESOURCE)?;
    Ok(TokenRequest { client_id, audience, proof: Proof::Assertion(jwt), workload, capabilities: None }.to_form())
}

/// The right to join as a host on which the demo workload is placed.
pub(crate) struct Invitation {
    token: String,
    pub(crate) host: HostId,
    pub(crate) workload: ResourceUuid,
    pub(crate) principal: ObjectId,
    pub(crate) client: ClientId,
}

/// Makes a host and places the demo workload on it. `up` must not be running: the directory has one owner.
pub(crate) fn invite(plane: &Plane) -> Result<Invitation, Failure> {
    let world = world();
    let (token, host) = (world.entropy.guid().to_string(), HostId::random(world.entropy));
    let id = &plane.info.workloads.first().ok_or("no workload")?.resource_id;
    let operator = plane.operator().ok_or("no operator")?;
    let hash = thumbprint::sha256_hex(token.as_bytes());
    let found: Option<(ResourceUuid, Resource)> = plane.store.write(|tx| {
        placement::invite(tx, &world, host, "bench", hash.clone())?;
        let found = find(tx, id)?;
        if let Some((uuid, resource)) = &found {
            let allowed = may_write(tx, operator, *uuid, resource)?.map_err(Failure::from)?;
            let on = lifecycle::may_place_on(tx, resource.tenant, operator, host)?.map_err(Failure::from)?;
            lifecycle::place(tx, &allowed, on, *uuid, resource)?;
        }
        Ok::<_, Failure>(found)
    })?;
    let (workload, resource) = found.ok_or("the demo workload is gone")?;
    let identity = resource.identity.system.ok_or("the demo workload has no identity")?;
    Ok(Invitation { token, host, workload, principal: identity.principal_id, client: identity.client_id })
}

/// A host with a registered identity key, or in memory with one that is about to be registered.
pub(crate) struct Host {
    key: IdentityKey,
    client: ClientId,
    workload: ResourceUuid,
    /// The nonce of the token service that is asked.
    nonce: String,
}

impl Host {
    /// A key for the invited identity, with its certificate, to ask the token service of `plane` with.
    pub(crate) fn new(plane: &Plane, invitation: &Invitation) -> Result<(Self, Vec<u8>), Failure> {
        let now = world().now;
        let new = NewKey::make(invitation.principal, now)?;
        let certificate = new.certificate().to_owned();
        let key = new.with_expiry(now.plus_seconds(IDENTITY_CREDENTIAL_SECONDS));
        Ok((Self::of(invitation, key, plane.login.spent.nonce().to_string()), certificate))
    }

    fn of(invitation: &Invitation, key: IdentityKey, nonce: String) -> Self {
        Self { key, client: invitation.client, workload: invitation.workload, nonce }
    }

    /// Joins over the hosts listener and registers the identity's key there, as the agent does.
    pub(crate) fn join(cloud: &Cloud, invitation: &Invitation) -> Result<(Self, Target), Failure> {
        let json = [("Content-Type", "application/json")];
        let key = AgentKey::generate()?;
        let join = JoinRequest {
            token: invitation.token.clone(),
            csr: base64url::encode_standard(&key.certificate_request()?),
        };
        let ca = cloud.ca();
        let to = Target { address: cloud.hosts, tls: Some(tls(ca, None)?) };
        let answer = to.connect()?.call(&request("POST", JOIN_PATH, &json, &serde_json::to_string(&join)?))?.json()?;
        let joined: HostCertificate = serde_json::from_value(answer)?;
        let certificate = base64url::decode(&joined.certificate)?;
        let private = PrivatePkcs8KeyDer::from(key.to_pkcs8()?.expose().clone()).into();
        let identity = (CertificateDer::from(certificate), private);
        let target = Target { address: cloud.hosts, tls: Some(tls(ca, Some(identity))?) };
        let new = NewKey::make(invitation.principal, world().now)?;
        let register = new.request(invitation.workload);
        let body = std::str::from_utf8(&register.body)?;
        // The view that says that the host is known follows the store within moments.
        let answer = target.connect()?.call(&request(register.method.as_str(), &register.path, &json, body))?;
        let key = new.registered(StatusCode::from_u16(answer.status)?, &answer.body)?;
        let desired = target.connect()?.call(&request("GET", DESIRED_PATH, &json, ""))?.json()?;
        let desired: Desired = serde_json::from_value(desired)?;
        Ok((Self::of(invitation, key, desired.nonce.ok_or("the token service has no nonce")?), target))
    }

    /// The form of a token request with an assertion of its own, which is valid once and for a minute.
    pub(crate) fn form(&self, audience: &str) -> Result<String, Failure> {
        let jwt = self.key.assertion(self.client, audience, Some(&self.nonce), &world())?;
        form(self.client, jwt, Some(self.workload))
    }

    /// So many requests to a running cloud.
    pub(crate) fn requests(&self, cloud: &Cloud, count: usize) -> Result<Vec<Vec<u8>>, Failure> {
        let (path, audience) = (cloud.token_path(), cloud.token_url());
        (0..count).map(|_| Ok(token_request(&path, &self.form(&audience)?))).collect()
    }
}
