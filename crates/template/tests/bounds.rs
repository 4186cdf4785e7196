//! Nothing that a template says takes more than its share of time, memory or stack.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use bonafide_template::{
    Context, Group, PARAMETERS_MAX, Plan, RESOURCES_MAX, Runtime, Subscription, TemplateError, plan,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::time::Instant;

fn context() -> Context {
    Context {
        tenant: "t".to_owned(),
        subscription: Subscription { id: "s".to_owned(), display_name: "d".to_owned() },
        group: Group { name: "g".to_owned(), location: "l".to_owned(), tags: Map::new(), managed_by: None },
    }
}

fn template(sections: Value) -> Result<Plan, TemplateError> {
    let mut whole = json!({
        "$schema": "https://schema.management.azure.com/schemas/2015-01-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": [],
    });
    for (name, value) in sections.as_object().unwrap() {
        whole[name] = value.clone();
    }
    plan(whole.as_object().unwrap(), &Map::new(), &context())
}

fn resource(name: &str, depends_on: Value) -> Value {
    json!({"type": "A.B/c", "apiVersion": "2020-01-01", "name": name, "dependsOn": depends_on})
}

#[test]
fn calls_may_be_nested_a_hundred_deep_and_no_deeper_than_the_limit() {
    let nested = |depth: usize| format!("[{}'x'{}]", "concat(".repeat(depth), ")".repeat(depth));
    let output = |depth| json!({"outputs": {"o": {"type": "string", "value": nested(depth)}}});
    template(output(100)).unwrap();
    assert!(template(output(3_000)).unwrap_err().to_string().contains("128 deep"));
}

#[test]
fn variables_that_name_each_other_are_bounded_as_nested_calls_are() {
    let chain = |length: usize| {
        let one = |n: usize| (format!("v{n}"), json!(format!("[variables('v{}')]", n + 1)));
        let mut variables: Map<String, Value> = (0..length).map(one).collect();
        variables.insert(format!("v{length}"), json!("x"));
        template(json!({ "variables": variables }))
    };
    chain(60).unwrap();
    assert!(chain(500).unwrap_err().to_string().contains("192 deep"));
}

#[test]
fn a_text_that_doubles_itself_is_refused_before_it_fills_the_memory() {
    let mut variables = Map::new();
    variables.insert("v0".to_owned(), json!("x".repeat(1024)));
    for n in 1..64 {
        variables.insert(format!("v{n}"), json!(format!("[concat(variables('v{0}'), variables('v{0}'))]", n - 1)));
    }
    let begun = Instant::now();
    assert!(template(json!({ "variables": variables })).unwrap_err().to_string().contains("bytes"));
    assert!(begun.elapsed().as_secs() < 5);
}

#[test]
fn a_value_that_nests_itself_is_refused_before_it_fills_the_stack() {
    let mut variables = Map::new();
    let mut value = json!("x");
    for _ in 0..20 {
        value = json!([value]);
    }
    variables.insert("v0".to_owned(), value);
    for n in 1..100 {
        let mut value = json!(format!("[variables('v{}')]", n - 1));
        for _ in 0..20 {
            value = json!([value]);
        }
        variables.insert(format!("v{n}"), value);
    }
    assert!(template(json!({ "variables": variables })).is_err());
}

#[test]
fn the_most_resources_with_the_most_dependencies_are_ordered_at_once() {
    let many: Vec<Value> = (0..RESOURCES_MAX)
        .rev()
        .map(|n| resource(&format!("r{n}"), (n.saturating_sub(20)..n).map(|n| json!(format!("A.B/c/r{n}"))).collect()))
        .collect();
    let begun = Instant::now();
    let plan = template(json!({ "resources": many })).unwrap();
    assert_eq!((plan.resources.len(), &*plan.resources[0].name), (RESOURCES_MAX, "r0"));
    assert!(begun.elapsed().as_secs() < 5);
    let more: Vec<Value> = (0..=RESOURCES_MAX).map(|n| resource(&format!("r{n}"), json!([]))).collect();
    assert!(template(json!({ "resources": more })).unwrap_err().to_string().contains("800"));
}

#[test]
fn a_circle_of_dependencies_is_refused_whatever_they_are_made_of() {
    let circles = [
        json!([resource("a", json!(["b"])), resource("b", json!(["[resourceId('A.B/c', 'a')]"]))]),
        json!([resource("a", json!(["A.B/C/A"]))]),
        json!([{"type": "A.B/c", "apiVersion": "2020-01-01", "name": "a", "properties": {"x": "[reference('a').y]"}}]),
    ];
    for circle in circles {
        let refused = template(json!({ "resources": circle })).unwrap_err().to_string();
        assert!(refused.contains("Circular dependency"), "{refused}");
    }
}

#[test]
fn what_is_named_twice_or_not_at_all_is_refused() {
    let refused = |resources: Value| template(json!({ "resources": resources })).unwrap_err().to_string();
    assert!(refused(json!([resource("a", json!([])), resource("A", json!([]))])).contains("multiple times"));
    assert!(refused(json!([resource("a", json!(["x"]))])).contains("not defined in the template"));
    let other = json!({"type": "A.B/d", "apiVersion": "2020-01-01", "name": "a"});
    assert!(refused(json!([resource("a", json!([])), other, resource("b", json!(["a"]))])).contains("several"));
}

#[test]
fn more_parameters_than_the_limit_are_refused() {
    let many: Map<String, Value> =
        (0..=PARAMETERS_MAX).map(|n| (format!("p{n}"), json!({"type": "int", "defaultValue": 1}))).collect();
    assert!(template(json!({ "parameters": many })).unwrap_err().to_string().contains("256"));
}

#[test]
fn a_secure_parameter_is_shown_without_its_value() {
    let plan = template(json!({
        "parameters": { "p": {"type": "secureString", "defaultValue": "s3cret"}, "q": {"type": "string", "defaultValue": "open"} },
    }))
    .unwrap();
    assert_eq!(plan.parameters[0].value, None);
    assert_eq!(plan.parameters[1].value, Some(json!("open")));
}

/// A value with a number of levels, made of a chain of object parameters of 21 levels each.
fn chained(levels: usize) -> Value {
    let wrapped = |inside: Value, levels: usize| (0..levels).fold(inside, |value, _| json!({ "a": value }));
    let mut parameters = Map::new();
    let (mut left, mut n) = (levels, 0);
    while left > 21 {
        let inside = json!(format!("[parameters('p{}')]", n + 1));
        parameters.insert(format!("p{n}"), json!({"type": "object", "defaultValue": wrapped(inside, 21)}));
        (left, n) = (left - 21, n + 1);
    }
    parameters.insert(format!("p{n}"), json!({"type": "object", "defaultValue": wrapped(json!("x"), left)}));
    parameters.into()
}

#[test]
fn a_parameter_is_nested_no_deeper_than_a_row_can_hold() {
    template(json!({ "parameters": chained(64) })).unwrap();
    for levels in [65, 126, 140] {
        let refused = template(json!({ "parameters": chained(levels) })).unwrap_err().to_string();
        assert!(refused.contains("nested more than"), "{refused}");
    }
}

struct Nothing;

impl Runtime for Nothing {
    type Error = TemplateError;

    fn resource(&mut self, _: &str, _: Option<&str>) -> Result<Value, TemplateError> {
        Ok(json!({ "properties": (0..90).fold(json!("x"), |value, _| json!([value])) }))
    }

    fn provider(&mut self, _: &str, _: Option<&str>) -> Result<Value, TemplateError> {
        Ok(Value::Null)
    }
}

#[test]
fn an_output_is_nested_no_deeper_than_a_row_can_hold() {
    let plan = template(json!({
        "outputs": {"o": {"type": "array", "value": "[reference('/subscriptions/s/resourceGroups/g/providers/A.B/c/d', '2020-01-01')]"}},
    }))
    .unwrap();
    assert!(
        plan.outputs[0].finish(&mut Nothing).unwrap_err().to_string().contains("output 'o' is nested more than 64")
    );
}

#[test]
fn parameters_of_more_bytes_than_a_row_can_hold_are_refused() {
    let large = json!({"p": {"type": "string", "defaultValue": "x".repeat(400 * 1024)}});
    assert!(template(json!({ "parameters": large })).unwrap_err().to_string().contains("more than 393216 bytes"));
}

#[test]
fn tn_14_what_is_made_of_a_secure_parameter_is_secure() {
    let declared = json!({
        "s": {"type": "secureObject", "defaultValue": {"pin": 1234, "word": "s3cret"}},
        "direct": {"type": "int", "defaultValue": "[Parameters('S').pin]"},
        "chained": {"type": "string", "defaultValue": "[concat('x', variables('v'))]"},
        "computed": {"type": "string", "defaultValue": "[parameters(concat('', 's')).word]"},
        "named": {"type": "object", "defaultValue": {"[parameters('s').word]": 1}},
        "plain": {"type": "string", "defaultValue": "[concat('a', 'parameters(''s'')')]"},
    });
    let body = |value: &str| json!({"type": "A.B/c", "apiVersion": "2020-01-01", "name": value.len().to_string(), "properties": {"x": value}});
    let output = |value: &str| json!({"type": "string", "value": value});
    let plan = template(json!({
        "parameters": declared,
        "variables": {"v": "[parameters('s').word]", "w": "plain"},
        "resources": [body("[parameters('chained')]"), body("[variables('w')]"), body("x")],
        "outputs": {"a": output("[concat(variables('v'), '')]"), "b": output("[parameters('plain')]")},
    }))
    .unwrap();
    for parameter in &plan.parameters {
        assert_eq!(parameter.value.is_some(), parameter.name == "plain", "{}", parameter.name);
    }
    let uses: Vec<bool> = plan.resources.iter().map(|planned| planned.uses_secure).collect();
    assert_eq!(uses, [true, false, false]);
    assert_eq!(plan.outputs[0].finish(&mut Nothing).unwrap(), ("String", None));
    assert!(plan.outputs[1].finish(&mut Nothing).unwrap().1.is_some());
    let mut version = body("x");
    version["apiVersion"] = json!("[parameters('s').word]");
    let parameters = json!({"s": {"type": "secureObject", "defaultValue": {"word": "2020-01-01"}}});
    let refused = template(json!({ "parameters": parameters, "resources": [version] })).unwrap_err().to_string();
    assert!(refused.contains("apiVersion uses a secure parameter"), "{refused}");
}

proptest! {
    #[test]
    fn any_text_is_an_expression_or_a_refusal(text in "\\[[a-z0-9_.,()' \\[\\]+-]{0,60}\\]") {
        let _ = template(json!({"outputs": {"o": {"type": "string", "value": text}}}));
    }

    #[test]
    fn any_section_is_read_or_refused(name in "parameters|variables|resources|outputs|functions", value in any_json()) {
        let _ = template(json!({ name: value }));
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z]{0,8}|\\[concat\\('a', [0-9]\\)\\]|\\[reference\\('a'\\)\\]".prop_map(Value::from),
    ];
    let name = "type|name|apiVersion|properties|value|defaultValue|copy|dependsOn|resources|[a-z]{1,4}";
    leaf.prop_recursive(4, 48, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((name, inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}
