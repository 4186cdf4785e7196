//! The steps of deployments: crashes between them, rights that change meanwhile, many of them, and their end.

use crate::cloud::{ARM, Cloud, MSI, Person};
use crate::deployment_secrets::assert_unstored;
use crate::deployments::{identity, machine, of, path, status_of};
use crate::operations::Failing;
use bonafide_core::directory::PRINCIPALS;
use bonafide_store::{Read, Tx};
use http::Method;
use serde_json::{Value, json};

#[test]
fn tn_14_a_deployment_goes_on_wherever_a_crash_left_it_and_makes_nothing_twice() {
    let mut crashes = 0;
    loop {
        let failing = Failing::new();
        let cloud = &failing.cloud;
        let (answer, crashed) = failing.during(1 + crashes, |cloud| cloud.put(&path(cloud, "d"), ARM, machine(cloud)));
        let answer = answer.expect(201);
        assert_unstored(cloud);
        if crashed {
            assert_eq!(answer.body["properties"]["provisioningState"], "Running");
            assert_eq!(answer.header("retry-after"), "1");
            let running = path(cloud, "d");
            cloud.put(&running, ARM, machine(cloud)).refused(409, "DeploymentActive");
            cloud.delete(&running, ARM).refused(409, "DeploymentActive");
        }
        cloud.advance_all().unwrap();
        let done = cloud.get(&path(cloud, "d"), ARM).expect(200);
        assert_eq!(done.body["properties"]["provisioningState"], "Succeeded", "after {crashes}: {:#}", done.body);
        // Written once: a second write would count.
        assert_eq!(cloud.row(&cloud.vm("vm1")).1.version, 1, "after {crashes} commits");
        assert_unstored(cloud);
        cloud.store.tamper("deployment-sealed", |_, _| panic!("what was sealed is left")).unwrap();
        if !crashed {
            break;
        }
        assert_eq!(cloud.get(&status_of(&answer), "").expect(200).body["status"], "Succeeded");
        crashes += 1;
    }
    assert!(crashes >= 5, "{crashes} crashes");
}

#[test]
fn tn_14_each_step_asks_anew_for_the_rights_of_its_caller() {
    for is_gone in [false, true] {
        let failing = Failing::new();
        let cloud = &failing.cloud;
        let person = cloud.in_subscription("Contributor");
        let body = of(json!([identity("id1", json!([])), identity("id2", json!(["id1"]))]));
        let put = |cloud: &Cloud| cloud.call(&person, Method::PUT, &path(cloud, "d"), ARM, Some(body.clone()));
        let (answer, _) = failing.during(2, put);
        let answer = answer.expect(201);
        cloud.get(&cloud.identity("id1"), MSI).expect(200);
        if is_gone {
            disable(cloud, &person)
        } else {
            revoke(cloud, &person)
        }
        cloud.advance_all().unwrap();
        let poll = cloud.get(&status_of(&answer), "").expect(200);
        let code = if is_gone { "InvalidAuthenticationToken" } else { "AuthorizationFailed" };
        assert_eq!(poll.body["error"]["details"][0]["code"], code, "{:#}", poll.body);
        cloud.get(&cloud.identity("id2"), MSI).refused(404, "ResourceNotFound");
    }
}

fn disable(cloud: &Cloud, person: &Person) {
    let write = |tx: &mut Tx<'_>| {
        let mut row = tx.get(&PRINCIPALS, &person.id)?.unwrap();
        row.enabled = false;
        tx.put(&PRINCIPALS, &person.id, &row)
    };
    cloud.store.write(write).unwrap();
}

fn revoke(cloud: &Cloud, person: &Person) {
    let list = format!(
        "{}/providers/Microsoft.Authorization/roleAssignments?$filter=principalId eq '{}'",
        cloud.root(),
        person.id
    );
    for held in cloud.get(&list, "2022-04-01").expect(200).body["value"].as_array().unwrap() {
        cloud.delete(held["id"].as_str().unwrap(), "2022-04-01").expect(200);
    }
}

#[test]
fn nothing_of_its_deployments_outlives_a_group() {
    let failing = Failing::new();
    let cloud = &failing.cloud;
    let body = of(json!([identity("id1", json!([])), identity("id2", json!(["id1"]))]));
    cloud.put(&path(cloud, "done"), ARM, body.clone()).expect(201);
    let (answer, _) = failing.during(2, |cloud| cloud.put(&path(cloud, "running"), ARM, body));
    let answer = answer.expect(201);
    cloud.delete(&cloud.at("g"), ARM);
    cloud.advance_all().unwrap();
    for table in ["deployment", "deployment-part", "deployment-sealed"] {
        cloud.store.tamper(table, |_, _| panic!("{table}")).unwrap();
    }
    assert_eq!(cloud.get(&status_of(&answer), "").expect(200).body["status"], "Failed");
    cloud.get(&cloud.at("g"), ARM).refused(404, "ResourceGroupNotFound");
}

#[test]
fn the_most_resources_that_a_template_can_have_are_deployed() {
    let cloud = Cloud::with_group();
    let many: Vec<Value> = (0..800)
        .map(|n| {
            let before = if n == 0 { json!([]) } else { json!([format!("n{}", n - 1)]) };
            json!({"type": "Microsoft.Network/networkSecurityGroups", "apiVersion": "2022-01-01", "name": format!("n{n}"), "location": "westus", "dependsOn": before})
        })
        .collect();
    let answer = cloud.put(&path(&cloud, "d"), ARM, of(json!(many))).expect(201);
    assert_eq!(answer.body["properties"]["provisioningState"], "Running");
    // Everybody who polls takes steps, and so does the process.
    let (token, status) = (format!("Bearer {}", cloud.token(&cloud.owner)), status_of(&answer));
    cloud.in_parallel(4, |send, _| {
        for _ in 0..20 {
            assert_eq!(send(Method::GET, &status, &token, &[]), 200);
        }
    });
    while cloud.get(&status, "").expect(200).body["status"] == "InProgress" {
        cloud.advance_all().unwrap();
    }
    let done = cloud.get(&path(&cloud, "d"), ARM).expect(200);
    assert_eq!(done.body["properties"]["provisioningState"], "Succeeded");
    assert_eq!(done.body["properties"]["outputResources"].as_array().unwrap().len(), 800);
    for n in [0, 20, 400, 799] {
        let id = format!("{}/providers/Microsoft.Network/networkSecurityGroups/n{n}", cloud.at("g"));
        assert_eq!(cloud.row(&id).1.version, 1, "n{n}");
    }
    cloud.delete(&path(&cloud, "d"), ARM).expect(204);
}

#[test]
fn a_deployment_that_is_canceled_makes_nothing_more() {
    let failing = Failing::new();
    let cloud = &failing.cloud;
    let body = of(json!([identity("id1", json!([])), identity("id2", json!(["id1"]))]));
    let (answer, _) = failing.during(2, |cloud| cloud.put(&path(cloud, "d"), ARM, body));
    let answer = answer.expect(201);
    let cancel = || cloud.call(&cloud.owner, Method::POST, &format!("{}/cancel", path(cloud, "d")), ARM, None);
    cancel().expect(204);
    cancel().refused(409, "DeploymentCannotBeCancelled");
    cloud.advance_all().unwrap();
    assert_eq!(cloud.get(&status_of(&answer), "").expect(200).body["status"], "Canceled");
    assert_eq!(cloud.get(&path(cloud, "d"), ARM).expect(200).body["properties"]["provisioningState"], "Canceled");
    cloud.get(&cloud.identity("id1"), MSI).expect(200);
    cloud.get(&cloud.identity("id2"), MSI).refused(404, "ResourceNotFound");
    cloud.store.tamper("deployment-sealed", |_, _| panic!("what was sealed is left")).unwrap();
}

#[test]
fn tn_14_a_template_reads_only_what_its_deployer_may_read() {
    let cloud = Cloud::with_group();
    cloud.put(&cloud.at("h"), ARM, json!({"location": "westus"})).expect(201);
    let foreign = cloud.identity("id1").replace("/resourceGroups/g/", "/resourceGroups/h/");
    cloud.put(&foreign, MSI, json!({"location": "westus"})).expect(201);
    let contributor = cloud.person(cloud.tenant, &[]);
    cloud.grant(&contributor, "Contributor", &cloud.at("g"));
    let mut body = of(json!([]));
    let value = format!("[reference('{foreign}', '{MSI}').clientId]");
    body["properties"]["template"]["outputs"] = json!({"o": {"type": "string", "value": value}});
    let put = |who: &Person| cloud.call(who, Method::PUT, &path(&cloud, "d"), ARM, Some(body.clone()));
    let failed = put(&contributor).expect(201);
    assert_eq!(failed.body["properties"]["error"]["details"][0]["code"], "AuthorizationFailed", "{:#}", failed.body);
    assert!(failed.body["properties"].get("outputs").is_none());
    let read = put(&cloud.owner).expect(200);
    assert!(read.body["properties"]["outputs"]["o"]["value"].is_string(), "{:#}", read.body);
    // Neither does it reach another tenant.
    let other = format!(
        "/subscriptions/{}/resourceGroups/x/providers/Microsoft.Network/virtualNetworks/n",
        cloud.other_subscription
    );
    body["properties"]["template"]["outputs"]["o"]["value"] = json!(format!("[reference('{other}', '2022-01-01').x]"));
    let failed = cloud.put(&path(&cloud, "d"), ARM, body).expect(200);
    assert_eq!(
        failed.body["properties"]["error"]["details"][0]["code"], "InvalidAuthenticationTokenTenant",
        "{:#}",
        failed.body
    );
}
