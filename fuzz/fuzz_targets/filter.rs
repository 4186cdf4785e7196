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

/// Lists that take a filter, below a subscription or at the directory's root.
const LISTS: [&str; 8] = [
    "/resources?api-version=2021-04-01&",
    "/resourceGroups?api-version=2021-04-01&",
    "/providers/Microsoft.Authorization/roleAssignments?api-version=2022-04-01&",
    "/providers/Microsoft.Authorization/roleDefinitions?api-version=2022-04-01&",
    "/providers/Microsoft.Authorization/locks?api-version=2016-09-01&",
    "/v1.0/servicePrincipals?",
    "/v1.0/users?",
    "/beta/servicePrincipals?",
];
const OF_DIRECTORY: usize = 5;

// The first letter chooses the list, and whether the rest is a filter or a whole query.
fuzz_target!(|text: &str| {
    let mut letters = text.chars();
    let Some(choice) = letters.next().map(|letter| letter as usize) else { return };
    let which = choice % LISTS.len();
    let query: String = match choice / LISTS.len() % 2 {
        0 => format!("$filter={}", letters.as_str().bytes().map(|byte| format!("%{byte:02X}")).collect::<String>()),
        _ => letters.filter(|letter| letter.is_ascii_graphic() && *letter != '#').collect(),
    };
    in_a_world(|world| {
        if which < OF_DIRECTORY {
            manage(world, Method::GET, &format!("{}{}{query}", world.cloud.home.root(), LISTS[which]), "");
            return;
        }
        let token = OF_GRAPH.with_borrow_mut(|token| {
            let made = || world.cloud.token(&world.cloud.home.operator, GRAPH);
            token.get_or_insert_with(|| HeaderValue::from_str(&format!("Bearer {}", made())).expect("a token")).clone()
        });
        let mut asked = by_operator(request(Method::GET, &format!("{}{query}", LISTS[which]), ""), world);
        asked.headers.insert(AUTHORIZATION, token);
        must_not_fail(world.cloud.graph(&asked));
    });
});
