//! The limits of deployments: how many a group keeps, how deep their expressions are, and how large their errors.

use crate::cloud::{ARM, Cloud, MSI};
use crate::deployments::{ANY_DEPLOYMENT, identity, of, path, status_of};
use crate::operations::Failing;
use bonafide_store::{Read, StoreError, Tx};
use http::Method;
use serde_json::{Value, json};

/// Largest row of the store, in bytes of JSON.
const ROW_BYTES_MAX: usize = 1024 * 1024;

/// Changes every stored deployment.
fn change_all(cloud: &Cloud, change: impl Fn(&mut Value)) {
    let write = |tx: &mut Tx<'_>| {
        for (key, mut row) in tx.page(&ANY_DEPLOYMENT, &(), None, usize::MAX)? {
            change(&mut row);
            tx.put(&ANY_DEPLOYMENT, &key, &row)?;
        }
        Ok::<(), StoreError>(())
    };
    cloud.store.write(write).unwrap();
}

#[test]
fn a_group_keeps_800_deployments_and_the_oldest_that_has_ended_makes_room() {
    let cloud = Cloud::with_group();
    for n in 0..800 {
        cloud.now.set(cloud.now.get().plus_seconds(1));
        cloud.put(&path(&cloud, &format!("d{n}")), ARM, of(json!([]))).expect(201);
    }
    cloud.put(&path(&cloud, "d799"), ARM, of(json!([]))).expect(200);
    cloud.get(&path(&cloud, "d0"), ARM).expect(200);
    cloud.put(&path(&cloud, "new"), ARM, of(json!([]))).expect(201);
    cloud.get(&path(&cloud, "d0"), ARM).refused(404, "DeploymentNotFound");
    cloud.get(&path(&cloud, "d1"), ARM).expect(200);
    // One that goes on is not forgotten.
    change_all(&cloud, |row| drop(row.as_object_mut().unwrap().remove("endedAt")));
    cloud.put(&path(&cloud, "newer"), ARM, of(json!([]))).refused(409, "DeploymentQuotaExceeded");
    cloud.get(&path(&cloud, "d1"), ARM).expect(200);
}

#[test]
fn calls_in_one_another_are_deployed_however_deep_they_are() {
    let cloud = Cloud::with_group();
    let id = cloud.identity("id1");
    let read = format!("reference('{id}', '{MSI}').clientId");
    let nested = format!("[{}{read}{}]", "concat(".repeat(120), ")".repeat(120));
    let mut second = identity("id2", json!(["id1"]));
    second["tags"] = json!({"of": nested, "deep": "x"});
    let mut body = of(json!([identity("id1", json!([])), second]));
    body["properties"]["template"]["outputs"] = json!({"o": {"type": "string", "value": nested}});
    let done = cloud.put(&path(&cloud, "d"), ARM, body).expect(201);
    assert_eq!(done.body["properties"]["provisioningState"], "Succeeded", "{:#}", done.body);
    let client = cloud.get(&id, MSI).expect(200).body["properties"]["clientId"].clone();
    assert_eq!(done.body["properties"]["outputs"]["o"]["value"], client);
    assert_eq!(cloud.get(&cloud.identity("id2"), MSI).expect(200).body["tags"], json!({"of": client, "deep": "x"}));
}

#[test]
fn a_deployment_whose_error_is_too_large_for_its_row_fails_with_a_short_one() {
    let failing = Failing::new();
    let cloud = &failing.cloud;
    let body = of(json!([identity("id1", json!([])), identity("id2", json!(["id1"]))]));
    let (answer, _) = failing.during(2, |cloud| cloud.put(&path(cloud, "d"), ARM, body));
    let answer = answer.expect(201);
    // The rest of the row has room for a word of the next step's error, no more.
    change_all(cloud, |row| {
        row["parameters"] = json!({"p": {"type": "String", "value": ""}});
        let left = ROW_BYTES_MAX - row.to_string().len() - 250;
        row["parameters"]["p"]["value"] = "x".repeat(left).into();
    });
    let lock = format!("{}/providers/Microsoft.Authorization/locks/l", cloud.at("g"));
    cloud.put(&lock, "2020-05-01", json!({"properties": {"level": "ReadOnly"}})).expect(201);
    cloud.advance_all().unwrap();
    let ended = cloud.get(&status_of(&answer), "").expect(200);
    assert_eq!(ended.body["status"], "Failed");
    let short = json!({"code": "DeploymentFailed", "message": "The error is too large to be kept."});
    assert_eq!(ended.body["error"], short);
    let shown = cloud.get(&path(cloud, "d"), ARM).expect(200);
    assert_eq!(shown.body["properties"]["provisioningState"], "Failed");
    assert_eq!(shown.body["properties"]["error"], short);
    cloud.get(&cloud.identity("id2"), MSI).refused(404, "ResourceNotFound");
}

#[test]
fn ov_04_a_deployment_advances_at_its_own_address_and_a_poll_elsewhere_only_looks() {
    let cloud = Cloud::with_group();
    let many: Vec<Value> = (0..18).map(|n| identity(&format!("id{n}"), json!([]))).collect();
    let answer = cloud.put(&path(&cloud, "d"), ARM, of(json!(many))).expect(201);
    let status = status_of(&answer);
    let operation = status.rsplit('/').next().unwrap().split('?').next().unwrap();
    for _ in 0..5 {
        let there = format!("{}/providers/Microsoft.Resources/locations/l/operations/{operation}", cloud.root());
        assert_eq!(cloud.get(&there, ARM).expect(200).body["status"], "InProgress");
        cloud.get(&format!("{}/operationresults/{operation}", cloud.root()), ARM).expect(202);
    }
    cloud.get(&cloud.identity("id16"), MSI).refused(404, "ResourceNotFound");
    // Two resources, and the end.
    for word in ["InProgress", "InProgress", "Succeeded"] {
        assert_eq!(cloud.get(&status, "").expect(200).body["status"], word);
    }
    cloud.get(&cloud.identity("id17"), MSI).expect(200);
}

#[test]
fn tn_14_a_template_reads_providers_with_the_right_that_reading_them_takes() {
    let cloud = Cloud::with_group();
    let mut body = of(json!([]));
    body["properties"]["template"]["outputs"] =
        json!({"o": {"type": "string", "value": "[providers('Microsoft.Compute').registrationState]"}});
    let person = cloud.person(cloud.tenant, &[]);
    cloud.grant(&person, "Contributor", &cloud.at("g"));
    let put = || cloud.call(&person, Method::PUT, &path(&cloud, "d"), ARM, Some(body.clone()));
    let failed = put().expect(201);
    assert_eq!(failed.body["properties"]["error"]["details"][0]["code"], "AuthorizationFailed", "{:#}", failed.body);
    let read = format!("{}/providers/Microsoft.Compute", cloud.root());
    cloud.call(&person, Method::GET, &read, ARM, None).refused(403, "AuthorizationFailed");
    cloud.grant(&person, "Reader", &cloud.root());
    cloud.call(&person, Method::GET, &read, ARM, None).expect(200);
    let done = put().expect(200);
    assert_eq!(done.body["properties"]["outputs"]["o"]["value"], "Registered", "{:#}", done.body);
}
