//! Deployments and the secrets that they are given.

use crate::cloud::{ARM, Cloud, VM};
use crate::deployments::{SECRET, deployment, identity, path, status_of, template};
use http::Method;
use serde_json::{Value, json};

/// Asserts that nothing that is stored repeats the secret.
pub fn assert_unstored(cloud: &Cloud) {
    for table in ["deployment", "deployment-part", "deployment-sealed", "operation", "resource", "role-assignment"] {
        let look = |_: &[u8], row: &mut Vec<u8>| {
            assert!(!String::from_utf8_lossy(row).contains(SECRET), "{table}");
        };
        cloud.store.tamper(table, look).unwrap();
    }
    let audit = cloud.store.audit(0, usize::MAX).unwrap();
    assert!(!format!("{audit:?}").contains(SECRET));
}

#[test]
fn tn_14_no_error_of_a_deployment_repeats_a_secret_or_a_part_of_one() {
    let cloud = Cloud::with_group();
    // An error repeats no more than the beginning of a long text.
    let long = format!("no/place/{}", "x".repeat(200));
    for (n, secret) in [json!("no/place"), json!(long), json!({"place": 8_675_309})].into_iter().enumerate() {
        let (type_name, value) = match &secret {
            Value::Object(_) => ("secureObject", "[parameters('p').place]"),
            _ => ("secureString", "[parameters('p')]"),
        };
        let mut template = template(json!([{
            "type": "Microsoft.Compute/virtualMachines", "apiVersion": VM, "name": "vm1", "location": value,
        }]));
        template["parameters"] = json!({ "p": { "type": type_name } });
        let name = format!("d{n}");
        let answer =
            cloud.put(&path(&cloud, &name), ARM, deployment(template, json!({"p": {"value": secret}}))).expect(201);
        let poll = cloud.get(&status_of(&answer), "").expect(200);
        assert_eq!(poll.body["status"], "Failed");
        let cause = &poll.body["error"]["details"][0];
        let told = "The resource 'vm1' uses a secure value. Of the error that it failed with, only the code is kept.";
        assert_eq!(cause["message"], told, "{cause:#}");
        assert_ne!(cause["code"], Value::Null);
        let operations = cloud.get(&format!("{}/operations", path(&cloud, &name)), ARM).expect(200).body.to_string();
        for text in [poll.body.to_string(), operations] {
            assert!(!text.contains("no/place") && !text.contains("8675309"), "{text}");
        }
    }
}

#[test]
fn tn_14_many_secrets_of_one_character_do_not_make_an_error_longer() {
    let cloud = Cloud::with_group();
    let mut template = template(json!([{
        "type": "Microsoft.Compute/virtualMachines", "apiVersion": VM, "name": "vm1", "location": "*/*",
    }]));
    let names = (0..15).map(|n| format!("p{n}"));
    template["parameters"] = names.map(|name| (name, json!({"type": "secureString", "defaultValue": "*"}))).collect();
    let answer = cloud.put(&path(&cloud, "d"), ARM, deployment(template, json!({}))).expect(201);
    let poll = cloud.get(&status_of(&answer), "").expect(200);
    assert_eq!(poll.body["status"], "Failed");
    assert!(poll.body.to_string().len() < 4_096);
    cloud.advance_all().unwrap();
}

#[test]
fn tn_14_an_output_and_a_default_that_are_made_of_a_secret_are_shown_without_it() {
    let cloud = Cloud::with_group();
    let mut template = template(json!([identity("id1", json!([]))]));
    template["parameters"] = json!({
        "secret": {"type": "secureString"},
        "derived": {"type": "string", "defaultValue": "[concat('x', parameters('secret'))]"},
    });
    template["variables"] = json!({"v": "[parameters('derived')]"});
    template["outputs"] = json!({
        "o": {"type": "string", "value": "[variables('v')]"},
        "open": {"type": "string", "value": "[resourceGroup().name]"},
    });
    let body = deployment(template, json!({"secret": {"value": SECRET}}));
    let validate = format!("{}/validate", path(&cloud, "d"));
    let valid = cloud.call(&cloud.owner, Method::POST, &validate, ARM, Some(body.clone())).expect(200);
    let made = cloud.put(&path(&cloud, "d"), ARM, body).expect(201);
    assert_eq!(made.body["properties"]["provisioningState"], "Succeeded", "{:#}", made.body);
    assert_eq!(made.body["properties"]["outputs"]["o"], json!({"type": "String"}));
    assert_eq!(made.body["properties"]["outputs"]["open"], json!({"type": "String", "value": "g"}));
    assert_eq!(made.body["properties"]["parameters"]["derived"], json!({"type": "String"}));
    for body in [valid.body, made.body] {
        assert!(!body.to_string().contains(SECRET), "{body:#}");
    }
    assert_unstored(&cloud);
}
