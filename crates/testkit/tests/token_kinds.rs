//! Tokens are never accepted as other things (JW-06): every kind of proof in every place where one is
//! read. Each cell that succeeds is named; all others must be refused.

#![allow(clippy::unwrap_used)]

use bonafide_crypto::AgentKey;
use bonafide_metadata::TokenFetch;
use bonafide_testkit::{
    Ask, Cloud, GRAPH, Host, MANAGEMENT, Machine, Person, Realm, claims, client_header, sign_as_client, sign_as_tenant,
};
use bonafide_types::{Audience, HostId, base64url};
use bonafide_wire::Reply;
use serde_json::{Value, json};

/// The secret of the `app-service` endpoint.
const IDENTITY_HEADER: &str = "853b9a84-5bfa-4b22-a3f3-0b9a43d9ad8a";

struct Stage {
    cloud: Cloud,
    app: Person,
    machine: Machine,
    other: Realm,
    edge: HostId,
    invitation: String,
}

impl Stage {
    fn new() -> Self {
        let cloud = Cloud::unthrottled();
        let home = cloud.home.clone();
        cloud.make_group(&home, "rg");
        let machine = cloud.make_machine(&home, "rg", "web1", true, &[]);
        cloud.place(&machine.id);
        let app = cloud.application(home.tenant, "app");
        for principal in [app.principal, machine.principal.unwrap()] {
            // At the root, so that the directory may be read too.
            cloud.grant(&home, principal, "Reader", "");
        }
        let other = cloud.second_tenant();
        let edge = Host::join(&cloud, "edge", Default::default()).id;
        let invitation = Host::invite(&cloud, "next").1;
        Self { cloud, app, machine, other, edge, invitation }
    }

    /// Every kind of proof, by name. Each is made anew: some are valid once.
    fn proofs(&self) -> Vec<(&'static str, String)> {
        let access = self.cloud.token(&self.app, MANAGEMENT);
        let own = claims(&access);
        let with = |changes: Value| {
            let mut claims = own.clone();
            claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            sign_as_tenant(self.app.tenant, &claims)
        };
        let now = self.cloud.world().now.unix_seconds();
        let (head, body) = access.rsplit_once('.').unwrap().0.split_once('.').unwrap();
        let none = base64url::encode(br#"{"typ":"JWT","alg":"none"}"#);
        vec![
            ("access token", access.clone()),
            ("access token of a managed identity", self.workload_token(MANAGEMENT)),
            ("access token for another audience", self.cloud.token(&self.app, "https://vault.azure.net")),
            ("access token for Microsoft Graph", self.cloud.token(&self.app, GRAPH)),
            ("version 2 access token", self.cloud.token(&self.app, "api://AzureADTokenExchange")),
            ("access token of another tenant", self.cloud.token(&self.other.operator, MANAGEMENT)),
            ("access token signed with another tenant's key", sign_as_tenant(self.other.tenant, &own)),
            ("access token without signature", format!("{none}.{body}.")),
            ("access token with another's signature", format!("{head}.{body}.{}", base64url::encode(&[7; 256]))),
            ("access token with an application's signature", sign_as_client(&client_header(), &own)),
            ("expired access token", with(json!({"iat": now - 9_000, "nbf": now - 9_000, "exp": now - 1}))),
            ("access token of a user", with(json!({"idtyp": "user"}))),
            ("ID token", with(json!({"aud": self.app.client, "nonce": "n", "idtyp": null}))),
            ("client assertion", self.cloud.client_assertion(&self.app)),
            ("client assertion with the claims of an access token", {
                let mut claims = self.cloud.client_claims(&self.app);
                claims.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
                sign_as_client(&client_header(), &claims)
            }),
            ("agent's assertion", self.agent_assertion()),
            ("client secret", self.app.secret.clone()),
            ("invitation", self.invitation.clone()),
            ("identity header", IDENTITY_HEADER.to_owned()),
        ]
    }

    fn workload_token(&self, resource: &str) -> String {
        self.cloud.workload_token(&self.machine, resource, "").expect(200).text_at("/access_token").to_owned()
    }

    fn fetch(&self) -> TokenFetch {
        let workload = self.cloud.local.agent.workloads().remove(0);
        TokenFetch {
            workload: workload.id,
            tenant: workload.tenant_id,
            principal: workload.identities[0].principal_id,
            client_id: workload.identities[0].client_id,
            audience: Audience::parse("https://vault.azure.net").unwrap(),
            capabilities: None,
        }
    }

    fn agent_assertion(&self) -> String {
        let fetch = self.fetch();
        self.cloud.local.assertion(&self.cloud, &fetch).unwrap()
    }

    /// Every place where a proof is read, by name, and what it answers.
    fn places(&self, proof: &str) -> Vec<(&'static str, Reply)> {
        let (cloud, app) = (&self.cloud, &self.app);
        let fetch = self.fetch();
        let login = |client: String, field: &str, over: Option<HostId>| {
            let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
            let workload = self.machine.uuid.to_string();
            let mut fields = vec![
                ("grant_type", "client_credentials"),
                ("client_id", client.as_str()),
                ("resource", "https://vault.azure.net"),
                (field, proof),
                ("workload", workload.as_str()),
            ];
            if field == "client_assertion" {
                fields.push(("client_assertion_type", kind));
            }
            let ask = Ask::new("POST", &format!("/{}/oauth2/token", app.tenant)).form(&fields);
            cloud.hosts(over.map_or(ask.clone(), |host| ask.over(host)).request())
        };
        let subscription = format!("/subscriptions/{}?api-version=2022-12-01", cloud.home.subscription);
        let msi = "/msi/token?api-version=2019-08-01&resource=https://vault.azure.net";
        let (machine, identity) = (fetch.client_id.to_string(), app.client.to_string());
        let csr = || base64url::encode_standard(&AgentKey::generate().unwrap().certificate_request().unwrap());
        vec![
            ("management", cloud.management(Ask::new("GET", &subscription).bearer(proof).request())),
            ("graph", cloud.graph(Ask::new("GET", "/v1.0/servicePrincipals").bearer(proof).request())),
            ("login, client_assertion of the application", login(identity.clone(), "client_assertion", None)),
            ("login, client_assertion of the identity", login(machine.clone(), "client_assertion", None)),
            ("login over the host, of the identity", login(machine.clone(), "client_assertion", Some(cloud.local.id))),
            ("login over another host, of the identity", login(machine.clone(), "client_assertion", Some(self.edge))),
            ("login, client_secret of the application", login(identity.clone(), "client_secret", None)),
            ("login, client_secret of the identity", login(machine.clone(), "client_secret", Some(cloud.local.id))),
            ("login, Bearer", {
                let fields = [
                    ("grant_type", "client_credentials"),
                    ("client_id", identity.as_str()),
                    ("resource", "https://vault.azure.net"),
                ];
                cloud.login(
                    Ask::new("POST", &format!("/{}/oauth2/token", app.tenant)).form(&fields).bearer(proof).request(),
                )
            }),
            ("hosts, desired state", cloud.hosts(Ask::new("GET", "/hosts/v1/desired").bearer(proof).request())),
            ("hosts, deployment", cloud.hosts(Ask::new("GET", "/hosts/v1/deployment").bearer(proof).request())),
            (
                "hosts, join",
                cloud.hosts(Ask::new("POST", "/hosts/v1/join").json(&json!({"token": proof, "csr": csr()})).request()),
            ),
            ("metadata, app-service", {
                let ask = Ask::new("GET", msi).header("host", "127.0.0.1:41741").header("x-identity-header", proof);
                cloud.metadata(&cloud.app_service(&self.machine, IDENTITY_HEADER), &ask)
            }),
            ("metadata, imds, Bearer", {
                let ask =
                    Ask::new("GET", "/metadata/identity/info?api-version=2018-02-01").header("host", "169.254.169.254");
                cloud.metadata(&cloud.imds(&self.machine), &ask.bearer(proof))
            }),
        ]
    }
}

/// The kinds that are accepted, each with its surface; nothing else is, anywhere.
const ACCEPTED: [(&str, &str); 7] = [
    ("access token", "management"),
    ("access token of a managed identity", "management"),
    ("access token for Microsoft Graph", "graph"),
    ("client assertion", "login, client_assertion of the application"),
    ("agent's assertion", "login over the host, of the identity"),
    ("client secret", "login, client_secret of the application"),
    ("identity header", "metadata, app-service"),
];

#[test]
fn jw_06_no_token_is_accepted_as_anything_but_what_it_is() {
    let stage = Stage::new();
    let (mut wrong, mut accepted) = (Vec::new(), Vec::new());
    for kind in 0..stage.proofs().len() {
        // A proof that is valid once is made for each place.
        for place in 0..stage.places("").len() {
            let (proof, text) = stage.proofs().swap_remove(kind);
            let (name, reply) = stage.places(&text).swap_remove(place);
            // The loop asks every place each time; the invitation is used up by the first.
            if proof == "invitation" && name == "hosts, join" {
                continue;
            }
            let is_accepted = reply.status.is_success();
            if is_accepted {
                accepted.push((proof, name));
            }
            if is_accepted != ACCEPTED.contains(&(proof, name)) || !(is_accepted || reply.status.is_client_error()) {
                wrong.push(format!("{proof} at {name}: {}", reply.status));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(accepted.len(), ACCEPTED.len());
}

#[test]
fn jw_06_an_enrolment_token_joins_one_host_once() {
    let stage = Stage::new();
    let join = || {
        let csr = base64url::encode_standard(&AgentKey::generate().unwrap().certificate_request().unwrap());
        let body = json!({"token": stage.invitation, "csr": csr});
        stage.cloud.hosts(Ask::new("POST", "/hosts/v1/join").json(&body).request()).status
    };
    assert_eq!((join().as_u16(), join().as_u16()), (200, 403));
}
