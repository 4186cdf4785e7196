//! Issuing and checking against one store with two tenants; every forged token is properly signed,
//! so that only the rule under test can refuse it.

use super::*;
use crate::directory::{
    Audiences, IDENTITY_TYPE, PRINCIPALS, PrincipalKind, RegisterError, Resolved, ServicePrincipal, TENANTS, Tenant,
    create_application, register,
};
use crate::keys::{SIGNING_KEYS, SigningKeyRow, make_signing_key, open_signing_key};
use crate::placement::Placement;
use crate::view::{View, Views};
use bonafide_crypto::jws::JwsError;
use bonafide_crypto::{Certificate, Kek, SigningKey, SystemEntropy};
use bonafide_store::{MemoryEngine, Read, Store, StoreError};
use bonafide_types::{
    Audience, ClientId, ObjectId, ResourceId, ResourceUuid, Secret, TenantId, Timestamp, World, base64url,
};
use serde_json::{Map, Value, json};
use std::sync::{Arc, LazyLock};

const NOW: Timestamp = Timestamp::from_unix_micros(1_795_253_405_012_345);
const ARM: &str = "797f4846-ba00-4fd7-ba43-dac1f8f63013";
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
    placement: Placement,
}

impl Fixture {
    fn new() -> Self {
        let [(tenant, kid, row), (other_tenant, other_kid, other_row), _] = &*KEYS;
        let group = "/subscriptions/33333333-3333-3333-3333-333333333333/resourceGroups/rg/providers";
        let resource_id = ResourceId::parse(&format!("{group}/{IDENTITY_TYPE}/id1")).unwrap();
        let workload = ResourceId::parse(&format!("{group}/Microsoft.Compute/virtualMachines/vm1")).unwrap();
        let store = Store::open(MemoryEngine::new());
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
            placement: Placement {
                resource_id: workload,
                tenant: *tenant,
                location: String::new(),
                identities: vec![],
            },
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
        let client = Authenticated {
            object_id,
            principal: self.view.principal(tenant, object_id).unwrap(),
            method: Method::Certificate,
            workload: Some(&self.placement),
        };
        let resource = self.resolve(tenant, asked).unwrap();
        issue(&self.view, &self.authority, &world(NOW), &client, &resource, &[])
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

#[test]
fn an_issued_token_is_accepted_and_says_exactly_when_it_was_issued() {
    let fixture = Fixture::new();
    for asked in [MANAGEMENT, "https://management.azure.com", ARM] {
        let issued = fixture.issue(fixture.tenant, fixture.identity, asked).unwrap();
        let caller = fixture.verify(&issued.token).unwrap();
        assert_eq!((caller.tenant, caller.object_id), (fixture.tenant, fixture.identity));
        assert_eq!((caller.token_id, caller.issued_at), (issued.id, NOW));
        assert_eq!(caller.expires_at.unix_seconds(), issued.validity.expires_at);
        let kid = key(0).kid().to_owned();
        assert_eq!(header_of(&issued.token), json!({"typ": "JWT", "alg": "RS256", "x5t": kid, "kid": kid}));
        assert!(claims_of(&issued.token)["xms_az_rid"].as_str().unwrap().ends_with("/virtualMachines/vm1"));
    }
    let version_2 = fixture.issue(fixture.tenant, fixture.identity, "api://AzureADTokenExchange").unwrap();
    assert_eq!(header_of(&version_2.token), json!({"typ": "JWT", "alg": "RS256", "kid": key(0).kid()}));
    let application = claims_of(&fixture.issue(fixture.tenant, fixture.app, MANAGEMENT).unwrap().token);
    assert!(!application.contains_key("xms_az_rid") && !application.contains_key("xms_mirid"));
}

#[test]
fn each_refusal_says_what_resource_manager_needs_to_know() {
    let fixture = Fixture::new();
    let good = fixture.issue(fixture.tenant, fixture.app, MANAGEMENT).unwrap();
    let (before, after) = (good.validity.not_before, good.validity.expires_at);
    let at = Timestamp::from_unix_seconds;
    assert_eq!(fixture.verify_at(&good.token, at(after)), Err(TokenError::Expired { at: at(after) }));
    assert!(fixture.verify_at(&good.token, at(after - 1)).is_ok());
    let mut future = fixture.claims();
    let nbf = NOW.plus_seconds(10).unix_seconds();
    future.insert("nbf".to_owned(), nbf.into());
    assert_eq!(fixture.forge(&future), Err(TokenError::NotYetValid { at: at(nbf) }));
    assert_eq!(before, NOW.unix_seconds() - 300);
    let vault = fixture.issue(fixture.tenant, fixture.app, "https://vault.azure.net").unwrap();
    let aud = "https://vault.azure.net".to_owned();
    assert_eq!(fixture.verify(&vault.token), Err(TokenError::Audience { aud }));
    let iss = "https://sts.windows.net/x/".to_owned();
    assert_eq!(fixture.forge_with("iss", json!(iss.clone())), Err(TokenError::Issuer { iss }));
    let mut broken = good.token.clone();
    let last = if broken.pop() == Some('A') { 'Q' } else { 'A' };
    broken.push(last);
    assert_eq!(fixture.verify(&broken), Err(TokenError::Signature));
    for (header, expected) in [
        (None, Err(TokenError::Missing)),
        (Some(""), Err(TokenError::Missing)),
        (Some("Bearer"), Err(TokenError::Missing)),
        (Some("Bearer "), Err(TokenError::Missing)),
        (Some("Basic abc"), Err(TokenError::Scheme)),
        (Some("bearer  abc"), Ok("abc")),
    ] {
        assert_eq!(bearer(header), expected, "{header:?}");
    }
}

#[test]
fn a_principal_that_is_disabled_or_gone_neither_gets_nor_keeps_a_token() {
    let mut fixture = Fixture::new();
    let token = fixture.issue(fixture.tenant, fixture.app, MANAGEMENT).unwrap().token;
    let row = fixture.store.read(|tx| tx.get(&PRINCIPALS, &fixture.app));
    let mut row = row.map_err(|error: StoreError| error).unwrap().unwrap();
    row.enabled = false;
    fixture.store.write(|tx| tx.put(&PRINCIPALS, &fixture.app, &row)).unwrap();
    fixture.reload();
    assert!(matches!(fixture.issue(fixture.tenant, fixture.app, MANAGEMENT), Err(IssueError::Disabled)));
    assert_eq!(fixture.verify(&token), Err(TokenError::Principal));
    fixture.store.write(|tx| tx.delete(&PRINCIPALS, &fixture.app)).unwrap();
    fixture.reload();
    assert_eq!(fixture.verify(&token), Err(TokenError::Principal));
}

#[test]
fn jw_01_no_algorithm_but_the_key_s_own_is_accepted() {
    let fixture = Fixture::new();
    let kid = key(0).kid().to_owned();
    let claims = serde_json::to_vec(&fixture.claims()).unwrap();
    for alg in ["none", "None", "NONE", "nOnE", "HS256", "HS512", "rs256", "RS512", "", "PS256", "ES256"] {
        let header = json!({"typ": "JWT", "alg": alg, "kid": kid}).to_string();
        let token = key(0).sign_jwt(header.as_bytes(), &claims).unwrap();
        assert!(matches!(fixture.verify(&token), Err(TokenError::Malformed(_))), "{alg}");
        let unsigned = &token[..=token.rfind('.').unwrap()];
        assert!(matches!(fixture.verify(unsigned), Err(TokenError::Malformed(_))), "{alg}");
    }
}

#[test]
fn jw_02_a_header_names_a_key_that_is_known_and_nothing_else() {
    let fixture = Fixture::new();
    let claims = serde_json::to_vec(&fixture.claims()).unwrap();
    let long = "A".repeat(12_000);
    for kid in ["", "' OR 1=1 --", "../../../../dev/null", "\0", long.as_str()] {
        let header = json!({"typ": "JWT", "alg": "RS256", "kid": kid, "x5c": ["AA"], "jku": "https://localhost/"});
        let token = key(0).sign_jwt(header.to_string().as_bytes(), &claims).unwrap();
        assert!(matches!(fixture.verify(&token), Err(TokenError::UnknownKey | TokenError::Malformed(_))), "{kid}");
    }
    let header = json!({"typ": "JWT", "alg": "RS256", "x5t": key(0).kid()}).to_string();
    assert_eq!(fixture.verify(&key(0).sign_jwt(header.as_bytes(), &claims).unwrap()), Err(TokenError::Claim("kid")));
}

#[test]
fn jw_03_a_key_signs_for_its_own_tenant_only() {
    let fixture = Fixture::new();
    let claims = fixture.claims();
    assert!(fixture.verify(&sign(&key(0), &claims)).is_ok());
    assert_eq!(fixture.verify(&sign(&key(1), &claims)), Err(TokenError::UnknownKey), "another tenant's key");
    assert_eq!(fixture.verify(&sign(&key(2), &claims)), Err(TokenError::UnknownKey), "a key that is not stored");
    let header = json!({"typ": "JWT", "alg": "RS256", "kid": key(0).kid()}).to_string();
    let disguised = key(1).sign_jwt(header.as_bytes(), &serde_json::to_vec(&claims).unwrap()).unwrap();
    assert_eq!(fixture.verify(&disguised), Err(TokenError::Signature), "another key under the right name");
}

#[test]
fn a_signing_key_and_its_certificate_count_from_the_time_that_its_first_token_names() {
    let fixture = Fixture::new();
    let token = fixture.issue(fixture.tenant, fixture.app, MANAGEMENT).unwrap().token;
    let (nbf, row) = (claims_of(&token)["nbf"].as_u64().unwrap(), &KEYS[0].2);
    let certificate = Certificate::from_der(&base64url::decode(&row.certificate).unwrap()).unwrap();
    assert!(nbf < NOW.unix_seconds());
    assert_eq!((certificate.not_before_seconds(), row.not_before.unix_seconds()), (nbf, nbf));
}

#[test]
fn jw_04_a_retired_key_verifies_nothing_and_a_future_key_signs_nothing() {
    let mut fixture = Fixture::new();
    let token = fixture.issue(fixture.tenant, fixture.app, MANAGEMENT).unwrap().token;
    let (tenant, kid, row) = &KEYS[0];
    for (not_before, not_after, at) in
        [(row.not_before, NOW.plus_seconds(60), NOW.plus_seconds(60)), (NOW.plus_seconds(60), row.not_after, NOW)]
    {
        let retired = SigningKeyRow { not_before, not_after, ..row.clone() };
        fixture.store.write(|tx| tx.put(&SIGNING_KEYS, &(*tenant, kid.clone()), &retired)).unwrap();
        fixture.reload();
        assert_eq!(fixture.verify_at(&token, at), Err(TokenError::UnknownKey));
        let published: Vec<_> =
            published_keys(&fixture.view, Some(*tenant), at).into_iter().map(|(_, key)| key.kid()).collect();
        assert_eq!(published.contains(&kid.as_str()), at < not_after, "a future key is published before it signs");
    }
    assert!(matches!(fixture.issue(fixture.tenant, fixture.app, MANAGEMENT), Err(IssueError::NoSigningKey)));
}

#[test]
fn jw_05_a_claim_of_another_type_or_none_is_refused() {
    let fixture = Fixture::new();
    let good = fixture.claims();
    assert!(fixture.forge(&good).is_ok());
    for name in ["aud", "iss", "exp", "nbf", "iat", "tid", "oid", "sub", "appid", "uti", "ver", "idtyp"] {
        let mut absent = good.clone();
        absent.remove(name);
        assert_eq!(fixture.forge(&absent), Err(TokenError::Claim(name)), "{name} absent");
        let text = good[name].as_str().map_or_else(|| good[name].to_string(), str::to_owned);
        let mut wrong = vec![
            json!(null),
            json!(true),
            json!([]),
            json!([good[name].clone()]),
            json!({}),
            json!({"value": good[name]}),
        ];
        if good[name].is_number() {
            let number = good[name].as_f64().unwrap();
            wrong.extend([json!(text), json!(number), json!(number + 0.5), json!(-1), json!(-1e300), json!(1e300)]);
        } else {
            wrong.extend([json!(0), json!(1.5), json!("")]);
        }
        for value in wrong {
            let refused = fixture.forge_with(name, value.clone());
            assert!(
                matches!(&refused, Err(TokenError::Claim(claim)) if *claim == name)
                    || matches!(
                        (&refused, name),
                        (Err(TokenError::Issuer { .. }), "iss") | (Err(TokenError::Audience { .. }), "aud")
                    ),
                "{name} = {value}: {refused:?}"
            );
        }
    }
    for exp in ["1e999", "01", "0x7fffffff", "Infinity", "18446744073709551616"] {
        let claims = serde_json::to_string(&good).unwrap().replace(&good["exp"].to_string(), exp);
        let header = json!({"typ": "JWT", "alg": "RS256", "kid": key(0).kid()}).to_string();
        assert!(fixture.verify(&key(0).sign_jwt(header.as_bytes(), claims.as_bytes()).unwrap()).is_err(), "{exp}");
    }
    assert!(matches!(fixture.forge_with("aud", json!([MANAGEMENT])), Err(TokenError::Claim("aud"))));
    for aud in [
        "https://management.azure.com//",
        "https://MANAGEMENT.azure.com/",
        "https://management.azure.com/ ",
        "https://management.azure.com/evil",
    ] {
        assert!(matches!(fixture.forge_with("aud", json!(aud)), Err(TokenError::Audience { .. })), "{aud}");
    }
    for ver in ["1", "3.0", "1.0 ", "2.0"] {
        assert!(fixture.forge_with("ver", json!(ver)).is_err(), "{ver}");
    }
}

#[test]
fn jw_06_nothing_but_an_access_token_is_an_access_token() {
    let fixture = Fixture::new();
    let now = NOW.unix_seconds();
    let endpoint = format!("https://localhost:8443/{}/oauth2/v2.0/token", fixture.tenant);
    let client = fixture.app_client.to_string();
    let assertion =
        json!({"iss": client, "sub": client, "aud": endpoint, "jti": "x", "nbf": now, "iat": now, "exp": now + 600});
    assert_eq!(fixture.forge(assertion.as_object().unwrap()), Err(TokenError::Claim("tid")));
    let mut id_token = fixture.claims();
    id_token.remove("idtyp");
    id_token.remove("appid");
    assert!(fixture.forge(&id_token).is_err());
    let mut user = fixture.claims();
    user.insert("idtyp".to_owned(), json!("user"));
    assert_eq!(fixture.forge(&user), Err(TokenError::Claim("idtyp")));
    let claims = serde_json::to_vec(&fixture.claims()).unwrap();
    for typ in [json!("at+jwt"), json!("JOSE"), json!(""), json!(1), json!(null)] {
        let header = json!({"typ": typ, "alg": "RS256", "kid": key(0).kid()}).to_string();
        let token = key(0).sign_jwt(header.as_bytes(), &claims).unwrap();
        assert_eq!(fixture.verify(&token), Err(TokenError::Claim("typ")), "{typ}");
    }
    let exchange = fixture.issue(fixture.tenant, fixture.app, "api://AzureADTokenExchange").unwrap();
    assert!(matches!(fixture.verify(&exchange.token), Err(TokenError::Audience { .. })));
    let mut mixed = fixture.claims();
    mixed.insert("iss".to_owned(), json!(fixture.authority.issuer(TokenVersion::V2, fixture.tenant)));
    assert!(matches!(fixture.forge(&mixed), Err(TokenError::Issuer { .. })), "version 1 from the issuer of version 2");
}

#[test]
fn jw_07_only_one_spelling_of_a_token_is_a_token() {
    let fixture = Fixture::new();
    let token = fixture.issue(fixture.tenant, fixture.app, MANAGEMENT).unwrap().token;
    let parts: Vec<&str> = token.split('.').collect();
    for wrong in [
        format!("{token}="),
        format!("{token}."),
        format!(".{token}"),
        format!("{token} "),
        format!("{}.{}", parts[0], parts[1]),
        format!("{}=.{}.{}", parts[0], parts[1], parts[2]),
        json!({"protected": parts[0], "payload": parts[1], "signature": parts[2]}).to_string(),
    ] {
        assert!(matches!(fixture.verify(&wrong), Err(TokenError::Malformed(_))), "{wrong}");
    }
    let claims = serde_json::to_string(&fixture.claims()).unwrap().replacen('{', "{\"oid\":\"x\",", 1);
    let header = json!({"typ": "JWT", "alg": "RS256", "kid": key(0).kid()}).to_string();
    let twice = key(0).sign_jwt(header.as_bytes(), claims.as_bytes()).unwrap();
    assert!(matches!(fixture.verify(&twice), Err(TokenError::Malformed(JwsError::Claims(_)))));
}

#[test]
fn jw_09_claims_come_from_immutable_ids_not_from_names() {
    let fixture = Fixture::new();
    // The identity's display name is the other tenant's id; no claim may show it.
    let token = fixture.issue(fixture.tenant, fixture.identity, MANAGEMENT).unwrap().token;
    let text = serde_json::to_string(&claims_of(&token)).unwrap();
    assert!(!text.contains(&fixture.other_tenant.to_string()));
    assert_eq!(claims_of(&token)["tid"], json!(fixture.tenant));
}

#[test]
fn tn_02_a_token_says_nothing_in_another_tenant() {
    let fixture = Fixture::new();
    let issuer = |tenant| json!(fixture.authority.issuer(TokenVersion::V1, tenant));
    let (mine, theirs) = (fixture.tenant, fixture.other_tenant);
    for (tid, iss, oid, signer) in [
        (theirs, issuer(theirs), fixture.app, 0),
        (theirs, issuer(theirs), fixture.app, 1),
        (theirs, issuer(mine), fixture.app, 0),
        (theirs, issuer(mine), fixture.app, 1),
        (mine, issuer(theirs), fixture.app, 0),
        (mine, issuer(theirs), fixture.app, 1),
        (mine, issuer(mine), fixture.app, 1),
        (mine, issuer(mine), fixture.other_app, 0),
        (theirs, issuer(theirs), fixture.other_app, 1),
    ] {
        let mut claims = fixture.claims();
        for (name, value) in
            [("tid", json!(tid)), ("iss", iss.clone()), ("idp", iss.clone()), ("oid", json!(oid)), ("sub", json!(oid))]
        {
            claims.insert(name.to_owned(), value);
        }
        // The last row is another application's own tenant with this application's client id.
        assert!(fixture.verify(&sign(&key(signer), &claims)).is_err(), "{tid} {iss} {oid} {signer}");
    }
    assert!(fixture.forge(&fixture.claims()).is_ok());
}

#[test]
fn a_tenant_s_own_resource_is_known_in_that_tenant_only_and_takes_no_service_s_name() {
    let mut fixture = Fixture::new();
    let (tenant, client) = (fixture.tenant, fixture.app_client);
    let views = Views::load(&fixture.store, kek()).unwrap();
    let register = |fixture: &Fixture, app, identifier: &str, version| {
        let identifier = Audience::parse(identifier).unwrap();
        fixture.store.write(|tx| register(tx, &fixture.audiences, tenant, app, &identifier, version))
    };
    register(&fixture, client, "api://orders", TokenVersion::V1).unwrap();
    register(&fixture, client, "https://orders.example/v2/", TokenVersion::V2).unwrap();
    for reserved in ["https://VAULT.azure.net/", "https://x.blob.core.windows.net", ARM] {
        assert!(register(&fixture, client, reserved, TokenVersion::V1).is_err(), "{reserved}");
    }
    for wrong in ["orders", "api://", "http://orders", "https://a@b", "https://a?b", "api:///x"] {
        let refused = register(&fixture, client, wrong, TokenVersion::V1);
        assert!(matches!(refused, Err(RegisterError::Identifier(_))), "{wrong}");
    }
    let stranger = fixture.view.principal(fixture.other_tenant, fixture.other_app).unwrap().client_id;
    let refused = register(&fixture, stranger, "api://theirs", TokenVersion::V1);
    assert!(matches!(refused, Err(RegisterError::NoApplication(_))));
    views.catch_up(&fixture.store).unwrap();
    fixture.view = views.snapshot();
    let aud = |tenant, asked: &str| fixture.resolve(tenant, asked).map(|found| found.aud);
    let client = client.to_string();
    assert_eq!(aud(tenant, "api://orders/").as_deref(), Some("api://orders/"));
    assert_eq!(aud(tenant, "https://orders.example/v2"), Some(client.clone()));
    assert_eq!(aud(tenant, &client), Some(client.clone()));
    for unknown in ["api://order", "api://orders/x", &format!("{client}/")] {
        assert_eq!(aud(tenant, unknown), None, "{unknown}");
    }
    for asked in ["api://orders", "https://orders.example/v2/", &client] {
        assert_eq!(aud(fixture.other_tenant, asked), None, "{asked}");
    }
}

#[test]
fn a_token_that_was_accepted_before_is_refused_like_any_other() {
    let mut fixture = Fixture::new();
    let views = Views::load(&fixture.store, kek()).unwrap();
    fixture.view = views.snapshot();
    let issued = fixture.issue(fixture.tenant, fixture.app, MANAGEMENT).unwrap();
    let (token, expires_at) = (&issued.token, Timestamp::from_unix_seconds(issued.validity.expires_at));
    let accepted = fixture.verify(token);
    assert!(accepted.is_ok());
    assert_eq!(fixture.verify(token), accepted);
    assert_eq!(fixture.verify_at(token, expires_at), Err(TokenError::Expired { at: expires_at }));
    let others = AcceptedAudiences::new(ARM.parse().unwrap(), ["https://graph.microsoft.com"]);
    let elsewhere = verify(&fixture.view, &fixture.authority, &others, &world(NOW), token);
    assert_eq!(elsewhere, Err(TokenError::Audience { aud: MANAGEMENT.to_owned() }));
    let (tenant, kid, row) = &KEYS[0];
    let stored = |row: Option<&SigningKeyRow>| {
        let key = (*tenant, kid.clone());
        let written = fixture.store.write(|tx| match row {
            Some(row) => tx.put(&SIGNING_KEYS, &key, row),
            None => tx.delete(&SIGNING_KEYS, &key),
        });
        written.unwrap();
        views.catch_up(&fixture.store).unwrap();
        views.snapshot()
    };
    let again = |view: &View, now| verify(view, &fixture.authority, &fixture.accepted(), &world(now), token);
    let ends = NOW.plus_seconds(60);
    let ending = stored(Some(&SigningKeyRow { not_after: ends, ..row.clone() }));
    assert_eq!(again(&ending, NOW), accepted);
    assert_eq!(again(&ending, ends), Err(TokenError::UnknownKey));
    let gone = stored(None);
    assert_eq!(again(&gone, NOW), Err(TokenError::UnknownKey));
    assert_eq!(again(&stored(Some(row)), NOW), accepted);
}
