//! Templates of deployments, as `validate` and PUT take them.
#![no_main]

use bonafide_fuzz::{in_a_world, manage};
use http::Method;
use libfuzzer_sys::fuzz_target;

/// The start of a template, so that the fuzzer need not find it.
const START: &str = r#"{"properties":{"mode":"Incremental","template":{"$schema":"https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#","contentVersion":"1.0.0.0","#;

// An input is the rest of a template, or one expression where it begins with a bracket.
fuzz_target!(|text: &str| {
    let rest = match text.strip_prefix('[') {
        Some(expression) => {
            let value = serde_json::to_string(&format!("[{expression}]")).expect("a text has a JSON form");
            format!(r#""resources":[],"outputs":{{"o":{{"type":"string","value":{value}}}}}"#)
        }
        None => text.to_owned(),
    };
    let body = format!("{START}{rest}}}}}}}");
    in_a_world(|world| {
        let group = format!("{}/resourceGroups/g", world.cloud.home.root());
        let path = format!("{group}/providers/Microsoft.Resources/deployments/d");
        manage(world, Method::POST, &format!("{path}/validate?api-version=2024-11-01"), body.clone());
        manage(world, Method::PUT, &format!("{path}?api-version=2024-11-01"), body);
    });
});
