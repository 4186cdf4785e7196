//! The deepest template needs half of a thread's stack at most, in a debug build too: a stack that overflows ends the process.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use bonafide_template::{Context, Group, Plan, PlannedOutput, Subscription, TemplateError, plan};
use serde_json::{Map, Value, json};

/// Half of what a thread has. Source: ours; `std::thread` gives 2 MiB.
const STACK_BYTES: usize = 1024 * 1024;

fn on_a_small_stack<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new().stack_size(STACK_BYTES).spawn(run).unwrap().join().unwrap()
}

fn planned(variables: Map<String, Value>, output: &Value) -> Result<Plan, TemplateError> {
    let template = json!({
        "$schema": "https://schema.management.azure.com/schemas/2015-01-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "variables": variables,
        "resources": [],
        "outputs": { "o": { "type": "object", "value": output } },
    });
    let context = Context {
        tenant: "t".to_owned(),
        subscription: Subscription { id: "s".to_owned(), display_name: "d".to_owned() },
        group: Group { name: "g".to_owned(), location: "l".to_owned(), tags: Map::new(), managed_by: None },
    };
    plan(template.as_object().unwrap(), &Map::new(), &context)
}

/// `v0` to `v{length}`, each of which is made of the next one.
fn chain(length: usize, link: fn(&str) -> Value, last: Value) -> Map<String, Value> {
    let mut variables: Map<String, Value> =
        (0..length).map(|n| (format!("v{n}"), link(&format!("variables('v{}')", n + 1)))).collect();
    variables.insert(format!("v{length}"), last);
    variables
}

fn wrapped(mut value: Value, times: usize, wrap: fn(Value) -> Value) -> Value {
    for _ in 0..times {
        value = wrap(value);
    }
    value
}

fn nested(depth: usize, inside: &str) -> String {
    format!("[{}{inside}{}]", "concat(".repeat(depth), ")".repeat(depth))
}

const LINKS: [fn(&str) -> Value; 7] = [
    |next| json!(format!("[{next}]")),
    |next| wrapped(json!(format!("[{next}]")), 3, |value| json!({ "a": value })),
    |next| wrapped(json!(format!("[{next}]")), 27, |value| json!({ "a": value })),
    |next| wrapped(json!(format!("[{next}]")), 27, |value| json!([value])),
    |next| json!({ format!("[concat('a', {next}.a)]"): 1 }),
    |next| json!(nested(20, next)),
    |next| json!(format!("[resourceGroup()[{next}]]")),
];

#[test]
fn a_chain_of_variables_is_refused_before_it_fills_the_stack_whatever_its_links_are() {
    for (at, link) in LINKS.into_iter().enumerate() {
        for length in [59, 60, 61, 62, 63, 126, 400] {
            let refused = on_a_small_stack(move || {
                planned(chain(length, link, json!("x")), &json!({})).map(|_| ()).map_err(|error| error.to_string())
            });
            assert!(length < 100 || matches!(&refused, Err(why) if why.contains("deep")), "{at} {length} {refused:?}");
        }
    }
}

#[test]
fn the_deepest_expression_and_the_deepest_value_are_read_where_the_evaluation_is_deepest() {
    let made = on_a_small_stack(|| {
        // Values of 124 levels, made before the chain is.
        let mut variables = Map::new();
        variables.insert("d0".to_owned(), wrapped(json!("x"), 31, |value| json!({ "a": value })));
        for n in 1..4 {
            let before = json!(format!("[variables('d{}')]", n - 1));
            variables.insert(format!("d{n}"), wrapped(before, 31, |value| json!({ "a": value })));
        }
        let last = json!(format!("[variables('d3').a.{}]", ["a"; 100].join(".")));
        variables.extend(chain(60, LINKS[0], last));
        planned(variables, &json!({})).map(|_| ()).map_err(|error| error.to_string())
    });
    assert_eq!(made, Ok(()));
    let refused = on_a_small_stack(|| {
        let last = json!(nested(127, "'x'"));
        planned(chain(60, LINKS[0], last), &json!({})).map(|_| ()).map_err(|error| error.to_string())
    });
    assert!(refused.unwrap_err().contains("deep"));
}

#[test]
fn what_is_left_of_the_deepest_template_is_copied_compared_stored_and_dropped() {
    on_a_small_stack(|| {
        let mut variables = Map::new();
        variables.insert("d0".to_owned(), wrapped(json!("x"), 31, |value| json!([value])));
        let again = wrapped(json!("[variables('d0')]"), 31, |value| json!([value]));
        variables.insert("d1".to_owned(), again);
        let open = nested(126, "reference('/a', '2020-01-01').x");
        let steps = format!(
            "[reference('/a', '2020-01-01'){}]",
            "[reference('/b', '2020-01-01').x".repeat(100) + &"]".repeat(100)
        );
        let with_value = nested(60, "variables('d1'), reference('/a', '2020-01-01').x");
        for inside in ["[variables('d0')]", &open, &steps, &with_value] {
            let output = wrapped(json!(inside), 27, |value| json!({ "a": value }));
            let plan = planned(variables.clone(), &output).unwrap();
            let copy = plan.outputs.clone();
            assert!(copy == plan.outputs && !format!("{copy:?}").is_empty());
            let stored = serde_json::to_vec(&copy).unwrap();
            assert!(copy == serde_json::from_slice::<Vec<PlannedOutput>>(&stored).unwrap(), "{inside}");
        }
        // A value that no row could hold is refused while somebody waits for the answer.
        let deeper = wrapped(json!("[variables('d1')]"), 3, |value| json!([value]));
        variables.insert("d2".to_owned(), deeper);
        for inside in ["[variables('d2')]", &nested(2, "variables('d2'), reference('/a', '2020-01-01').x")] {
            let refused = planned(variables.clone(), &json!([inside])).map(|_| ()).unwrap_err().to_string();
            assert!(refused.contains("output 'o' has a value that is nested more than 64 deep"), "{refused}");
        }
    });
}
