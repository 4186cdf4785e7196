//! Issuing and checking against one store with two tenants; every forged token is properly signed,
//! so that only the rule under test can refuse it.

mod forged;
mod issued;
mod signing_keys;

use super::*;
use crate::directory::{
    Audiences, IDENTITY_TYPE, PRINCIPALS, PrincipalKind, RegisterError, Resolved, ServicePrincipal, TENANTS, Tenant,
    create_application, register,
};
use crate::keys::{SIGNING_KEYS, SigningKeyRow, make_signing_key, open_signing_key};
use crate::view::{View, Views};
use bonafide_crypto::jws::JwsError;
use bonafide_crypto::{Certificate, Kek, SigningKey, SystemEntropy};
use bonafide_store::{Read, Store, StoreError};
use bonafide_types::{
    Audience, ClientId, ObjectId, PROGRAM_MADE_AT, ResourceId, ResourceUuid, Secret, TenantId, Timestamp, World,
    base64url,
};
use serde_json::{Map, Value, json};
use std::sync::{Arc, LazyLock};

const NOW: Timestamp = Timestamp::from_unix_micros(1_795_253_405_012_345);
const ARM: &str = "797f4846-ba00-4fd7-ba43-dac1f8f63013";
/// The internal id of the workload that tokens are issued for.
const WORKLOAD: ResourceUuid = ResourceUuid::new(uuid::Uuid::from_u128(7));
const MANAGEMENT: &str = "https://management.azure.com/";

fn world(now: Timestamp) -> World<'static> {
    World { now, entropy: &SystemEntropy }
}

fn kek() -> Kek {
    Kek::from_bytes(Secret::new([7; 32]))
}

/// RSA keys take long to make: three for all tests, made for the tenants that they stand beside.
static KEYS: LazyLock<[(TenantId, String, SigningKeyRow); 3]> = LazyLock::new(|| {
    let (one, other) = (TenantId::random(&SystemEntropy), TenantId::random(&SystemEntropy));
    [one, other, one].map(|tenant| {
        let (kid, row) = make_signing_key(&kek(), tenant, NOW).unwrap();
        (tenant, kid, row)
    })
});

struct Fixture {
    store: Store,
    view: Arc<View>,
    authority: Authority,
    audiences: Audiences,
    tenant: TenantId,
    other_tenant: TenantId,
    identity: ObjectId,
    app: ObjectId,
    app_client: ClientId,
    other_app: ObjectId,
    workload: ResourceId,
}

impl Fixture {
    fn new() -> Self {
        let [(tenant, kid, row), (other_tenant, other_kid, other_row), _] = &*KEYS;
        let group = "/subscriptions/33333333-3333-3333-3333-333333333333/resourceGroups/rg/providers";
        let resource_id = ResourceId::parse(&format!("{group}/{IDENTITY_TYPE}/id1")).unwrap();
        let workload = ResourceId::parse(&format!("{group}/Microsoft.Compute/virtualMachines/vm1")).unwrap();
        let store = Store::in_memory();
        let identity = ObjectId::random(&SystemEntropy);
        let (app, app_client, other_app) = store
            .write(|tx| {
                for tenant in [tenant, other_tenant] {
                    tx.put(&TENANTS, tenant, &Tenant { display_name: "t".to_owned(), created_at: NOW })?;
                }
                tx.put(&SIGNING_KEYS, &(*tenant, kid.clone()), row)?;
                tx.put(&SIGNING_KEYS, &(*other_tenant, other_kid.clone()), other_row)?;
                let kind = PrincipalKind::UserAssigned {
                    resource: ResourceUuid::random(&SystemEntropy),
                    resource_id: resource_id.clone(),
                };
                let row = ServicePrincipal {
                    tenant: *tenant,
                    client_id: ClientId::random(&SystemEntropy),
                    display_name: other_tenant.to_string(),
                    kind,
                    enabled: true,
                    created_at: NOW,
                };
                tx.put(&PRINCIPALS, &identity, &row)?;
                let (app, row) = create_application(tx, &world(NOW), *tenant, "app")?;
                let (other_app, _) = create_application(tx, &world(NOW), *other_tenant, "app")?;
                Ok::<_, StoreError>((app, row.client_id, other_app))
            })
            .unwrap();
        Self {
            view: Views::load(&store, kek()).unwrap().snapshot(),
            store,
            authority: Authority::new("https://localhost:8443").unwrap(),
            audiences: Audiences::new(&[]).unwrap(),
            tenant: *tenant,
            other_tenant: *other_tenant,
            identity,
            app,
            app_client,
            other_app,
            workload,
        }
    }

    fn reload(&mut self) {
        self.view = Views::load(&self.store, kek()).unwrap().snapshot();
    }

    fn accepted(&self) -> AcceptedAudiences {
        AcceptedAudiences::new(ARM.parse().unwrap(), [MANAGEMENT, "https://management.azure.com"])
    }

    fn resolve(&self, tenant: TenantId, asked: &str) -> Option<Resolved> {
        resolve(&self.view, &self.audiences, tenant, &Audience::parse(asked).unwrap())
    }

    fn issue(&self, tenant: TenantId, object_id: ObjectId, asked: &str) -> Result<Issued, IssueError> {
        self.issue_at(NOW, tenant, object_id, asked)
    }

    fn issue_at(
        &self,
        at: Timestamp,
        tenant: TenantId,
        object_id: ObjectId,
        asked: &str,
    ) -> Result<Issued, IssueError> {
        let client = Authenticated {
            object_id,
            principal: self.view.principal(tenant, object_id).unwrap(),
            method: Method::Certificate,
            workload: Some(Workload { id: WORKLOAD, resource_id: &self.workload }),
        };
        let resource = self.resolve(tenant, asked).unwrap();
        issue(&self.view, &self.authority, &world(at), &client, &resource, &[])
    }

    fn verify(&self, token: &str) -> Result<Caller, TokenError> {
        self.verify_at(token, NOW)
    }

    fn verify_at(&self, token: &str, now: Timestamp) -> Result<Caller, TokenError> {
        verify(&self.view, &self.authority, &self.accepted(), &world(now), token)
    }

    /// The claims of a good token for the application.
    fn claims(&self) -> Map<String, Value> {
        claims_of(&self.issue(self.tenant, self.app, MANAGEMENT).unwrap().token)
    }

    fn forge(&self, claims: &Map<String, Value>) -> Result<Caller, TokenError> {
        self.verify(&sign(&key(0), claims))
    }

    fn forge_with(&self, name: &str, value: Value) -> Result<Caller, TokenError> {
        let mut claims = self.claims();
        claims.insert(name.to_owned(), value);
        self.forge(&claims)
    }
}

fn key(at: usize) -> SigningKey {
    let (tenant, kid, row) = &KEYS[at];
    open_signing_key(&kek(), *tenant, kid, row).unwrap()
}

fn sign(key: &SigningKey, claims: &Map<String, Value>) -> String {
    let header = json!({"typ": "JWT", "alg": "RS256", "kid": key.kid()}).to_string();
    key.sign_jwt(header.as_bytes(), &serde_json::to_vec(claims).unwrap()).unwrap()
}

fn claims_of(token: &str) -> Map<String, Value> {
    let payload = base64url::decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

fn header_of(token: &str) -> Value {
    serde_json::from_slice(&base64url::decode(token.split('.').next().unwrap()).unwrap()).unwrap()
}
