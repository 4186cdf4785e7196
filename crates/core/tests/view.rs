//! The view against a model that cannot go wrong: itself, read anew.

#![allow(clippy::unwrap_used, reason = "a test may insist")]

use bonafide_core::directory::{
    APPLICATIONS, Application, CREDENTIALS, Credential, CredentialProof, LIFETIME_POLICY_OF, Membership, PRINCIPALS,
    PrincipalKind, RESOURCES_REGISTERED, RegisteredResource, ServicePrincipal, TENANTS, TOKEN_LIFETIME_POLICIES,
    Tenant, TokenLifetimePolicy, TokenVersion,
};
use bonafide_core::keys::{SIGNING_KEYS, SigningKeyRow, make_signing_key};
use bonafide_core::placement::{HOSTS, Host, IDENTITIES_OF_SETS, PLACEMENTS, Placement};
use bonafide_core::view::{KnownProof, RegisteredKey, View, Views};
use bonafide_crypto::secret_hash::Pepper;
use bonafide_crypto::{AgentKey, Kek, SelfSigned, SystemEntropy};
use bonafide_store::{Absence, Key, Store, StoreError, Table, Tx};
use bonafide_types::{
    ClientId, CredentialId, HostId, ObjectId, ResourceId, ResourceUuid, Secret, TenantId, Timestamp, World, base64url,
};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::sync::LazyLock;
use uuid::Uuid;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_795_000_000);
/// Ids of each kind: few, so that changes meet.
const IDS: u8 = 3;

fn kek() -> Kek {
    Kek::from_bytes(Secret::new([7; 32]))
}

/// A signing key for each tenant: RSA keys take long to make.
static SIGNING: LazyLock<Vec<(String, SigningKeyRow)>> =
    LazyLock::new(|| (0..IDS).map(|n| make_signing_key(&kek(), tenant(n), NOW).unwrap()).collect());

/// The DER of a P-256 certificate, of an RSA certificate, and of something that is not a certificate.
static CERTIFICATES: LazyLock<[Vec<u8>; 3]> = LazyLock::new(|| {
    let (from, to) = (NOW.unix_seconds(), NOW.unix_seconds() + 86_400);
    let spec = SelfSigned { common_name: "k", not_before_seconds: from, not_after_seconds: to };
    let p256 = AgentKey::generate().unwrap().self_signed_certificate(&spec).unwrap();
    [p256, base64url::decode(&SIGNING[0].1.certificate).unwrap(), b"nothing".to_vec()]
});

fn guid(kind: u8, n: u8) -> Uuid {
    // Far apart, and at both ends of all ids.
    Uuid::from_u128((u128::from(n) * (u128::MAX / u128::from(IDS - 1))) ^ (u128::from(kind) << 64))
}

fn tenant(n: u8) -> TenantId {
    TenantId::new(guid(1, n))
}

fn object(n: u8) -> ObjectId {
    ObjectId::new(guid(0, n))
}

/// One of the two client ids that a principal may have.
fn client(n: u8, second: bool) -> ClientId {
    ClientId::new(guid(2 + u8::from(second), n))
}

fn host(n: u8) -> HostId {
    HostId::new(guid(4, n))
}

fn workload(n: u8) -> ResourceUuid {
    ResourceUuid::new(guid(5, n))
}

fn resource_id(n: u8) -> ResourceId {
    let text = format!("/subscriptions/{}/resourceGroups/G{n}/providers/Microsoft.Web/sites/s{n}", guid(6, n));
    ResourceId::parse(&text).unwrap()
}

/// One row of a table that the view follows, and what it holds if it is there at all.
#[derive(Debug, Clone)]
enum Step {
    Tenant(u8, bool),
    Principal(u8, Option<(u8, u8, bool, bool)>),
    Credential(u8, u8, Option<(u8, bool)>),
    Host(u8, Option<bool>),
    Placement(u8, u8, Option<u8>),
    Set(u8, Option<u8>),
    SigningKey(u8, bool),
    Registered(u8, u8, Option<bool>),
    Application(u8, Option<(u8, bool)>),
    Lifetime(u8, Option<(u8, bool)>),
    LifetimeOf(u8, Option<u8>),
}

fn step() -> impl Strategy<Value = Step> {
    use proptest::option::weighted;
    let n = || 0..IDS;
    prop_oneof![
        1 => (n(), any::<bool>()).prop_map(|(n, there)| Step::Tenant(n, there)),
        4 => (n(), weighted(0.7, (n(), n(), any::<bool>(), any::<bool>()))).prop_map(|(n, row)| Step::Principal(n, row)),
        4 => (n(), n(), weighted(0.7, (0..4_u8, any::<bool>()))).prop_map(|(n, id, row)| Step::Credential(n, id, row)),
        1 => (n(), weighted(0.7, any::<bool>())).prop_map(|(n, row)| Step::Host(n, row)),
        2 => (n(), n(), weighted(0.6, n())).prop_map(|(host, n, row)| Step::Placement(host, n, row)),
        2 => (n(), weighted(0.6, n())).prop_map(|(n, row)| Step::Set(n, row)),
        1 => (n(), any::<bool>()).prop_map(|(n, there)| Step::SigningKey(n, there)),
        1 => (n(), n(), weighted(0.7, any::<bool>())).prop_map(|(n, name, row)| Step::Registered(n, name, row)),
        2 => (n(), weighted(0.7, (n(), any::<bool>()))).prop_map(|(n, row)| Step::Application(n, row)),
        1 => (n(), weighted(0.7, (n(), any::<bool>()))).prop_map(|(n, row)| Step::Lifetime(n, row)),
        1 => (n(), weighted(0.7, n())).prop_map(|(n, row)| Step::LifetimeOf(n, row)),
    ]
}

fn set<K: Key, V: Serialize + DeserializeOwned>(
    tx: &mut Tx<'_>,
    table: &Table<K, V>,
    key: K,
    row: Option<V>,
) -> Result<(), StoreError> {
    match row {
        Some(row) => tx.put(table, &key, &row),
        None => tx.delete(table, &key),
    }
}

fn take(tx: &mut Tx<'_>, step: &Step) -> Result<(), StoreError> {
    match step.clone() {
        Step::Tenant(n, there) => {
            let row = there.then(|| Tenant { display_name: format!("t{n}"), created_at: NOW });
            set(tx, &TENANTS, tenant(n), row)
        }
        Step::Principal(n, row) => {
            let row = row.map(|(of, kind, second, enabled)| {
                let (resource, resource_id) = (workload(of), resource_id(of));
                let kind = match kind {
                    0 => PrincipalKind::Application,
                    1 => PrincipalKind::SystemAssigned { resource, resource_id },
                    _ => PrincipalKind::UserAssigned { resource, resource_id },
                };
                let (tenant, client_id) = (tenant(of), client(n, second));
                ServicePrincipal { tenant, client_id, display_name: "p".into(), kind, enabled, created_at: NOW }
            });
            set(tx, &PRINCIPALS, object(n), row)
        }
        Step::Credential(n, id, row) => {
            let id = CredentialId::new(guid(7, id));
            let row = row.map(|(proof, on_host)| Credential {
                proof: match CERTIFICATES.get(usize::from(proof)) {
                    Some(der) => CredentialProof::Certificate(der.clone()),
                    None => {
                        let pepper = Pepper::new(&Secret::new([9; Pepper::BYTES]));
                        CredentialProof::SecretHash(pepper.hash(&id.to_string(), "secret"))
                    }
                },
                not_before: NOW,
                not_after: NOW.plus_seconds(u64::from(proof)),
                display_name: None,
                host: on_host.then(|| host(proof % IDS)),
            });
            set(tx, &CREDENTIALS, (object(n), id), row)
        }
        Step::Host(n, row) => {
            let row = row.map(|enabled| {
                let mut host = Host::new(&format!("h{n}"), NOW);
                host.enabled = enabled;
                host
            });
            set(tx, &HOSTS, host(n), row)
        }
        Step::Placement(on, n, row) => {
            let row = row.map(|of| Placement {
                resource_id: resource_id(of),
                tenant: tenant(of),
                location: "here".into(),
                own: Vec::new(),
                set: (of > 0).then(|| Membership { set: workload(of), model: 1 }),
                lasting: false,
                extension: None,
                instance: None,
                events: None,
            });
            set(tx, &PLACEMENTS, (host(on), workload(n)), row)
        }
        Step::Set(n, row) => {
            let identity = |of| json!({ "since": of, "principal": object(of), "client_id": client(of, false) });
            let row = row.map(|of| serde_json::from_value(json!([identity(of), identity(1)])).unwrap());
            set(tx, &IDENTITIES_OF_SETS, workload(n), row)
        }
        Step::SigningKey(n, there) => {
            let (kid, row) = SIGNING[usize::from(n)].clone();
            set(tx, &SIGNING_KEYS, (tenant(n), kid), there.then_some(row))
        }
        Step::Registered(n, name, row) => {
            let row = row
                .map(|second| RegisteredResource { app_id: client(name, second), identifier: format!("api://{name}") });
            set(tx, &RESOURCES_REGISTERED, (tenant(n), format!("api://{name}")), row)
        }
        Step::Lifetime(n, row) => {
            let row = row.map(|(of, is_default)| TokenLifetimePolicy {
                tenant: tenant(of),
                display_name: "l".into(),
                definition: String::new(),
                seconds: 300 + u32::from(n),
                // One at most is the default of its tenant.
                is_default: is_default && n == 0,
            });
            set(tx, &TOKEN_LIFETIME_POLICIES, object(n), row)
        }
        Step::LifetimeOf(n, policy) => set(tx, &LIFETIME_POLICY_OF, object(n), policy.map(object)),
        Step::Application(n, row) => {
            let row = row.map(|(of, second)| Application {
                client_id: client(n, second),
                token_version: second.then_some(TokenVersion::V2),
                ..Application::new(&World { now: NOW, entropy: &SystemEntropy }, tenant(of), "a")
            });
            set(tx, &APPLICATIONS, object(n), row)
        }
    }
}

/// Every answer of the view to every question with an id that a step may name.
fn answers(view: &View) -> Vec<String> {
    let mut lines = Vec::new();
    for n in 0..IDS {
        let tenant = tenant(n);
        let name = |id| view.tenant(id).map(|tenant| tenant.display_name.clone());
        let kids: Vec<_> = view
            .keys(tenant)
            .into_iter()
            .flat_map(|keys| keys.published(NOW))
            .map(|key| key.kid().to_owned())
            .collect();
        lines.push(format!("tenant {n}: {:?} {kids:?}", name(tenant)));
        for id in 0..IDS {
            let known = view.principal(tenant, object(id)).map(|known| {
                assert_eq!(known.tenant, tenant, "TN-01");
                (known.client_id, known.enabled, known.is_managed(), known.is_user_assigned(), known.resource_id())
            });
            let clients = [false, true].map(|second| view.principal_by_client(tenant, client(id, second)));
            let clients = clients.map(|found| found.map(|(id, known)| (id, known.client_id)));
            let registered = view.registered_resource(tenant, format!("api://{id}"));
            let applications = [false, true].map(|second| view.application_by_client(tenant, client(id, second)));
            let of_client = view.principal(tenant, object(id)).map(|known| {
                let found = view.credentials_to_sign_in(object(id), known);
                found.map(|credential| credential.id).collect::<Vec<_>>()
            });
            lines.push(format!("signs in with {of_client:?}"));
            for resource in [None, Some(client(n, false)), Some(client(id, true))] {
                let seconds = view.token_lifetime(tenant, (object(id), client(id, false)), resource);
                lines.push(format!("for {seconds:?} s"));
            }
            lines.push(format!("of tenant {n} {id}: {known:?} {clients:?} {registered:?} {applications:?}"));
        }
        for credential in view.credentials(object(n)) {
            let proof = match &credential.proof {
                KnownProof::SecretHash(hash) => serde_json::to_string(hash).unwrap(),
                KnownProof::Certificate { key, sha1, sha256 } => {
                    let is_parsed = matches!(key, RegisteredKey::Parsed(_));
                    format!("{is_parsed} {:?} {sha1:?} {sha256:?}", key.open().unwrap().kind())
                }
            };
            let (from, to) = (credential.not_before, credential.not_after);
            lines.push(format!("of principal {n}: {} {from} {to} {:?} {proof}", credential.id, credential.host));
        }
        lines.push(format!("host {n}: {:?}", view.host(host(n))));
        let placed = view.placed(host(n)).and_then(|placed| placed.changes(None)).map(|changes| changes.workloads);
        let mut placed: Vec<_> = placed.into_iter().flatten().collect();
        placed.sort_by_key(|(id, _)| *id);
        lines.push(format!("on host {n}: {placed:?}"));
    }
    lines
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Steps in one list are one transaction; the view catches up after some of them.
    #[test]
    fn a_view_that_follows_answers_as_one_that_is_read_anew(
        transactions in proptest::collection::vec((proptest::collection::vec(step(), 1..5), any::<bool>()), 1..24),
    ) {
        let store = Store::in_memory();
        let views = Views::load(&store, kek()).unwrap();
        let mut kept = Vec::new();
        for (steps, catches_up) in &transactions {
            store.write(|tx| steps.iter().try_for_each(|step| take(tx, step))).unwrap();
            if *catches_up {
                views.catch_up(&store).unwrap();
                let view = views.snapshot();
                kept.push((answers(&view), view));
            }
        }
        views.catch_up(&store).unwrap();
        let fresh = Views::load(&store, kek()).unwrap();
        prop_assert_eq!(answers(&views.current()), answers(&fresh.current()));
        for (then, view) in kept {
            prop_assert_eq!(then, answers(&view), "a snapshot changed under its reader");
        }
    }
}

/// Of tenant `n` of a large table.
fn number(n: usize) -> TenantId {
    TenantId::new(Uuid::from_u128(n as u128))
}

fn many_tenants(count: usize) -> Store {
    let store = Store::in_memory();
    for step in (0..count).collect::<Vec<_>>().chunks(1_000) {
        let rows = |tx: &mut Tx<'_>| {
            step.iter().try_for_each(|n| {
                tx.put(&TENANTS, &number(*n), &Tenant { display_name: n.to_string(), created_at: NOW })
            })
        };
        store.write::<_, StoreError>(rows).unwrap();
    }
    store
}

#[test]
fn a_table_of_any_size_is_read_whole() {
    for count in [511, 512, 513, 1_024, 5_000] {
        let views = Views::load(&many_tenants(count), kek()).unwrap();
        let view = views.current();
        let named = |n| view.tenant(number(n)).is_some_and(|tenant| tenant.display_name == n.to_string());
        assert!((0..count).all(named) && view.tenant(number(count)).is_none(), "{count}");
    }
}

#[test]
fn a_row_that_cannot_be_read_is_an_error_wherever_it_lies() {
    for damaged in [0, 600, 2_999] {
        let store = many_tenants(3_000);
        let other: Table<TenantId, bool> = Table::new("tenant", Absence::Withholds);
        store.write::<_, StoreError>(|tx| tx.put(&other, &number(damaged), &true)).unwrap();
        assert!(Views::load(&store, kek()).is_err(), "{damaged}");
    }
}

#[test]
fn du_05_a_damaged_row_is_not_in_the_view_whether_it_is_read_or_followed() {
    for count in [3, 1_500] {
        let store = many_tenants(count);
        let followed = Views::load(&store, kek()).unwrap();
        store.tamper("tenant", |key, value| value[0] ^= u8::from(key.ends_with(&[1]))).unwrap();
        followed.catch_up(&store).unwrap();
        let read = Views::load(&store, kek()).unwrap();
        for views in [&followed, &read] {
            let view = views.current();
            assert!((0..count).all(|n| view.tenant(number(n)).is_some() == (n % 256 != 1)), "{count}");
        }
        assert_eq!(store.damaged().count, (0..count).filter(|n| n % 256 == 1).count());
    }
}
