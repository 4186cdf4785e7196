//! Forms and queries: of any request to the token service.
#![no_main]

use bonafide_fuzz::{in_a_world, must_not_fail, request, with};
use bonafide_wire::Parameters;
use http::{Method, StatusCode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(parameters) = Parameters::parse(text) {
        for (name, value) in parameters.iter() {
            assert_eq!(parameters.get(name), Some(value), "{name} occurs once");
        }
    }
    in_a_world(|world| {
        let tenant = world.cloud.home.tenant;
        for version in ["", "/v2.0"] {
            let asked = request(Method::POST, &format!("/{tenant}/oauth2{version}/token"), text.to_owned());
            let asked = with(asked, "content-type", "application/x-www-form-urlencoded");
            let reply = must_not_fail(world.cloud.login(&asked));
            assert_ne!(reply.status, StatusCode::OK, "nobody proved who they are: {text}");
        }
        let query: String = text.chars().filter(char::is_ascii_graphic).collect();
        let target = format!("/common/discovery/instance?{query}");
        must_not_fail(world.cloud.login(&request(Method::GET, &target, "")));
    });
});
