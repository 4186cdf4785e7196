//! The directory in the form of Microsoft Graph, with more service principals than one page has.

#![allow(clippy::unwrap_used, reason = "a test may insist")]

use bonafide_core::directory::create_application;
use bonafide_core::names::Names;
use bonafide_testkit::{Answer, Ask, Cloud, GRAPH, ORIGIN, Person};
use bonafide_types::TenantId;
use bonafide_wire::{Outcome, Surface, Unserved};
use serde_json::Value;
use std::collections::BTreeSet;

/// More than two pages of a filter read (5,000 rows each).
const MANY: usize = 10_050;
/// Rows written in one transaction.
const ROWS_AT_ONCE: usize = 500;

fn get(cloud: &Cloud, person: &Person, target: &str) -> Answer {
    let ask = Ask::new("GET", target).bearer(&cloud.token(person, GRAPH)).header("consistencylevel", "eventual");
    cloud.graph(ask.request()).into()
}

fn add(cloud: &Cloud, tenant: TenantId, count: usize, name: &str) {
    for first in (0..count).step_by(ROWS_AT_ONCE) {
        cloud.change(|tx| {
            for _ in first..count.min(first + ROWS_AT_ONCE) {
                create_application(tx, &cloud.world(), tenant, name)?;
            }
            Ok(())
        });
    }
}

/// Every page of a list, as clients follow the links.
fn pages(cloud: &Cloud, person: &Person, target: &str) -> Vec<Answer> {
    let mut pages = vec![get(cloud, person, target).expect(200)];
    while let Some(next) = pages.last().unwrap().body["@odata.nextLink"].as_str() {
        let target = next.strip_prefix(ORIGIN).unwrap().to_owned();
        pages.push(get(cloud, person, &target).expect(200));
        assert!(pages.len() < 100, "{target}");
    }
    pages
}

fn ids(pages: &[Answer]) -> Vec<&str> {
    let items = pages.iter().flat_map(|page| page.body["value"].as_array().unwrap());
    items.map(|item| item["id"].as_str().unwrap()).collect()
}

#[test]
fn np_09_a_large_directory_comes_in_bounded_pages_each_object_once() {
    let cloud = Cloud::new();
    let operator = &cloud.home.operator;
    add(&cloud, cloud.home.tenant, MANY, "many");
    let whole = pages(&cloud, operator, "/v1.0/servicePrincipals?$select=id&$top=999&$count=true");
    assert_eq!(whole.len(), (MANY + 1).div_ceil(999));
    assert!(whole.iter().all(|page| page.body["@odata.count"] == MANY + 1));
    let (found, distinct) = (ids(&whole), ids(&whole).into_iter().collect::<BTreeSet<_>>());
    assert_eq!((found.len(), distinct.len()), (MANY + 1, MANY + 1));

    // Nothing passes this filter: pages that read their share of rows and are empty.
    let none = pages(&cloud, operator, "/v1.0/servicePrincipals?$filter=displayName%20eq%20'nobody'&$count=true");
    assert_eq!((none.len(), ids(&none).len()), (3, 0));
    assert!(none.iter().all(|page| page.body.get("@odata.count").is_none()), "nobody knows yet how many there are");
    // One passes it, wherever it is.
    let one = pages(&cloud, operator, "/v1.0/servicePrincipals?$filter=startswith(displayName,'operator')");
    assert_eq!(ids(&one), [operator.principal.to_string()]);
    // A name that an index has takes one page.
    let target = format!("/v1.0/servicePrincipals?$filter=appId%20eq%20'{}'&$count=true", operator.client);
    let indexed = pages(&cloud, operator, &target);
    assert_eq!((indexed.len(), &indexed[0].body["@odata.count"]), (1, &Value::from(1)));
}

#[test]
fn tn_01_no_page_count_or_link_tells_of_another_tenant() {
    let cloud = Cloud::new();
    let other = cloud.second_tenant();
    add(&cloud, other.tenant, 6_000, "shared name");
    add(&cloud, cloud.home.tenant, 3, "shared name");
    for query in ["$count=true", "$filter=displayName%20eq%20'shared%20name'&$count=true", "$top=1&$count=true"] {
        let own = pages(&cloud, &cloud.home.operator, &format!("/v1.0/servicePrincipals?$select=id&{query}"));
        let total = if query.contains("filter") { 3 } else { 4 };
        assert_eq!((ids(&own).len(), &own[0].body["@odata.count"]), (total, &Value::from(total)), "{query}");
        let visible: BTreeSet<String> = ids(&own).into_iter().map(str::to_owned).collect();
        for link in own.iter().filter_map(|page| page.body["@odata.nextLink"].as_str()) {
            let (_, token) = link.rsplit_once("skiptoken=").unwrap();
            assert!(visible.contains(token), "{link}");
        }
    }
}

#[test]
fn a_view_that_is_too_old_decides_nothing_and_what_the_shell_refuses_has_a_body() {
    let cloud = Cloud::new();
    let (names, view) = (Names::new(ORIGIN).unwrap(), cloud.view());
    let cx = bonafide_graph::Cx {
        endpoint: ORIGIN,
        authority: &names.authority,
        audiences: &names.graph,
        known: &names.audiences,
        pepper: &cloud.login.pepper,
        view: &view,
        view_age_seconds: 31,
        store: &cloud.store,
        log_file: Some("/var/log/x"),
        world: cloud.world(),
    };
    let ask = Ask::new("GET", "/v1.0/servicePrincipals").bearer(&cloud.token(&cloud.home.operator, GRAPH));
    let Outcome::Answer(answer) = cx.handle(ask.request());
    let answer: Answer = answer.reply.into();
    assert_eq!((answer.status, answer.code(), answer.header("retry-after")), (503, "serviceNotAvailable", "1"));
    let Outcome::Answer(stranger) = cx.handle(Ask::new("GET", "/v1.0/servicePrincipals").request());
    assert_eq!(stranger.reply.status.as_u16(), 401, "a stranger learns nothing of the view, and fills no log");
    for (why, status) in [(Unserved::Busy, 503), (Unserved::BodyTooLarge, 413), (Unserved::Failed, 500)] {
        let reply = cx.refuse(ask.request(), why).reply;
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(reply.status.as_u16(), status);
        assert_eq!(reply.headers["request-id"], body["error"]["innerError"]["request-id"].as_str().unwrap());
        let message = body["error"]["message"].as_str().unwrap();
        assert_eq!(message.ends_with("For details see logs in /var/log/x"), status == 500, "{message}");
    }
}
