//! ETags: opaque, and never those of another resource of the same name.

use crate::cloud::{ARM, AUTHZ, Answer, Cloud, MSI, VM};
use bonafide_core::access::{ROLE_ASSIGNMENTS, RoleAssignment, assignments};
use bonafide_store::Tx;
use http::Method;
use serde_json::{Value, json};

const GUID: &str = "ddfe2dc0-9858-442f-aca3-ac215947a815";

/// Each kind of thing that has an etag: its path, api-version and body.
fn kinds(cloud: &Cloud) -> Vec<(String, &'static str, Value)> {
    let role = "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7";
    let somebody = cloud.person(cloud.tenant, &[]).id.to_string();
    let definition = json!({"roleName": "r", "permissions": [{"actions": ["*"]}], "assignableScopes": [cloud.root()]});
    vec![
        (cloud.at("other"), ARM, json!({"location": "westus"})),
        (cloud.vm("vm1"), VM, json!({"location": "westus"})),
        (cloud.identity("id1"), MSI, json!({"location": "westus"})),
        (
            format!("{}/providers/Microsoft.Network/virtualNetworks/nab", cloud.at("g")),
            ARM,
            json!({"location": "westus"}),
        ),
        (
            format!("{}/providers/Microsoft.Authorization/roleAssignments/{GUID}", cloud.root()),
            AUTHZ,
            json!({"properties": {"principalId": somebody, "roleDefinitionId": role}}),
        ),
        (
            format!("{}/providers/Microsoft.Authorization/roleDefinitions/{GUID}", cloud.root()),
            AUTHZ,
            json!({"properties": definition}),
        ),
    ]
}

#[test]
fn tn_08_the_etag_of_what_was_deleted_does_not_fit_its_successor() {
    let cloud = Cloud::with_group();
    for (path, version, body) in kinds(&cloud) {
        let put = |condition: (&str, &str)| -> Answer {
            cloud.raw_as(&cloud.owner, Method::PUT, &path, version, &[condition], body.to_string().as_bytes())
        };
        let made = |answer: Answer| {
            assert!((200..=201).contains(&answer.status), "{path}: {answer:?}");
            answer.header("etag").to_owned()
        };
        let first = made(put(("if-none-match", "*")));
        assert_eq!(cloud.get(&path, version).expect(200).header("etag"), first);
        cloud.delete(&path, version).expect(200);
        let second = made(put(("if-none-match", "*")));
        assert_ne!(first, second, "{path}");
        for stale in [first.as_str(), "\"1\"", "\"0\"", ""] {
            put(("if-match", stale)).refused(412, "PreconditionFailed");
        }
        let third = made(put(("if-match", second.as_str())));
        assert!(third != first && third != second, "{path}");
        put(("if-match", second.as_str())).refused(412, "PreconditionFailed");
        made(put(("if-match", "*")));
    }
}

#[test]
fn tn_08_rows_of_earlier_versions_keep_an_etag() {
    let cloud = Cloud::with_group();
    let (path, version, body) = kinds(&cloud).into_iter().find(|(path, ..)| path.contains("roleAssignments")).unwrap();
    cloud.put(&path, version, body.clone()).expect(201);
    let (key, row) =
        cloud.store.read(|tx| assignments::by_name(tx, cloud.tenant, GUID.parse().unwrap())).unwrap().unwrap();
    let old = RoleAssignment { mark: None, ..row };
    cloud.store.write(|tx: &mut Tx<'_>| tx.put(&ROLE_ASSIGNMENTS, &key, &old)).unwrap();
    let tag = cloud.get(&path, version).expect(200).header("etag").to_owned();
    assert_eq!(cloud.get(&path, version).header("etag"), tag);
    let put = |tag: &str| {
        let body = body.to_string();
        cloud.raw_as(&cloud.owner, Method::PUT, &path, version, &[("if-match", tag)], body.as_bytes())
    };
    put("\"1795253405012345\"").refused(412, "PreconditionFailed");
    put(&tag).expect(201);
}
