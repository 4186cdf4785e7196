//! Bodies that grant rights and identities, read in full or refused.

use crate::cloud::{AUTHZ, Answer, Cloud, MSI, VM};
use http::Method;
use serde_json::{Value, json};

const OWNER: &str = "/providers/Microsoft.Authorization/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
const GUID: &str = "ddfe2dc0-9858-442f-aca3-ac215947a815";

fn put(cloud: &Cloud, of: &str, text: &str) -> Answer {
    let path = format!("{}/providers/Microsoft.Authorization/{of}/{GUID}", cloud.root());
    cloud.raw_as(&cloud.owner, Method::PUT, &path, AUTHZ, &[], text.as_bytes())
}

/// True when something was written under the name.
fn is_there(cloud: &Cloud, of: &str) -> bool {
    cloud.get(&format!("{}/providers/Microsoft.Authorization/{of}/{GUID}", cloud.root()), AUTHZ).status == 200
}

#[test]
fn tn_13_nothing_that_limits_or_widens_an_assignment_is_passed_over() {
    let cloud = Cloud::with_group();
    let somebody = cloud.person(cloud.tenant, &[]).id;
    let inner = format!(r#""principalId":"{somebody}","roleDefinitionId":"{OWNER}""#);
    for (text, code) in [
        (format!(r#"{{"properties":{{{inner},"Condition":"@Resource[x]"}}}}"#), "ConditionNotSupported"),
        (
            format!(r#"{{"properties":{{{inner},"condition":null,"CONDITION":"@Resource[x]"}}}}"#),
            "InvalidRequestContent",
        ),
        (format!(r#"{{"properties":{{{inner}}},"condition":"@Resource[x]"}}"#), "ConditionNotSupported"),
        (format!(r#"{{"properties":{{{inner}}},"Condition":"@Resource[x]"}}"#), "ConditionNotSupported"),
        (format!(r#"{{{inner},"CONDITION":"@Resource[x]"}}"#), "ConditionNotSupported"),
        (format!(r#"{{"properties":{{{inner},"condition":""}}}}"#), "ConditionNotSupported"),
        (format!(r#"{{"properties":{{{inner},"condition":false}}}}"#), "ConditionNotSupported"),
        (format!(r#"{{"properties":{{{inner},"conditionVersion":"2.0"}}}}"#), "ConditionNotSupported"),
        (format!(r#"{{"properties":{{{inner},"createdBy":{{"condition":"x"}}}}}}"#), "ConditionNotSupported"),
        (format!(r#"{{"properties":{{{inner}}},"systemData":[{{"Condition":"x"}}]}}"#), "ConditionNotSupported"),
        (format!(r#"{{"properties":{{{inner},"delegatedManagedIdentityResourceId":"/x"}}}}"#), "InvalidRequestContent"),
        (format!(r#"{{"properties":{{{inner},"canDelegate":true}}}}"#), "InvalidRequestContent"),
        (format!(r#"{{"properties":{{{inner},"expiresOn":"2027"}}}}"#), "InvalidRequestContent"),
        (format!(r#"{{"properties":{{{inner}}},"principalId":"{somebody}"}}"#), "InvalidRequestContent"),
        (format!(r#"{{"properties":{{{inner},"RoleDefinitionId":"x"}}}}"#), "InvalidRequestContent"),
        (format!(r#"{{"properties":{{{inner}}},"Properties":{{}}}}"#), "InvalidRequestContent"),
    ] {
        put(&cloud, "roleAssignments", &text).refused(400, code);
        assert!(!is_there(&cloud, "roleAssignments"), "{text}");
    }
    let named = put(&cloud, "roleAssignments", &format!(r#"{{"properties":{{{inner},"expiresOn":"2027"}}}}"#));
    assert!(named.body["error"]["message"].as_str().unwrap().contains("'expiresOn'"), "{named:?}");
    let any_case =
        format!(r#"{{"PROPERTIES":{{"PrincipalID":"{somebody}","ROLEDEFINITIONID":"{OWNER}","canDelegate":false}}}}"#);
    put(&cloud, "roleAssignments", &any_case).expect(201);
}

#[test]
fn tn_13_what_a_get_answers_can_be_put_back() {
    let cloud = Cloud::with_group();
    let somebody = cloud.person(cloud.tenant, &[]).id.to_string();
    let definition = json!({"roleName": "r", "description": "d", "permissions": [{"actions": ["*"], "notDataActions": []}], "assignableScopes": [cloud.root()]});
    for (of, properties) in [
        ("roleAssignments", json!({"principalId": somebody, "roleDefinitionId": OWNER})),
        ("roleDefinitions", definition),
        ("locks", json!({"level": "CanNotDelete", "notes": "n", "owners": [{"applicationId": "x"}]})),
    ] {
        let made = put(&cloud, of, &json!({ "properties": properties }).to_string());
        assert_eq!(made.status, 201, "{made:?}");
        let path = format!("{}/providers/Microsoft.Authorization/{of}/{GUID}", cloud.root());
        let read = cloud.get(&path, AUTHZ).expect(200).body;
        let again = put(&cloud, of, &read.to_string());
        assert!(again.status < 300, "{of}: {again:?}");
        assert_eq!(again.body["properties"]["roleDefinitionId"], read["properties"]["roleDefinitionId"]);
        cloud.delete(&path, AUTHZ);
    }
}

#[test]
fn tn_13_roles_and_locks_are_read_in_any_case_and_in_full() {
    let cloud = Cloud::with_group();
    let root = cloud.root();
    let role = |permission: &str, more: &str| {
        format!(
            r#"{{"properties":{{"roleName":"r","permissions":[{permission}],"assignableScopes":["{root}"]{more}}}}}"#
        )
    };
    for text in [
        role(r#"{"actions":["*"],"NotActions":["a/b"],"notActions":[]}"#, ""),
        role(r#"{"actions":["*"],"excludeActions":["a/b"]}"#, ""),
        role(r#"{"actions":["*"]}"#, r#","assignablescopes":["/"]"#),
        role(r#"{"actions":["*"]}"#, r#","expiresOn":"2027""#),
    ] {
        put(&cloud, "roleDefinitions", &text).refused(400, "InvalidRequestContent");
    }
    for permission in [r#"{"actions":["*"],"Condition":"x"}"#, r#"{"actions":["*"],"CONDITIONVERSION":"2.0"}"#] {
        put(&cloud, "roleDefinitions", &role(permission, "")).refused(400, "ConditionNotSupported");
    }
    assert!(!is_there(&cloud, "roleDefinitions"));
    // Before, `NotActions` was no member of a permission, and the role granted what it takes away.
    put(&cloud, "roleDefinitions", &role(r#"{"Actions":["*"],"NotActions":["a/b"]}"#, "")).expect(201);
    let path = format!("{root}/providers/Microsoft.Authorization/roleDefinitions/{GUID}");
    let permissions = cloud.get(&path, AUTHZ).expect(200).body["properties"]["permissions"].clone();
    assert_eq!((&permissions[0]["actions"], &permissions[0]["notActions"]), (&json!(["*"]), &json!(["a/b"])));
    put(&cloud, "locks", r#"{"properties":{"level":"CanNotDelete","LEVEL":"ReadOnly"}}"#)
        .refused(400, "InvalidRequestContent");
    put(&cloud, "locks", r#"{"properties":{"level":"CanNotDelete","until":"2027"}}"#)
        .refused(400, "InvalidRequestContent");
    put(&cloud, "locks", r#"{"properties":{"LEVEL":"ReadOnly"}}"#).expect(201);
}

#[test]
fn tn_13_an_identity_block_is_read_in_any_case_and_in_full() {
    let cloud = Cloud::with_group();
    let id = cloud.make_identity("id1");
    let network = format!("{}/providers/Microsoft.Compute/virtualMachineScaleSets/s", cloud.at("g"));
    for path in [cloud.vm("vm1"), network] {
        let send = |block: &str| {
            let text = format!(r#"{{"location":"westus","identity":{block}}}"#);
            cloud.raw_as(&cloud.owner, Method::PUT, &path, VM, &[], text.as_bytes())
        };
        for block in [
            r#"{"type":"None","Type":"SystemAssigned"}"#.to_owned(),
            r#"{"Type":"SystemAssigned","type":"None"}"#.to_owned(),
            format!(
                r#"{{"type":"UserAssigned","userAssignedIdentities":{{"{id}":{{}}}},"USERassignedIdentities":{{}}}}"#
            ),
            r#"{"type":"SystemAssigned","delegatedResources":{"x":{}}}"#.to_owned(),
            r#"{"type":"SystemAssigned","scope":"/"}"#.to_owned(),
            r#"{"type":"SystemAssigned","principalId":{"condition":"x"}}"#.to_owned(),
            format!(
                r#"{{"type":"UserAssigned","userAssignedIdentities":{{"{id}":{{"clientId":"a","ClientId":"b"}}}}}}"#
            ),
            format!(r#"{{"type":"UserAssigned","userAssignedIdentities":{{"{id}":{{"scope":"/"}}}}}}"#),
        ] {
            let refused = send(&block);
            assert_eq!(refused.status, 400, "{block}: {refused:?}");
            assert_eq!(cloud.get(&path, VM).status, 404, "{block}");
        }
        let whole = format!(
            r#"{{"TYPE":"SystemAssigned, UserAssigned","UserAssignedIdentities":{{"{id}":{{"principalId":"x","clientId":"y"}}}},"principalId":"x","tenantId":"y"}}"#
        );
        send(&whole).expect(201);
        let read = cloud.get(&path, VM).expect(200).body;
        assert_eq!(read["identity"]["type"], "SystemAssigned, UserAssigned");
        cloud.put(&path, VM, read.clone()).expect(200);
        assert_eq!(cloud.get(&path, VM).body["identity"], read["identity"]);
    }
    let refused =
        cloud.put(&cloud.identity("id2"), MSI, json!({"location": "westus", "identity": {"type": "SystemAssigned"}}));
    assert_eq!(refused.status, 400, "{refused:?}");
}

#[test]
fn tn_13_a_list_of_identities_is_never_passed_over() {
    let cloud = Cloud::with_group();
    let id = cloud.make_identity("id1");
    let at = |of: &str| format!("{}/providers/{of}/r", cloud.at("g"));
    for (of, version, made) in [
        ("Microsoft.Compute/virtualMachines", "2017-12-01", 201),
        ("Microsoft.Compute/virtualMachines", VM, 201),
        ("Microsoft.Compute/virtualMachineScaleSets", "2017-12-01", 201),
        ("Microsoft.Web/sites", "2018-02-01", 200),
    ] {
        let path = at(of);
        let send = |identity: Value| cloud.put(&path, version, json!({"location": "westus", "identity": identity}));
        let beside = json!({"type": "UserAssigned", "identityIds": [&id], "userAssignedIdentities": {&id: {}}});
        send(beside).refused(400, "InvalidRequestContent");
        send(json!({"type": "SystemAssigned", "identityIds": [&id]})).refused(400, "InvalidParameter");
        assert_eq!(cloud.get(&path, version).status, 404, "{of}");
        send(json!({"type": "UserAssigned", "identityIds": [&id], "userAssignedIdentities": null})).expect(made);
        let identity = cloud.get(&path, "2026-04-01").expect(200).body["identity"].clone();
        assert!(identity["userAssignedIdentities"][&id].is_object(), "{of}: {identity}");
        cloud.delete(&path, version);
    }
    let path = at("Microsoft.Compute/virtualMachineScaleSets");
    let block = json!({"type": "UserAssigned", "identityIds": [&id]});
    let made = cloud.put(&path, "2017-12-01", json!({"location": "westus", "identity": &block})).expect(201);
    assert_eq!(made.body["identity"], block);
}
