//! The part of the language that is served is as Microsoft's engine has it, and the rest is refused. `oracle/` holds results
//! that the deployments engine 1.812.0 of Bicep CLI 0.49.2 printed.

#![allow(clippy::unwrap_used)]

use bonafide_template::{Context, Group, Plan, Runtime, Subscription, TemplateError, plan};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A deployment that has nothing to read.
struct Nothing;

impl Runtime for Nothing {
    type Error = TemplateErrorOrOpen;

    fn resource(&mut self, _: &str, _: Option<&str>) -> Result<Value, Self::Error> {
        Err(TemplateErrorOrOpen::Open)
    }

    fn provider(&mut self, _: &str, _: Option<&str>) -> Result<Value, Self::Error> {
        Err(TemplateErrorOrOpen::Open)
    }
}

#[derive(Debug)]
enum TemplateErrorOrOpen {
    Refused(TemplateError),
    Open,
}

impl From<TemplateError> for TemplateErrorOrOpen {
    fn from(error: TemplateError) -> Self {
        Self::Refused(error)
    }
}

fn context() -> Context {
    Context {
        tenant: "aaaaaaaa-1111-4222-8333-bbbbbbbbbbbb".to_owned(),
        subscription: Subscription {
            id: "11111111-2222-4333-8444-555555555555".to_owned(),
            display_name: "oracle".to_owned(),
        },
        group: Group {
            name: "oracle-rg".to_owned(),
            location: "westeurope".to_owned(),
            tags: Map::new(),
            managed_by: None,
        },
    }
}

fn planned(template: &Value, parameters: &Value) -> Result<Plan, TemplateError> {
    let none = Map::new();
    plan(template.as_object().unwrap(), parameters.as_object().unwrap_or(&none), &context())
}

/// The texts between quotes.
fn quoted(message: &str) -> Vec<&str> {
    message.split('\'').skip(1).step_by(2).collect()
}

#[test]
fn expressions_are_what_the_engine_makes_of_them() {
    let mut wrong = Vec::new();
    for line in include_str!("oracle/functions.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let section = |name: &str| case.get(name).cloned().unwrap_or_else(|| json!({}));
        let template = json!({
            "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
            "contentVersion": "1.0.0.0",
            "parameters": section("parameters"),
            "variables": section("variables"),
            "resources": [],
            "outputs": { "o": { "type": "object", "value": { "v": case["expression"] } } },
        });
        let result = planned(&template, &Value::Null).map_err(TemplateErrorOrOpen::Refused);
        let result = result.and_then(|plan| plan.outputs[0].finish(&mut Nothing));
        let is_right = match (&result, case.get("value"), case.get("error")) {
            (Ok((_, Some(value))), Some(wanted), None) => value["v"] == *wanted,
            // The engine shows in a plain output what a secure parameter has; here it is shown to nobody.
            (Ok((_, None)), Some(_), None) => section("parameters").to_string().to_lowercase().contains("\"secure"),
            (Err(TemplateErrorOrOpen::Refused(error)), None, Some(wanted)) => {
                let text = error.to_string();
                let wanted = wanted["message"].as_str().unwrap();
                text.contains(wanted) || quoted(wanted).iter().all(|word| text.contains(word))
            }
            // Names of what the template does not have are refused before anything is asked.
            (Err(_), None, None) => case.get("runtime").is_some(),
            (Ok(_), None, None) => false,
            _ => false,
        };
        if !is_right {
            wrong.push(format!("{}: {result:?}", case["id"]));
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_template_is_planned_as_the_engine_plans_it_or_refused() {
    let (mut wrong, mut accepted) = (Vec::new(), 0);
    for line in include_str!("oracle/language.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let expected = &case["expected"];
        let is_decided = expected.get("unchecked").is_none();
        match planned(&case["template"], &case["parameters"]) {
            Err(_) => {}
            Ok(_) if !is_decided => {}
            Ok(plan) if expected.get("error").is_some() => {
                let ends_well = plan.outputs.iter().all(|output| output.finish(&mut Nothing).is_ok());
                if ends_well {
                    wrong.push(format!("{}: accepted, {}", case["name"], expected["error"]["message"]));
                }
            }
            Ok(plan) => {
                accepted += 1;
                let found: BTreeMap<String, Value> = plan.resources.iter().map(shown).collect();
                let items = expected["predictedResources"].as_array().unwrap();
                let wanted: BTreeMap<String, Value> =
                    items.iter().map(|item| (item["id"].as_str().unwrap().to_owned(), item.clone())).collect();
                for (id, wanted) in &wanted {
                    match found.get(id) {
                        Some(found) if found["open"] == true || found == wanted => {}
                        found => wrong.push(format!("{}: {found:?} is not {wanted}", case["name"])),
                    }
                }
                if wanted.len() != found.len() {
                    wrong.push(format!("{}: {} resources", case["name"], found.len()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {accepted}\n{}", wrong.len(), wrong.join("\n"));
    assert!(accepted >= 30, "{accepted} templates are served");
}

/// A planned resource in the form of the expected files.
fn shown(planned: &bonafide_template::Planned) -> (String, Value) {
    let head =
        json!({ "id": planned.id, "type": planned.type_name, "name": planned.name, "apiVersion": planned.api_version });
    let Ok(body) = planned.body.finish(&mut Nothing) else { return (planned.id.clone(), json!({ "open": true })) };
    let mut whole = head;
    for (name, value) in body.as_object().unwrap() {
        whole[name] = value.clone();
    }
    (planned.id.clone(), whole)
}
