//! Tokens as they are issued: to whom, and with which claims.

use super::*;
use crate::access::Allowed;
use crate::lifecycle::delete_service_principal;

#[test]
fn an_issued_token_is_accepted_as_what_it_was_issued_as() {
    let fixture = Fixture::new();
    for asked in [MANAGEMENT, "https://management.azure.com", ARM] {
        let issued = fixture.issue(fixture.tenant, fixture.identity, asked).unwrap();
        let caller = fixture.verify(&issued.token).unwrap();
        assert_eq!((caller.tenant, caller.object_id), (fixture.tenant, fixture.identity));
        assert_eq!(caller.token_id, issued.id);
        assert_eq!(caller.expires_at.unix_seconds(), issued.validity.expires_at);
        let kid = key(0).kid().to_owned();
        assert_eq!(header_of(&issued.token), json!({"typ": "JWT", "alg": "RS256", "x5t": kid, "kid": kid}));
        assert!(claims_of(&issued.token)["xms_az_rid"].as_str().unwrap().ends_with("/virtualMachines/vm1"));
        assert_eq!(caller.workload, Some(WORKLOAD));
    }
    let version_2 = fixture.issue(fixture.tenant, fixture.identity, "api://AzureADTokenExchange").unwrap();
    assert_eq!(header_of(&version_2.token), json!({"typ": "JWT", "alg": "RS256", "kid": key(0).kid()}));
    let application = claims_of(&fixture.issue(fixture.tenant, fixture.app, MANAGEMENT).unwrap().token);
    assert!(!application.contains_key("xms_az_rid") && !application.contains_key("xms_mirid"));
    assert!(!application.contains_key("bf_wl"));
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
    let (_, second) = fixture.store.write(|tx| create_application(tx, &world(NOW), tenant, "second")).unwrap();
    register(&fixture, second.client_id, "https://orders.example/v2/", TokenVersion::V2).unwrap();
    let below = "https://graph.microsoft.com/v1.0";
    for reserved in ["https://VAULT.azure.net/", "https://x.blob.core.windows.net", ARM, below] {
        assert!(register(&fixture, client, reserved, TokenVersion::V1).is_err(), "{reserved}");
    }
    let id = second.client_id.to_string();
    for other in
        [id.clone(), id.replace('-', ""), id.to_uppercase(), format!("{id}/x"), format!("{id}:1"), format!("{id}.")]
    {
        let refused = register(&fixture, client, &format!("api://{other}"), TokenVersion::V1);
        assert!(matches!(refused, Err(RegisterError::OtherApplication(_))), "{other}");
    }
    register(&fixture, client, &format!("api://{client}/orders"), TokenVersion::V1).unwrap();
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
    let (client, client2) = (client.to_string(), second.client_id.to_string());
    assert_eq!(aud(tenant, "api://orders/").as_deref(), Some("api://orders/"));
    assert_eq!(aud(tenant, "https://orders.example/v2"), Some(client2.clone()));
    assert_eq!(aud(tenant, &client2), Some(client2.clone()));
    assert_eq!(aud(tenant, &client), Some(client.clone()));
    for unknown in ["api://order", "api://orders/x", &format!("{client}/")] {
        assert_eq!(aud(tenant, unknown), None, "{unknown}");
    }
    for asked in ["api://orders", "https://orders.example/v2/", &client] {
        assert_eq!(aud(fixture.other_tenant, asked), None, "{asked}");
    }
    fixture.store.write(|tx| delete_service_principal(tx, &Allowed::system(tenant), fixture.app)).unwrap();
    fixture.reload();
    for asked in ["api://orders", &client] {
        assert_eq!(fixture.resolve(tenant, asked), None, "an application without a service principal: {asked}");
    }
}
