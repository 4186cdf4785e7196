//! Client assertions at the token endpoint: the fuzzer writes header and claims, which are then signed, or the whole
//! assertion. A token is given only for claims of the client itself.
#![no_main]

use bonafide_fuzz::{in_a_world, must_not_fail, request, with};
use bonafide_testkit::sign_as_client;
use http::{Method, StatusCode};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fuzz_target!(|text: &str| {
    in_a_world(|world| {
        let operator = &world.cloud.home.operator;
        let mut own = world.cloud.client_claims(operator);
        let assertion = match text.split_once('\n') {
            Some((header, claims)) => {
                let (Ok(header), Ok(Value::Object(claims))) =
                    (serde_json::from_str(header), serde_json::from_str(claims))
                else {
                    return;
                };
                own.as_object_mut().expect("claims are an object").extend(claims);
                sign_as_client(&header, &own)
            }
            None => text.to_owned(),
        };
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("scope", "https://management.azure.com/.default"),
            ("client_id", &operator.client.to_string()),
            ("client_assertion", &assertion),
        ];
        let encode = |value: &str| value.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let body: Vec<String> = form.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let target = format!("/{}/oauth2/v2.0/token", operator.tenant);
        let asked = request(Method::POST, &target, body.join("&"));
        let reply = must_not_fail(world.cloud.login(&with(asked, "content-type", "application/x-www-form-urlencoded")));
        if reply.status == StatusCode::OK {
            assert_eq!(own["iss"], json!(operator.client.to_string()));
            assert_eq!(own["sub"], own["iss"]);
        }
    });
});
