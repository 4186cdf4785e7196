//! Two tenants in one cloud, and the owner of one of them who knows every id of the other (TN-01, TN-02).

#![allow(clippy::unwrap_used)]

mod requests;

use bonafide_metadata::TokenFetch;
use bonafide_testkit::{
    Answer, Ask, Cloud, IDENTITY, MACHINE, MANAGEMENT, Machine, ManagedIdentity, Person, Realm, claims, sign_as_tenant,
    version,
};
use bonafide_types::Audience;
use requests::REQUESTS;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const READER: &str = "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7";

/// One tenant's part of the cloud, its names its own.
struct Side {
    realm: Realm,
    guest: Person,
    machine: Machine,
    identity: ManagedIdentity,
    /// Every id and name, by the hole that it fits in.
    ids: BTreeMap<&'static str, String>,
}

impl Side {
    fn new(cloud: &Cloud, realm: Realm, mark: &str) -> Self {
        let group = format!("group-{mark}");
        cloud.make_group(&realm, &group);
        let identity = cloud.make_identity(&realm, &group, &format!("identity-{mark}"));
        let machine = cloud.make_machine(&realm, &group, &format!("machine-{mark}"), true, &[&identity]);
        cloud.place(&machine.id);
        let site = realm.id(&group, "Microsoft.Web/sites", &format!("site-{mark}"));
        let _ = cloud.call(&realm.operator, "PUT", site.as_str(), Some(&json!({"location": "westeurope"}))).expect(200);
        let guest = cloud.application(realm.tenant, "guest");
        let assignment = cloud.world().entropy.guid().to_string();
        let path = format!("{}/providers/Microsoft.Authorization/roleAssignments/{assignment}", realm.root());
        let body = json!({"properties": {"principalId": guest.principal, "roleDefinitionId": READER}});
        let _ = cloud.call(&realm.operator, "PUT", &path, Some(&body)).expect(201);
        let role = cloud.world().entropy.guid().to_string();
        let path = format!("{}/providers/Microsoft.Authorization/roleDefinitions/{role}", realm.root());
        let permissions = json!([{"actions": ["*"]}]);
        let body =
            json!({"roleName": format!("role-{mark}"), "assignableScopes": [realm.root()], "permissions": permissions});
        let _ = cloud.call(&realm.operator, "PUT", &path, Some(&json!({ "properties": body }))).expect(201);
        let operation = cloud.make_operation(&realm);
        let page = cloud.call(&realm.operator, "GET", &format!("{}/resources?$top=1", realm.root()), None);
        let next = page.expect(200).text_at("/nextLink").rsplit_once("skiptoken=").unwrap().1.to_owned();
        let system = cloud.workload_token(&machine, "https://vault.azure.net", "").expect(200);
        let ids = BTreeMap::from([
            ("tenant", realm.tenant.to_string()),
            ("sub", realm.subscription.to_string()),
            ("group", group),
            ("machine", machine.id.name().to_owned()),
            ("identity", identity.id.name().to_owned()),
            ("site", site.name().to_owned()),
            ("assignment", assignment),
            ("role", role),
            ("operation", operation.to_string()),
            ("next", next),
            ("principal", guest.principal.to_string()),
            ("client", guest.client.to_string()),
            ("secret", guest.secret.clone()),
            ("identityId", identity.id.to_string()),
            ("identityPrincipal", identity.principal.to_string()),
            ("identityClient", identity.client.to_string()),
            ("machineId", machine.id.to_string()),
            ("machinePrincipal", machine.principal.unwrap().to_string()),
            ("machineClient", system.text_at("/client_id").to_owned()),
            ("workload", machine.uuid.to_string()),
            ("operator", realm.operator.principal.to_string()),
        ]);
        Self { realm, guest, machine, identity, ids }
    }
}

struct Pair {
    cloud: Cloud,
    /// The attacker's side: its owner must learn nothing and reach nothing.
    ours: Side,
    theirs: Side,
}

impl Pair {
    fn new() -> Self {
        let cloud = Cloud::unthrottled();
        let second = cloud.second_tenant();
        let theirs = Side::new(&cloud, cloud.home.clone(), "theirs");
        let ours = Side::new(&cloud, second, "ours");
        Self { cloud, ours, theirs }
    }

    /// A text with its holes filled: those in `swapped` with the other side's ids.
    fn fill(&self, text: &str, swapped: &[&str]) -> String {
        self.ours.ids.iter().fold(text.to_owned(), |text, (hole, own)| {
            let value = if swapped.contains(hole) { &self.theirs.ids[hole] } else { own };
            text.replace(&format!("{{{hole}}}"), value)
        })
    }

    /// The ids of the other side that a reply tells and its request did not say.
    fn leaked(&self, request: &str, answer: &Answer) -> Vec<&'static str> {
        // Some messages print GUIDs without their dashes.
        let plain = |text: &str| text.to_ascii_lowercase().replace('-', "");
        let (reply, request) = (plain(&format!("{} {:?}", answer.text, answer.headers)), plain(request));
        let told = |hole: &str| {
            // Everybody is told which tenant a subscription trusts: clients find it so (docs/wire/management.md).
            hole == "tenant" && answer.status == 401
        };
        let said = |value: &str| request.contains(&plain(value));
        self.theirs
            .ids
            .iter()
            .filter(|(hole, value)| !said(value) && !told(hole) && reply.contains(&plain(value)))
            .map(|(hole, _)| *hole)
            .collect()
    }
}

/// The holes of a text, each once.
fn holes(pair: &Pair, text: &str) -> Vec<&'static str> {
    pair.ours.ids.keys().filter(|hole| text.contains(&format!("{{{hole}}}"))).copied().collect()
}

/// Every choice of at least one hole.
fn choices(holes: &[&'static str]) -> Vec<Vec<&'static str>> {
    let bits = |number: usize| (0..holes.len()).filter(move |at| number >> at & 1 == 1);
    (1..1_usize << holes.len()).map(|number| bits(number).map(|at| holes[at]).collect()).collect()
}

/// Holes that are names, which belong to nobody.
const NAMES: [&str; 4] = ["group", "machine", "identity", "site"];
/// The members of an identity that a client may send back and nobody reads.
const UNREAD: [&str; 2] = ["identityPrincipal", "identityClient"];

#[test]
fn tn_01_no_id_of_another_tenant_opens_or_tells_anything_at_management() {
    let pair = Pair::new();
    let before = pair.snapshot();
    let mut wrong = Vec::new();
    let mut tried = 0;
    for (method, target, body) in REQUESTS {
        let body = body.replace("ROLE", READER);
        for swapped in choices(&holes(&pair, &format!("{target} {body}"))) {
            // A resource of one's own may be called as another's is.
            if method == "PUT" && swapped.iter().any(|hole| NAMES.contains(hole)) && !swapped.contains(&"sub") {
                continue;
            }
            let target = pair.fill(target, &swapped);
            let filled = pair.fill(&body, &swapped);
            let answer = pair.send(method, &target, &filled);
            tried += 1;
            let leaked = pair.leaked(&format!("{target} {filled}"), &answer);
            if !leaked.is_empty() {
                wrong.push(format!("{method} {target} {filled} tells {leaked:?}: {}", answer.text));
            }
            let path = target.split('?').next().unwrap();
            let in_path = |hole: &&str| path.contains(&pair.theirs.ids[*hole]);
            let allowed: &[u16] = match () {
                // A DELETE of what is not there is done already.
                () if swapped.iter().any(in_path) && method == "DELETE" => &[204, 401, 403, 404],
                () if swapped.iter().any(in_path) => &[401, 403, 404],
                // A filter or a page's end chooses among what the caller may see anyway.
                () if body.is_empty() => &[200],
                () if path.contains("virtualMachines") && swapped.iter().all(|hole| UNREAD.contains(hole)) => &[200],
                // A body that names a foreign identity or principal: Azure calls that a bad request.
                () => &[400, 403, 404],
            };
            if !allowed.contains(&answer.status) {
                wrong.push(format!("{method} {target} {filled}: {} {}", answer.status, answer.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(tried > 200, "{tried}");
    assert_eq!(pair.snapshot(), before, "the other tenant has changed");
}

#[test]
fn the_requests_with_which_tenants_are_tried_are_good_ones() {
    let pair = Pair::new();
    for (method, target, body) in REQUESTS {
        let answer = pair.send(method, &pair.fill(target, &[]), &pair.fill(&body.replace("ROLE", READER), &[]));
        assert!(answer.status < 300, "{method} {target}: {} {}", answer.status, answer.text);
    }
}

#[test]
fn tn_01_no_id_of_another_tenant_signs_anybody_in() {
    let pair = Pair::new();
    let assertion = |side: &Side| pair.cloud.client_assertion(&side.guest);
    for choice in choices(&["tenant", "client", "secret"]).into_iter().chain([vec![]]) {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", "{client}"),
            ("client_secret", "{secret}"),
            ("resource", MANAGEMENT),
        ]
        .map(|(name, value)| (name, pair.fill(value, &choice)));
        let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
        let target = pair.fill("/{tenant}/oauth2/token", &choice);
        let answer = Answer::from(pair.cloud.login(Ask::new("POST", &target).form(&fields).request()));
        // All of them or none is one of the two tenants signing in as itself.
        let whole = choice.is_empty() || choice.len() == 3;
        assert_eq!(answer.status == 200, whole, "{choice:?}: {}", answer.text);
        if !whole {
            assert!(pair.leaked(&format!("{target} {fields:?}"), &answer).is_empty(), "{choice:?}: {}", answer.text);
        }
    }
    for choice in choices(&["tenant", "client", "assertion"]) {
        let proof = assertion(if choice.contains(&"assertion") { &pair.theirs } else { &pair.ours });
        let client = pair.fill("{client}", &choice);
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", client.as_str()),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", &proof),
            ("resource", MANAGEMENT),
        ];
        let target = pair.fill("/{tenant}/oauth2/token", &choice);
        let answer = Answer::from(pair.cloud.login(Ask::new("POST", &target).form(&fields).request()));
        assert_eq!(answer.status == 200, choice.len() == 3, "{choice:?}: {}", answer.text);
    }
}

#[test]
fn tn_01_a_host_of_both_tenants_mixes_up_neither() {
    let pair = Pair::new();
    let fetch = |side: &Side| TokenFetch {
        workload: side.machine.uuid,
        tenant: side.realm.tenant,
        principal: side.machine.principal.unwrap(),
        client_id: side.ids["machineClient"].parse().unwrap(),
        audience: Audience::parse("https://vault.azure.net").unwrap(),
        capabilities: None,
    };
    let local = &pair.cloud.local;
    for choice in choices(&["tenant", "machineClient", "workload", "assertion"]) {
        let signer = fetch(if choice.contains(&"assertion") { &pair.theirs } else { &pair.ours });
        let proof = local.assertion(&pair.cloud, &signer).unwrap();
        let [client, workload] = ["{machineClient}", "{workload}"].map(|hole| pair.fill(hole, &choice));
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", client.as_str()),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", &proof),
            ("workload", workload.as_str()),
            ("resource", "https://vault.azure.net"),
        ];
        let target = pair.fill("/{tenant}/oauth2/token", &choice);
        let answer = Answer::from(pair.cloud.hosts(Ask::new("POST", &target).form(&fields).over(local.id).request()));
        assert_eq!(answer.status == 200, choice.len() == 4, "{choice:?}: {}", answer.text);
    }
    for choice in choices(&["machinePrincipal", "workload"]) {
        let path = pair.fill("/hosts/v1/identities/{machinePrincipal}/credential", &choice);
        let key = bonafide_crypto::AgentKey::generate().unwrap();
        let now = pair.cloud.world().now.unix_seconds();
        let spec =
            bonafide_crypto::SelfSigned { common_name: "x", not_before_seconds: now, not_after_seconds: now + 60 };
        let certificate = bonafide_types::base64url::encode_standard(&key.self_signed_certificate(&spec).unwrap());
        let body = json!({"workload": pair.fill("{workload}", &choice), "certificate": certificate});
        let answer = Answer::from(pair.cloud.hosts(Ask::new("PUT", &path).json(&body).over(local.id).request()));
        assert_eq!(answer.status == 200, choice.len() == 2, "{choice:?}: {}", answer.text);
    }
}

#[test]
fn tn_01_no_selector_of_another_tenant_selects_anything() {
    let pair = Pair::new();
    for (selector, hole) in [
        ("client_id", "identityClient"),
        ("client_id", "machineClient"),
        ("object_id", "identityPrincipal"),
        ("object_id", "machinePrincipal"),
        ("object_id", "operator"),
        ("client_id", "client"),
        ("msi_res_id", "identityId"),
        ("mi_res_id", "identityId"),
        ("mi_res_id", "machineId"),
    ] {
        let more = format!("&{selector}={}", pair.theirs.ids[hole]);
        let answer = pair.cloud.workload_token(&pair.ours.machine, "https://vault.azure.net", &more);
        assert!(pair.leaked(&more, &answer).is_empty(), "{more}: {}", answer.text);
        assert_eq!(answer.body["error_description"], "Identity not found", "{more}");
        answer.refused(400, "invalid_request");
    }
    let ask = Ask::new("GET", "/metadata/identity/info?api-version=2018-02-01").header("host", "169.254.169.254");
    let info = Answer::from(pair.cloud.metadata(&pair.cloud.imds(&pair.ours.machine), &ask.header("metadata", "true")))
        .expect(200);
    assert!(pair.leaked("", &info).is_empty(), "{}", info.text);
}

/// Every mix of the two tenants' claims under either key: only a whole and rightly signed one is heard.
#[test]
fn tn_02_a_token_is_of_one_tenant_in_all_its_claims_and_its_key() {
    let pair = Pair::new();
    let sides = [&pair.ours, &pair.theirs];
    let tokens = sides.map(|side| claims(&pair.cloud.token(&side.realm.operator, MANAGEMENT)));
    let parts: [&[&str]; 4] = [&["tid"], &["iss", "idp"], &["oid", "sub"], &["appid"]];
    let (mut heard, mut tried) = (0, 0);
    for mix in 0..1_usize << parts.len() {
        let mut mixed = tokens[0].clone();
        for (at, names) in parts.iter().enumerate() {
            for name in names.iter() {
                mixed[*name] = tokens[mix >> at & 1][*name].clone();
            }
        }
        for (key, signer) in sides.iter().enumerate() {
            let token = sign_as_tenant(signer.realm.tenant, &mixed);
            for (at, side) in sides.iter().enumerate() {
                let target = format!("{}?api-version=2022-12-01", side.realm.root());
                let answer = Answer::from(pair.cloud.management(Ask::new("GET", &target).bearer(&token).request()));
                let whole = (mix == 0 && key == 0 && at == 0) || (mix == 0b1111 && key == 1 && at == 1);
                assert_eq!(
                    answer.status,
                    if whole { 200 } else { 401 },
                    "mix {mix:04b}, key {key}, at {at}: {}",
                    answer.text
                );
                heard += usize::from(whole);
                tried += 1;
            }
        }
    }
    assert_eq!((heard, tried), (2, 64));
}

#[test]
fn tn_02_a_managed_identity_does_not_work_across_directories() {
    let pair = Pair::new();
    let (cloud, ours, theirs) = (&pair.cloud, &pair.ours, &pair.theirs);
    let answer = cloud
        .workload_token(&theirs.machine, MANAGEMENT, &format!("&client_id={}", theirs.identity.client))
        .expect(200);
    let token = answer.text_at("/access_token");
    for target in [
        ours.realm.root(),
        ours.realm.id(&ours.ids["group"], MACHINE, &ours.ids["machine"]).to_string(),
        ours.realm.id(&ours.ids["group"], IDENTITY, &ours.ids["identity"]).to_string(),
    ] {
        let target = format!("{target}?api-version=2024-11-30");
        let answer = Answer::from(cloud.management(Ask::new("GET", &target).bearer(token).request()));
        answer.refused(401, "InvalidAuthenticationTokenTenant");
    }
}

impl Pair {
    fn send(&self, method: &str, target: &str, body: &str) -> Answer {
        let sign = if target.contains('?') { '&' } else { '?' };
        let ask = Ask::new(method, &format!("{target}{sign}api-version={}", version(target)));
        let ask = if body.is_empty() { ask } else { ask.json(&serde_json::from_str(body).unwrap()) };
        self.cloud.manage(&self.ours.realm.operator, ask)
    }

    /// The other side as its owner sees it.
    fn snapshot(&self) -> Vec<Value> {
        let (operator, root) = (&self.theirs.realm.operator, self.theirs.realm.root());
        [
            "resources",
            "resourceGroups",
            "providers/Microsoft.Authorization/roleAssignments",
            "providers/Microsoft.Authorization/roleDefinitions",
            "providers/Microsoft.Compute/virtualMachines",
        ]
        .map(|list| self.cloud.call(operator, "GET", &format!("{root}/{list}"), None).expect(200).body)
        .to_vec()
    }
}
