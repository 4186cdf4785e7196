//! A template that makes much of little is refused before it fills the memory. One test, because it measures its process.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use bonafide_template::{Context, Group, Subscription, plan};
use serde_json::{Map, Value, json};

/// The limit of an evaluation, the template itself, and what the allocator and the test keep, in bytes.
const PEAK_BYTES_MAX: usize = (64 + 24) * 1024 * 1024;

/// The most memory that this process has had, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

fn refusal(sections: Value) -> String {
    let mut template = json!({
        "$schema": "https://schema.management.azure.com/schemas/2015-01-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": [],
    });
    for (name, value) in sections.as_object().unwrap() {
        template[name] = value.clone();
    }
    let context = Context {
        tenant: "t".to_owned(),
        subscription: Subscription { id: "s".to_owned(), display_name: "d".to_owned() },
        group: Group { name: "g".to_owned(), location: "l".to_owned(), tags: Map::new(), managed_by: None },
    };
    plan(template.as_object().unwrap(), &Map::new(), &context).unwrap_err().to_string()
}

/// 80 variables, each of which is ten times `b`, and outputs and resources that are.
fn copies(b: &Value, what: &Value, section: &str) -> Value {
    let ten = json!([what, what, what, what, what, what, what, what, what, what]);
    let mut variables = Map::new();
    variables.insert("b".to_owned(), b.clone());
    let mut resources = Vec::new();
    for n in 0..80 {
        if section == "variables" {
            variables.insert(format!("v{n}"), ten.clone());
        } else {
            resources.push(json!({
                "type": "A.B/c", "apiVersion": "2020-01-01", "name": format!("r{n}"), "properties": { "p": ten },
            }));
        }
    }
    json!({ "variables": variables, "resources": resources })
}

#[test]
fn no_template_takes_more_memory_than_the_limit_of_an_evaluation() {
    let copy = json!("[variables('b')]");
    let smalls = [json!({"": {}}), json!([]), json!(""), json!(1), json!({"": {"": 1, "b": 2}}), json!([[[[]]]])];
    let mut templates = Vec::new();
    for small in smalls {
        let b = Value::Array(vec![small; 4_000]);
        templates.push(copies(&b, &copy, "variables"));
        templates.push(copies(&b, &copy, "resources"));
        templates.push(copies(&b, &json!("[concat(variables('b'), variables('b'))]"), "resources"));
    }
    let wide: Map<String, Value> = (0..4_000).map(|n| (n.to_string(), json!({}))).collect();
    templates.push(copies(&wide.into(), &copy, "variables"));
    templates.push(copies(
        &"x".repeat(400_000).into(),
        &json!("[concat(variables('b'), variables('b'))]"),
        "variables",
    ));
    // A name that is long, and many times in an id and in the index.
    let named = |n: usize| json!({ "type": "A.B/c", "apiVersion": "2020-01-01", "name": format!("[concat(variables('b'), '{n}')]") });
    templates.push(
        json!({ "variables": { "b": "x".repeat(200_000) }, "resources": (0..800).map(named).collect::<Vec<_>>() }),
    );
    // Expressions of many small parts, one in another by way of variables.
    let parts =
        |n: usize| (format!("v{n}"), json!(format!("[concat(variables('v{}'),{}'')]", n + 1, "'',".repeat(8_000))));
    let mut variables: Map<String, Value> = (0..40).map(parts).collect();
    variables.insert("v40".to_owned(), json!("x"));
    templates.push(json!({ "variables": variables }));
    for template in templates {
        let refused = refusal(template);
        assert!(refused.contains("bytes of memory in all"), "{refused}");
        assert!(peak() < PEAK_BYTES_MAX, "{} bytes", peak());
    }
    // A short name that stands for a long id.
    let reads = vec![json!("[reference('a').x]"); 8_000];
    let long = format!("A.B/{}", "c".repeat(500_000));
    let refused = refusal(json!({ "resources": [
        { "type": long, "apiVersion": "2020-01-01", "name": "a" },
        { "type": "A.B/c", "apiVersion": "2020-01-01", "name": "b", "properties": { "p": reads } },
    ] }));
    assert!(refused.contains("bytes"), "{refused}");
    assert!(peak() < PEAK_BYTES_MAX, "{} bytes", peak());
}
