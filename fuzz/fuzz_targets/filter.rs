//! `$filter`, `$top`, `$skipToken` and the like, of the lists of the resource manager and of the directory.
#![no_main]

use bonafide_fuzz::{by_operator, in_a_world, manage, must_not_fail, request};
use bonafide_testkit::GRAPH;
use http::Method;
use http::header::{AUTHORIZATION, HeaderValue};
use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;

thread_local! {
    static OF_GRAPH: RefCell<Option<HeaderValue>> = const { RefCell::new(None) };
}

fuzz_target!(|text: &str| {
    let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    // As a filter, and as a whole query.
    let query: String = text.chars().filter(|letter| letter.is_ascii_graphic() && *letter != '#').collect();
    in_a_world(|world| {
        let root = world.cloud.home.root();
        for list in [
            format!("{root}/resources?api-version=2021-04-01&"),
            format!("{root}/resourceGroups?api-version=2021-04-01&"),
            format!("{root}/providers/Microsoft.Authorization/roleAssignments?api-version=2022-04-01&"),
            format!("{root}/providers/Microsoft.Authorization/roleDefinitions?api-version=2022-04-01&"),
            format!("{root}/providers/Microsoft.Authorization/locks?api-version=2016-09-01&"),
        ] {
            manage(world, Method::GET, &format!("{list}$filter={encoded}"), "");
            manage(world, Method::GET, &format!("{list}{query}"), "");
        }
        let token = OF_GRAPH.with_borrow_mut(|token| {
            let made = || world.cloud.token(&world.cloud.home.operator, GRAPH);
            token.get_or_insert_with(|| HeaderValue::from_str(&format!("Bearer {}", made())).expect("a token")).clone()
        });
        for target in [
            format!("/v1.0/servicePrincipals?$filter={encoded}"),
            format!("/v1.0/servicePrincipals?{query}"),
            format!("/beta/users?$filter={encoded}"),
        ] {
            let mut asked = by_operator(request(Method::GET, &target, ""), world);
            asked.headers.insert(AUTHORIZATION, token.clone());
            must_not_fail(world.cloud.graph(&asked));
        }
    });
});
