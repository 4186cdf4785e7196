//! Two tenants with their keys, applications with every kind of credential, and an agent's host.

#[path = "../../../testkit/src/report.rs"]
mod report;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair};
use bonafide_core::access::Allowed;
use bonafide_core::directory::{
    Audiences, PRINCIPALS, Power, PrincipalKind, Registration, Resource, ResourceIdentity, ServicePrincipal, TENANTS,
    Tenant, add_certificate, add_secret, create_application,
};
use bonafide_core::keys::{SIGNING_KEYS, SigningKeyRow, make_signing_key};
use bonafide_core::lifecycle::{OnHost, place};
use bonafide_core::placement::{HOSTS, Host};
use bonafide_core::tokens::{AcceptedAudiences, Authority, Caller, TokenError, TokenVersion, verify};
use bonafide_core::view::{View, Views};
use bonafide_crypto::secret_hash::{self, Pepper};
use bonafide_crypto::{AgentKey, Certificate, Kek, SelfSigned, SigningKey, SystemEntropy};
use bonafide_login::{Cx, Service};
use bonafide_store::{Store, StoreError};
use bonafide_types::{
    ClientId, CredentialId, HostId, ObjectId, ResourceId, ResourceUuid, Secret, TenantId, Timestamp, World, base64url,
};
use bonafide_wire::token::{JWT_BEARER, OAuthError};
use bonafide_wire::{Answer, Field, Outcome, Peer, Record, Reply, Request, Surface};
use http::{HeaderMap, Method};
use serde_json::{Map, Value, json};
use std::sync::{Arc, LazyLock};

pub(crate) const NOW: Timestamp = Timestamp::from_unix_micros(1_795_253_405_012_345);
pub(crate) const ORIGIN: &str = "https://login.test:8443";
pub(crate) const MANAGEMENT: &str = "https://management.azure.com/";
pub(crate) const ARM: &str = "797f4846-ba00-4fd7-ba43-dac1f8f63013";

/// RSA keys take long to make; all tests share these: one for each tenant, one of a client.
struct Keys {
    tenants: [(TenantId, String, SigningKeyRow); 2],
    client: SigningKey,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    report::report_without_secrets();
    let tenants = [(); 2].map(|()| {
        let tenant = TenantId::random(&SystemEntropy);
        let (kid, row) = make_signing_key(&kek(), tenant, NOW).unwrap();
        (tenant, kid, row)
    });
    Keys { tenants, client: SigningKey::generate(&certificate_spec()).unwrap() }
});

fn kek() -> Kek {
    Kek::from_bytes(Secret::new([7; 32]))
}

pub(crate) fn certificate_spec() -> SelfSigned<'static> {
    SelfSigned {
        common_name: "client",
        not_before_seconds: NOW.unix_seconds() - 1_000,
        not_after_seconds: NOW.unix_seconds() + 1_000_000,
    }
}

/// A client of one tenant.
#[derive(Clone, Copy)]
pub(crate) struct Client {
    pub(crate) tenant: TenantId,
    pub(crate) object_id: ObjectId,
    pub(crate) client_id: ClientId,
}

pub(crate) struct Fixture {
    pub(crate) store: Store,
    pub(crate) view: Arc<View>,
    pub(crate) service: Service,
    pub(crate) now: Timestamp,
    pub(crate) app: Client,
    pub(crate) secret: Secret<String>,
    pub(crate) other_app: Client,
    pub(crate) identity: Client,
    pub(crate) host: HostId,
    pub(crate) workload: ResourceUuid,
    pub(crate) agent_key: AgentKey,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let [(tenant, ..), (other_tenant, ..)] = &KEYS.tenants;
        let pepper = Pepper::new(&Pepper::generate());
        let secret = secret_hash::generate();
        let agent_key = AgentKey::generate().unwrap();
        let host = HostId::random(&SystemEntropy);
        let workload = ResourceUuid::random(&SystemEntropy);
        let store = Store::in_memory();
        let world = World { now: NOW, entropy: &SystemEntropy };
        let (app, other_app, identity) = store
            .write(|tx| {
                for (tenant, kid, row) in &KEYS.tenants {
                    tx.put(&TENANTS, tenant, &Tenant { display_name: "t".to_owned(), created_at: NOW })?;
                    tx.put(&SIGNING_KEYS, &(*tenant, kid.clone()), row)?;
                }
                let mut clients = Vec::new();
                for tenant in [*tenant, *other_tenant] {
                    let (object_id, row) = create_application(tx, &world, tenant, "app")?;
                    add_certificate(tx, &world, object_id, &client_certificate(), None)?;
                    let id = CredentialId::random(&SystemEntropy);
                    let hash = pepper.hash(&id.to_string(), secret.expose());
                    add_secret(tx, &world, object_id, id, hash, NOW.plus_seconds(1_000))?;
                    clients.push(Client { tenant, object_id, client_id: row.client_id });
                }
                let (vm, identity) = machine(*tenant, workload);
                let object_id = vm.identity.system.unwrap().principal_id;
                tx.put(&PRINCIPALS, &object_id, &identity)?;
                tx.put(&HOSTS, &host, &Host::new("h", NOW))?;
                let system = Allowed::system(vm.tenant);
                let on = OnHost::of_all(&system, vm.tenant, host).unwrap();
                place(tx, &system, on, workload, &vm).unwrap();
                let der = agent_key.self_signed_certificate(&certificate_spec()).unwrap();
                add_certificate(tx, &world, object_id, &Certificate::from_der(&der).unwrap(), Some(host))?;
                let identity = Client { tenant: *tenant, object_id, client_id: identity.client_id };
                Ok::<_, StoreError>((clients[0], clients[1], identity))
            })
            .unwrap();
        let service = service(pepper);
        let view = Views::load(&store, kek()).unwrap().snapshot();
        Self { store, view, service, now: NOW, app, secret, other_app, identity, host, workload, agent_key }
    }

    /// Changes the directory and takes over the change.
    pub(crate) fn change(&mut self, body: impl Fn(&mut bonafide_store::Tx<'_>) -> Result<(), StoreError>) {
        self.store.write(body).unwrap();
        self.view = Views::load(&self.store, kek()).unwrap().snapshot();
    }

    pub(crate) fn cx(&self, confirmed: bool) -> Cx<'_> {
        let world = World { now: self.now, entropy: &SystemEntropy };
        Cx { view: &self.view, service: &self.service, world, confirmed }
    }

    /// The reply and what the log may know, once the view has caught up.
    pub(crate) fn ask(&self, request: &Request) -> (Reply, Record) {
        let Outcome::Answer(Answer { reply, record }) = self.cx(true).handle(request) else {
            panic!("asks again after it was told to go on");
        };
        (reply, record)
    }

    pub(crate) fn get(&self, target: &str) -> Reply {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        self.ask(&request(Method::GET, path, query, "")).0
    }

    /// Posts a form to the token endpoint of version 2 of a tenant.
    pub(crate) fn post(&self, tenant: TenantId, form: &str) -> Reply {
        self.ask(&request(Method::POST, &format!("/{tenant}/oauth2/v2.0/token"), "", form)).0
    }

    /// The number of the error with which an assertion is refused, 0 when it is not.
    pub(crate) fn assert(&self, client: Client, assertion: &str) -> u32 {
        let form = self.assertion_form(client, assertion);
        error_code(&self.post(client.tenant, &form))
    }

    pub(crate) fn assertion_form(&self, client: Client, assertion: &str) -> String {
        let scope = format!("{MANAGEMENT}/.default");
        format!(
            "grant_type=client_credentials&client_id={}&scope={scope}&client_assertion_type={JWT_BEARER}&client_assertion={}",
            client.client_id,
            assertion.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D"),
        )
    }

    /// A request of the agent over its host's connection, to the version 1 endpoint.
    pub(crate) fn agent_request(&self, assertion: &str, peer: Peer) -> Request {
        let form = format!(
            "grant_type=client_credentials&client_id={}&resource={MANAGEMENT}&client_assertion_type={JWT_BEARER}&client_assertion={assertion}&workload={}",
            self.identity.client_id, self.workload,
        );
        Request { peer, ..request(Method::POST, &format!("/{}/oauth2/token", self.identity.tenant), "", &form) }
    }

    /// Checks an access token as management would.
    pub(crate) fn verify(&self, token: &str) -> Result<Caller, TokenError> {
        let accepted = AcceptedAudiences::new(ARM.parse().unwrap(), [MANAGEMENT, ORIGIN]);
        verify(&self.view, &self.service.authority, &accepted, &self.cx(true).world, token)
    }

    /// Good claims of an assertion of a client.
    pub(crate) fn claims(&self, client: Client) -> Map<String, Value> {
        let now = self.now.unix_seconds();
        let claims = json!({
            "iss": client.client_id, "sub": client.client_id, "jti": SystemGuid,
            "aud": format!("{ORIGIN}/{}/oauth2/v2.0/token", client.tenant),
            "iat": now, "nbf": now, "exp": now + 600,
        });
        claims.as_object().unwrap().clone()
    }

    /// The token service as it is after a restart: it has seen no assertion.
    pub(crate) fn restarted_service(&self) -> Service {
        service(Pepper::new(&Pepper::generate()))
    }

    /// Signs an assertion as the host's agent does.
    pub(crate) fn agent_assertion(&self, change: impl FnOnce(&mut Map<String, Value>)) -> String {
        let mut claims = self.claims(self.identity);
        claims.insert("aud".to_owned(), json!(format!("{ORIGIN}/{}/oauth2/token", self.identity.tenant)));
        claims.insert("exp".to_owned(), json!(self.now.unix_seconds() + 60));
        claims.insert("nonce".to_owned(), json!(*self.service.spent.nonce()));
        change(&mut claims);
        let header = json!({"typ": "JWT", "alg": "ES256", "x5t#S256": self.agent_thumbprint()});
        self.agent_key.sign_jwt(header.to_string().as_bytes(), &serde_json::to_vec(&claims).unwrap()).unwrap()
    }

    fn agent_thumbprint(&self) -> String {
        let sha256 =
            self.view.credentials(self.identity.object_id).iter().find_map(|credential| match &credential.proof {
                bonafide_core::view::KnownProof::Certificate { sha256, .. } => Some(*sha256),
                bonafide_core::view::KnownProof::SecretHash(_) => None,
            });
        base64url::encode(&sha256.unwrap())
    }
}

/// A token service that has just been started.
fn service(pepper: Pepper) -> Service {
    let ours = Registration {
        app_id: Some(ARM.parse().unwrap()),
        version: TokenVersion::V1,
        identifiers: vec![ORIGIN.to_owned()],
    };
    Service::new(Authority::new(ORIGIN).unwrap(), Audiences::new(&[ours]).unwrap(), pepper)
}

/// Serializes as a new GUID.
struct SystemGuid;

impl serde::Serialize for SystemGuid {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&bonafide_types::OperationId::random(&SystemEntropy))
    }
}

fn machine(tenant: TenantId, uuid: ResourceUuid) -> (Resource, ServicePrincipal) {
    let id = "/subscriptions/33333333-3333-3333-3333-333333333333/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm1";
    let id = ResourceId::parse(id).unwrap();
    let client_id = ClientId::random(&SystemEntropy);
    let principal_id = ObjectId::random(&SystemEntropy);
    let system = Some(bonafide_core::directory::PrincipalRef { principal_id, client_id });
    let resource = Resource {
        id: id.clone(),
        tenant,
        group: None,
        parent: None,
        tags: Map::new(),
        identity: ResourceIdentity { system, ..ResourceIdentity::default() },
        principal: None,
        body: bonafide_core::directory::Body::default(),
        power: Power::default(),
        set: None,
        model: 0,
        instances_made: 0,
        host: None,
        host_resource: None,
        extension: None,
        model_extension: None,
        below: None,
        deleting: false,
        version: 1,
        created_at: NOW,
        changed_at: NOW,
    };
    let principal = ServicePrincipal {
        tenant,
        client_id,
        display_name: "vm1".to_owned(),
        kind: PrincipalKind::SystemAssigned { resource: uuid, resource_id: id },
        enabled: true,
        created_at: NOW,
    };
    (resource, principal)
}

pub(crate) fn client_certificate() -> Certificate {
    Certificate::from_der(KEYS.client.certificate_der()).unwrap()
}

pub(crate) fn stranger() -> Peer {
    Peer::Anonymous("192.0.2.1:1234".parse().unwrap())
}

pub(crate) fn request(method: Method, path: &str, query: &str, form: &str) -> Request {
    let mut headers = HeaderMap::new();
    if method == Method::POST {
        headers.insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
    }
    Request {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        version: http::Version::HTTP_11,
        headers,
        body: form.to_owned().into_bytes().into(),
        peer: stranger(),
    }
}

pub(crate) fn body(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap()
}

/// The error's number, 0 for a success. Checks that status, headers and members go together.
pub(crate) fn error_code(reply: &Reply) -> u32 {
    if reply.status.is_success() {
        return 0;
    }
    let error: OAuthError = serde_json::from_slice(&reply.body).unwrap();
    let code = error.error_codes[0];
    assert!(error.error_description.starts_with(&format!("AADSTS{code}: ")), "{}", error.error_description);
    let expected = match error.error.as_str() {
        "invalid_client" => 401,
        "temporarily_unavailable" => 429,
        "server_error" => 500,
        _ => 400,
    };
    assert_eq!(reply.status, expected);
    assert_eq!(reply.headers["cache-control"], "no-store, no-cache");
    code
}

/// Signs with the shared client key, under any of its algorithms.
pub(crate) fn sign_with(header: &Value, claims: &Map<String, Value>) -> String {
    let input = format!(
        "{}.{}",
        base64url::encode(header.to_string().as_bytes()),
        base64url::encode(&serde_json::to_vec(claims).unwrap())
    );
    sign_text(&input, header["alg"].as_str() == Some("PS256"))
}

/// Signs `header.claims` as they are.
pub(crate) fn sign_text(input: &str, pss: bool) -> String {
    let pair = RsaKeyPair::from_pkcs8(KEYS.client.to_pkcs8().unwrap().expose()).unwrap();
    let encoding: &'static dyn RsaEncoding = if pss { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
    let mut signature = vec![0; pair.public_modulus_len()];
    #[allow(clippy::disallowed_methods, reason = "a test may draw its salt")]
    pair.sign(encoding, &SystemRandom::new(), input.as_bytes(), &mut signature).unwrap();
    format!("{input}.{}", base64url::encode(&signature))
}

/// A field of what the log gets to know.
pub(crate) fn text(record: &Record, name: &str) -> Option<String> {
    record.get(name).map(ToString::to_string)
}

/// The number of the refusal in what the log gets to know.
pub(crate) fn logged_error(record: &Record) -> Option<u32> {
    match record.get("error") {
        Some(Field::Number(number)) => u32::try_from(*number).ok(),
        _ => None,
    }
}

/// True when a path is one of the surface's.
pub(crate) fn serves(path: &str) -> bool {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    <Cx<'_> as Surface>::routes().iter().any(|route| route.captures(&segments).is_some())
}

/// A header that every one of our tests can start from.
pub(crate) fn header() -> Value {
    json!({"typ": "JWT", "alg": "RS256", "x5t": base64url::encode(&client_certificate().sha1_thumbprint())})
}
