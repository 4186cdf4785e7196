//! `api-version`, of the resource manager and of the metadata service.
#![no_main]

use bonafide_fuzz::{in_a_world, manage, must_not_fail, request, with};
use bonafide_testkit::Ask;
use bonafide_types::ApiVersion;
use http::Method;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(version) = text.parse::<ApiVersion>() {
        assert_eq!(version.as_str().parse::<ApiVersion>().expect("a version that was read is one"), version);
        assert!(version.at_least(version.date()));
    }
    let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    in_a_world(|world| {
        manage(world, Method::GET, &format!("{}/resourceGroups?api-version={encoded}", world.cloud.home.root()), "");
        manage(world, Method::GET, &format!("{}?api-version={encoded}", world.machine.id), "");
        let target = format!("/metadata/identity/info?api-version={encoded}");
        let ask = Ask::new("GET", &target).header("host", "169.254.169.254").header("metadata", "true");
        must_not_fail(world.cloud.metadata(&world.cloud.imds(&world.machine), &ask));
        let asked = with(request(Method::GET, "/subscriptions", ""), "x-ms-version", &encoded);
        must_not_fail(world.cloud.management(&asked));
    });
});
