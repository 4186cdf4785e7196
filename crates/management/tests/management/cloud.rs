//! A cloud of two tenants, and people in it.

pub use crate::answer::Answer;
use crate::answer::check_polling;
use bonafide_core::access::{Allowed, Chain, NewAssignment, ScopeKey, assignments, roles};
use bonafide_core::directory::{
    Audiences, RESOURCES, Resource, ResourceIdentity, SUBSCRIPTIONS, Subscription, TENANTS, Tenant, create_application,
    find,
};
use bonafide_core::keys::{SIGNING_KEYS, SigningKeyRow, make_signing_key};
use bonafide_core::lifecycle;
use bonafide_core::names::Names;
use bonafide_core::tokens::{AcceptedAudiences, Authenticated, Authority, Method as Signed, issue, resolve};
use bonafide_core::view::{View, Views};
use bonafide_crypto::{Kek, SystemEntropy};
use bonafide_management::{Config, Cx, operations};
use bonafide_store::{Store, StoreError, Tx};
use bonafide_types::{
    Audience, ObjectId, ResourceId, ResourceUuid, RoleAssignmentId, Secret, SubscriptionId, TenantId, Timestamp, World,
};
use bonafide_wire::{Outcome, Peer, Reply, Request, Surface};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::LazyLock;

pub const VM: &str = "2024-11-01";
pub const MSI: &str = "2024-11-30";
pub const ARM: &str = "2024-11-01";
pub const AUTHZ: &str = "2022-04-01";

pub const ORIGIN: &str = "https://localhost:8443";
const MANAGEMENT: &str = "https://management.azure.com/";
const NOW: Timestamp = Timestamp::from_unix_micros(1_795_253_405_012_345);

fn kek() -> Kek {
    Kek::from_bytes(Secret::new([7; 32]))
}

static KEYS: LazyLock<[(TenantId, String, SigningKeyRow); 2]> = LazyLock::new(|| {
    [TenantId::random(&SystemEntropy), TenantId::random(&SystemEntropy)].map(|tenant| {
        let (kid, row) = make_signing_key(&kek(), tenant, NOW).unwrap();
        (tenant, kid, row)
    })
});

/// Somebody with a token.
#[derive(Clone, Debug)]
pub struct Person {
    pub tenant: TenantId,
    pub id: ObjectId,
}

pub struct Cloud {
    pub store: Store,
    views: Views,
    authority: Authority,
    config: Config,
    audiences: AcceptedAudiences,
    /// The tokens of this moment and of those before: a client sends one again and again.
    tokens: RefCell<HashMap<(ObjectId, String, Timestamp), String>>,
    pub now: Cell<Timestamp>,
    pub view_age_seconds: Cell<u64>,
    pub tenant: TenantId,
    pub subscription: SubscriptionId,
    pub second_subscription: SubscriptionId,
    pub other_subscription: SubscriptionId,
    /// Owner of the tenant's root.
    pub owner: Person,
    /// Owner of the other tenant's root.
    pub other_owner: Person,
}

impl Cloud {
    pub fn new() -> Self {
        Self::on(Store::in_memory())
    }

    /// A cloud on a store of the test's own.
    pub fn on(store: Store) -> Self {
        let [(tenant, kid, key), (other_tenant, other_kid, other_key)] = &*KEYS;
        let ids: [SubscriptionId; 3] = std::array::from_fn(|_| SubscriptionId::random(&SystemEntropy));
        store
            .write(|tx| {
                for (tenant, kid, key) in [(tenant, kid, key), (other_tenant, other_kid, other_key)] {
                    tx.put(&TENANTS, tenant, &Tenant { display_name: "t".to_owned(), created_at: NOW })?;
                    tx.put(&SIGNING_KEYS, &(*tenant, kid.clone()), key)?;
                }
                for (id, tenant) in ids.iter().zip([tenant, tenant, other_tenant]) {
                    let row = Subscription::new(*tenant, "s", NOW);
                    tx.put(&SUBSCRIPTIONS, id, &row)?;
                }
                Ok::<_, StoreError>(())
            })
            .unwrap();
        let nobody = Person { tenant: *tenant, id: ObjectId::random(&SystemEntropy) };
        let names = Names::new(ORIGIN).unwrap();
        let mut cloud = Self {
            views: Views::load(&store, kek()).unwrap(),
            store,
            authority: names.authority,
            config: Config::at(ORIGIN),
            audiences: names.accepted,
            tokens: RefCell::default(),
            now: Cell::new(NOW),
            view_age_seconds: Cell::new(0),
            tenant: *tenant,
            subscription: ids[0],
            second_subscription: ids[1],
            other_subscription: ids[2],
            owner: nobody.clone(),
            other_owner: nobody,
        };
        cloud.owner = cloud.person(*tenant, &[("Owner", ScopeKey::Root)]);
        cloud.other_owner = cloud.person(*other_tenant, &[("Owner", ScopeKey::Root)]);
        cloud
    }

    /// A cloud with the resource group `g`.
    pub fn with_group() -> Self {
        Self::new().and_group()
    }

    /// The same cloud with the resource group `g`.
    pub fn and_group(self) -> Self {
        self.put(&self.at("g"), ARM, json!({"location": "westus"})).expect(201);
        self
    }

    pub fn world(&self) -> World<'static> {
        World { now: self.now.get(), entropy: &SystemEntropy }
    }

    /// A new person who holds roles.
    pub fn person(&self, tenant: TenantId, held: &[(&str, ScopeKey)]) -> Person {
        let id = self.store.write(|tx| {
            let (id, _) = create_application(tx, &self.world(), tenant, "p")?;
            for (role, scope) in held {
                let chain = match scope {
                    ScopeKey::Root => Chain::root(tenant),
                    scope => Chain::root(tenant).then(*scope),
                };
                let name = RoleAssignmentId::random(&SystemEntropy);
                let role = roles::by_name(role).unwrap().id;
                let new = NewAssignment { name, principal: id, role, description: None };
                assignments::create(tx, &self.world(), &Allowed::system(chain.tenant()), &chain, &new).unwrap();
            }
            Ok::<_, StoreError>(id)
        });
        Person { tenant, id: id.unwrap() }
    }

    /// A new person of the tenant with one role at the subscription.
    pub fn in_subscription(&self, role: &str) -> Person {
        self.person(self.tenant, &[(role, ScopeKey::Subscription(self.subscription))])
    }

    /// A role for somebody at an ARM id, through the API.
    pub fn grant(&self, person: &Person, role: &str, scope: &str) {
        let role = roles::by_name(role).unwrap().id;
        let name = RoleAssignmentId::random(&SystemEntropy);
        let path = format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{name}");
        let role = format!("/providers/Microsoft.Authorization/roleDefinitions/{role}");
        let body = json!({"properties": {"principalId": person.id.to_string(), "roleDefinitionId": role}});
        self.put(&path, AUTHZ, body).expect(201);
    }

    pub fn token(&self, person: &Person) -> String {
        self.token_for(person, MANAGEMENT)
    }

    pub fn token_for(&self, person: &Person, audience: &str) -> String {
        self.views.catch_up(&self.store).unwrap();
        let view = self.views.current();
        let principal = view.principal(person.tenant, person.id).unwrap();
        let client = Authenticated { object_id: person.id, principal, method: Signed::Secret, workload: None };
        let issue = || {
            let known = Audiences::new(&[]).unwrap();
            let resource = resolve(&view, &known, person.tenant, &Audience::parse(audience).unwrap()).unwrap();
            issue(&view, &self.authority, &self.world(), &client, &resource, &[]).unwrap().token
        };
        let key = (person.id, audience.to_owned(), self.now.get());
        self.tokens.borrow_mut().entry(key).or_insert_with(issue).clone()
    }

    /// `/subscriptions/{subscription}`.
    pub fn root(&self) -> String {
        format!("/subscriptions/{}", self.subscription)
    }

    /// `/subscriptions/{subscription}/resourceGroups/{group}`.
    pub fn at(&self, group: &str) -> String {
        format!("{}/resourceGroups/{group}", self.root())
    }

    pub fn vm(&self, name: &str) -> String {
        format!("{}/providers/Microsoft.Compute/virtualMachines/{name}", self.at("g"))
    }

    pub fn identity(&self, name: &str) -> String {
        format!("{}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}", self.at("g"))
    }

    /// Makes a user-assigned identity in group `g` and gives its id back.
    pub fn make_identity(&self, name: &str) -> String {
        self.put(&self.identity(name), MSI, json!({"location": "westus"})).expect(201);
        self.identity(name)
    }

    pub fn put(&self, path: &str, version: &str, body: Value) -> Answer {
        self.call(&self.owner, Method::PUT, path, version, Some(body))
    }

    pub fn patch(&self, path: &str, version: &str, body: Value) -> Answer {
        self.call(&self.owner, Method::PATCH, path, version, Some(body))
    }

    pub fn get(&self, path: &str, version: &str) -> Answer {
        self.call(&self.owner, Method::GET, path, version, None)
    }

    pub fn delete(&self, path: &str, version: &str) -> Answer {
        self.call(&self.owner, Method::DELETE, path, version, None)
    }

    pub fn call(&self, who: &Person, method: Method, path: &str, version: &str, body: Option<Value>) -> Answer {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let token = format!("Bearer {}", self.token(who));
        self.raw(method, &with_version(path, version), &[("authorization", &token)], body.as_bytes())
    }

    /// A stored resource.
    pub fn row(&self, path: &str) -> (ResourceUuid, Resource) {
        self.store.read(|tx| find(tx, &ResourceId::parse(path).unwrap())).unwrap().unwrap()
    }

    /// Changes a stored resource behind the resource manager's back.
    pub fn change_row(&self, path: &str, change: impl Fn(&mut Resource)) {
        let (uuid, row) = self.row(path);
        let write = |tx: &mut Tx<'_>| {
            let mut row = row.clone();
            change(&mut row);
            lifecycle::save(tx, &self.world(), &Allowed::system(row.tenant), uuid, &mut row, None)
        };
        self.store.write(write).unwrap();
    }

    /// A stored resource in the form in which it is stored.
    pub fn stored(&self, path: &str) -> Value {
        serde_json::to_value(self.row(path).1).unwrap()
    }

    /// Changes what is stored, to what another version could have left.
    pub fn change_stored(&self, path: &str, change: impl Fn(&mut Value)) {
        let mut row = self.stored(path);
        change(&mut row);
        let row: Resource = serde_json::from_value(row).unwrap();
        self.store.write(|tx| tx.put(&RESOURCES, &self.key(path), &row)).unwrap();
    }

    /// Puts so many extensions on a machine, as an earlier version could have left them: more than one can have now.
    pub fn fill(&self, machine: &str, count: usize) {
        let (parent, row) = self.row(machine);
        let names: Vec<usize> = (0..count).collect();
        for names in names.chunks(500) {
            let write = |tx: &mut Tx<'_>| {
                names.iter().try_for_each(|n| {
                    let id = ResourceId::parse(&format!("{machine}/extensions/e{n}")).unwrap();
                    let identity = ResourceIdentity::default();
                    let child = Resource { id, parent: Some(parent), identity, ..row.clone() };
                    tx.create(&RESOURCES, &ResourceUuid::random(self.world().entropy), &child)
                })
            };
            self.store.write(write).unwrap();
        }
    }

    /// `call` with more header fields, and a body as it is.
    pub fn raw_as(
        &self,
        who: &Person,
        method: Method,
        path: &str,
        version: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let token = format!("Bearer {}", self.token(who));
        let headers: Vec<(&str, &str)> = headers.iter().copied().chain([("authorization", token.as_str())]).collect();
        self.raw(method, &with_version(path, version), &headers, body)
    }

    /// Runs `body` on so many threads, each with a way to send requests.
    pub fn in_parallel(&self, threads: usize, body: impl Fn(&dyn Fn(Method, &str, &str, &[u8]) -> u16, usize) + Sync) {
        let view = self.views.snapshot();
        let (config, authority, audiences) = (&self.config, &self.authority, &self.audiences);
        let (store, world, kek) = (&self.store, self.world(), self.views.kek());
        std::thread::scope(|scope| {
            for n in 0..threads {
                let (view, body) = (&view, &body);
                scope.spawn(move || {
                    let cx = Cx { config, authority, audiences, view, kek, view_age_seconds: 0, store, world };
                    let send = |method: Method, target: &str, token: &str, bytes: &[u8]| {
                        answer(&cx, &request(method, target, &[("authorization", token)], bytes)).status.as_u16()
                    };
                    body(&send, n);
                });
            }
        });
    }

    /// The key of the row of a resource.
    pub fn key(&self, id: &str) -> ResourceUuid {
        self.store.read(|tx| find(tx, &ResourceId::parse(id).unwrap())).unwrap().unwrap().0
    }

    /// A request with these header fields; the path carries its query.
    pub fn raw(&self, method: Method, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.views.catch_up(&self.store).unwrap();
        self.send(method, target, headers, body)
    }

    fn cx<'a>(&'a self, view: &'a View) -> Cx<'a> {
        Cx {
            config: &self.config,
            authority: &self.authority,
            audiences: &self.audiences,
            view,
            view_age_seconds: self.view_age_seconds.get(),
            kek: self.views.kek(),
            store: &self.store,
            world: self.world(),
        }
    }

    /// Goes on with every operation, as the shell does now and then.
    pub fn advance_all(&self) -> Result<(), StoreError> {
        operations::advance_all(&self.cx(&self.views.snapshot()))
    }

    /// `raw`, with the view as it was.
    pub fn send(&self, method: Method, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let view = self.views.snapshot();
        let reply = answer(&self.cx(&view), &request(method, target, headers, body));
        let body = if reply.body.is_empty() { Value::Null } else { serde_json::from_slice(&reply.body).unwrap() };
        assert!(reply.status != StatusCode::INTERNAL_SERVER_ERROR, "{target}: {body}");
        check_polling(reply.status, &reply.headers);
        Answer { status: reply.status.as_u16(), headers: reply.headers, body }
    }
}

fn answer(cx: &Cx<'_>, request: &Request) -> Reply {
    match cx.handle(request) {
        Outcome::Answer(answer) => answer.reply,
        Outcome::Need(never) => match never {},
    }
}

fn with_version(path: &str, version: &str) -> String {
    let sign = if path.contains('?') { '&' } else { '?' };
    if version.is_empty() { path.to_owned() } else { format!("{path}{sign}api-version={version}") }
}

fn request(method: Method, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Request {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    Request {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        version: http::Version::HTTP_11,
        headers: map,
        body: Bytes::copy_from_slice(body),
        peer: Peer::Anonymous(([127, 0, 0, 1], 1).into()),
    }
}
