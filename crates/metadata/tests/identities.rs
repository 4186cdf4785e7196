//! The identity that answers, and the moment at which one stops answering.
#![allow(clippy::unwrap_used)]

mod support;

use bonafide_metadata::Options;
use support::*;

/// The client id of the token in a reply, or the error's words.
fn whose(reply: &bonafide_wire::Reply) -> String {
    let body = body(reply);
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    text("client_id").or_else(|| text("error_description")).unwrap()
}

#[test]
fn id_09_the_default_is_the_system_assigned_else_the_only_user_assigned() {
    for (identities, expected) in [
        (vec![system()], client(0).to_string()),
        (vec![system(), user(1)], client(0).to_string()),
        (vec![user(1), user(2), system()], client(0).to_string()),
        (vec![user(1)], client(1).to_string()),
        (vec![], "Identity not found".to_owned()),
    ] {
        assert_eq!(whose(&ask_imds(&agent(identities), "")), expected);
    }
    assert!(whose(&ask_imds(&agent(vec![user(1), user(2)]), "")).starts_with("Multiple user assigned identities"));
}

/// Asks in dialect `app-service`, with further parameters.
fn ask_app_service(agent: &bonafide_metadata::Agent, more: &str) -> bonafide_wire::Reply {
    ask(agent, &app_service(), &get_app_service(&format!("api-version=2019-08-01&resource=x{more}")), NOW)
}

#[test]
fn id_09_the_default_is_the_same_in_every_dialect() {
    for (identities, expected) in [
        (vec![user(1), user(2), system()], client(0)),
        (vec![system(), user(1)], client(0)),
        (vec![user(1)], client(1)),
    ] {
        assert_eq!(body(&ask_app_service(&agent(identities), ""))["client_id"], expected.to_string());
    }
    for identities in [vec![], vec![user(1), user(2)]] {
        let reply = ask_app_service(&agent(identities), "");
        assert_eq!((reply.status.as_u16(), &body(&reply)["statusCode"]), (400, &400.into()));
    }
}

/// The selectors of all dialects.
const NAMES: [&str; 12] = [
    "client_id",
    "object_id",
    "principal_id",
    "mi_res_id",
    "msi_res_id",
    "resource_id",
    "clientid",
    "objectid",
    "principalid",
    "mi-res-id",
    "msi-res-id",
    "identity_id",
];

#[test]
fn an_empty_selector_is_no_selector() {
    let agent = agent(vec![system(), user(1)]);
    let all: String = NAMES.iter().map(|name| format!("&{name}=")).collect();
    let each =
        NAMES.iter().flat_map(|name| [format!("&{name}="), format!("&{name}"), format!("&{}=", name.to_uppercase())]);
    for more in each.chain([all.clone()]) {
        assert_eq!(whose(&ask_imds(&agent, &more)), client(0).to_string(), "{more}");
        assert_eq!(whose(&ask_app_service(&agent, &more)), client(0).to_string(), "{more}");
    }
    // Beside one that is not empty it says nothing.
    let named = format!("{}&client_id={}", all.replace("&client_id=", ""), client(1));
    assert_eq!(whose(&ask_imds(&agent, &named)), client(1).to_string());
    assert_eq!(whose(&ask_app_service(&agent, &named)), client(1).to_string());
    // A blank is a value.
    for blank in ["+", "%20", "%00"] {
        assert_eq!(whose(&ask_imds(&agent, &format!("&client_id={blank}"))), "Identity not found", "{blank:?}");
    }
}

#[test]
fn three_selectors_tried_one_after_the_other_are_never_throttled() {
    let agent = agent_with(Options::default(), vec![system(), user(1)]);
    let (id, all_at_once) = (user_assigned_id(1), 30);
    for _ in 0..all_at_once {
        for name in ["client_id", "object_id"] {
            assert_eq!(whose(&ask_imds(&agent, &format!("&{name}={id}"))), "Identity not found");
            assert_eq!(ask_app_service(&agent, &format!("&{name}={id}")).status, 400);
        }
    }
    let passed = |_: &usize| whose(&ask_imds(&agent, &format!("&msi_res_id={id}"))) == client(1).to_string();
    assert_eq!((0..all_at_once).filter(passed).count(), 20, "what was refused took nothing from the twenty");
    // A throttled caller is told at once that an identity is not here.
    assert_eq!(whose(&ask_imds(&agent, &format!("&client_id={id}"))), "Identity not found");
}

#[test]
fn id_10_every_selector_leads_to_the_same_identity() {
    let agent = agent(vec![system(), user(1), user(2)]);
    let id = user_assigned_id(2).to_string();
    for selector in [
        format!("client_id={}", client(2)),
        format!("client_id={}", client(2).to_string().to_ascii_uppercase()),
        format!("object_id={}", principal(2)),
        format!("mi_res_id={id}"),
        format!("msi_res_id={id}"),
        format!("resource_id={id}"),
        format!("MSI_RES_ID={id}"),
        format!("msi_res_id={}", id.to_ascii_uppercase()),
        format!("mi_res_id={}", id.replace("resourceGroups", "resourcegroups").replace('/', "%2F")),
    ] {
        assert_eq!(whose(&ask_imds(&agent, &format!("&{selector}"))), client(2).to_string(), "{selector}");
    }
    for selector in [format!("client_id={}", client(0)), format!("object_id={}", principal(0))] {
        assert_eq!(whose(&ask_imds(&agent, &format!("&{selector}"))), client(0).to_string(), "{selector}");
    }
    assert_eq!(agent.counters().fetches, 2);
    // The system-assigned identity has no resource of its own, and the id of one kind is not that of another.
    for selector in
        [format!("mi_res_id={}", vm(1)), format!("client_id={}", principal(2)), format!("object_id={}", client(2))]
    {
        assert_eq!(whose(&ask_imds(&agent, &format!("&{selector}"))), "Identity not found", "{selector}");
    }
}

#[test]
fn id_09_assigned_elsewhere_and_unknown_everywhere_look_the_same() {
    let agent = agent(vec![user(1)]);
    agent.apply(change(vec![workload(2, vec![user(2)])], vec![]));
    let ask = |selector: String| {
        let reply = ask_imds(&agent, &format!("&{selector}"));
        (reply.status, reply.headers, reply.body)
    };
    let unknown = ask(format!("client_id={}", client(77)));
    assert_eq!(unknown.0, 400);
    for selector in [
        format!("client_id={}", client(2)),
        format!("object_id={}", principal(2)),
        format!("mi_res_id={}", user_assigned_id(2)),
        format!("mi_res_id={}", user_assigned_id(77)),
        "client_id=not-a-guid".to_owned(),
        "mi_res_id=/not/an/id".to_owned(),
    ] {
        assert_eq!(ask(selector.clone()), unknown, "{selector}");
    }
}

#[test]
fn id_05_an_identity_comes_from_the_binding_and_not_from_the_request() {
    let agent = agent(vec![user(1)]);
    agent.apply(change(vec![workload(2, vec![user(2)])], vec![]));
    let unbound = imds_of(workload_id(99), 80);
    let second = imds_of(workload_id(2), 80);
    let request = |more: &str| {
        let mut request = get(TOKEN, &format!("{QUERY}{more}"));
        request.headers.insert("user-agent", "vm1".parse().unwrap());
        request.headers.insert("x-ms-client-request-id", workload_id(1).to_string().parse().unwrap());
        request
    };
    for more in ["", &format!("&client_id={}", client(1)), &format!("&vmId={}", workload_id(1))] {
        assert_eq!(whose(&ask(&agent, &unbound, &request(more), NOW)), "Identity not found", "{more}");
    }
    assert_eq!(whose(&ask(&agent, &second, &request(""), NOW)), client(2).to_string());
    assert_eq!(whose(&ask(&agent, &second, &request(&format!("&client_id={}", client(1))), NOW)), "Identity not found");
}

#[test]
fn id_06_an_unassigned_identity_is_refused_on_the_next_request_and_its_token_is_gone() {
    let agent = agent(vec![system(), user(1)]);
    let with_user = format!("&client_id={}", client(1));
    assert_eq!(whose(&ask_imds(&agent, &with_user)), client(1).to_string());
    agent.apply(change(vec![workload(1, vec![system()])], vec![]));
    assert_eq!(whose(&ask_imds(&agent, &with_user)), "Identity not found");
    assert_eq!(whose(&ask_imds(&agent, "")), client(0).to_string(), "the others stay");
    agent.apply(change(vec![workload(1, vec![system(), user(1)])], vec![]));
    let fetches = agent.counters().fetches;
    assert_eq!(whose(&ask_imds(&agent, &with_user)), client(1).to_string());
    assert_eq!(agent.counters().fetches, fetches + 1, "assigned again, it asks anew");
}

#[test]
fn id_06_who_waits_while_the_identity_is_unassigned_gets_nothing() {
    let agent = agent(vec![system()]);
    let (waiting, duty) = waits(agent.answer(&imds(), &get(TOKEN, QUERY), &at(NOW)));
    agent.apply(change(vec![workload(1, vec![])], vec![]));
    agent.complete(duty.unwrap(), Ok(token_at(NOW, DAY, "late")), &at(NOW));
    assert_eq!(whose(&agent.finish(waiting, &at(NOW))), "Identity not found");
    agent.apply(change(vec![workload(1, vec![system()])], vec![]));
    assert!(waits(agent.answer(&imds(), &get(TOKEN, QUERY), &at(NOW))).1.is_some(), "the late token was not kept");
}

#[test]
fn id_06_a_fetch_from_before_an_unassignment_does_not_answer_after_it() {
    let agent = agent(vec![system()]);
    let (old, old_duty) = waits(agent.answer(&imds(), &get(TOKEN, QUERY), &at(NOW)));
    agent.apply(change(vec![workload(1, vec![])], vec![]));
    agent.apply(change(vec![workload(1, vec![system()])], vec![]));
    let (new, new_duty) = waits(agent.answer(&imds(), &get(TOKEN, QUERY), &at(NOW)));
    agent.complete(new_duty.expect("a fetch of its own"), Ok(token_at(NOW, DAY, "new")), &at(NOW));
    agent.complete(old_duty.unwrap(), Ok(token_at(NOW, DAY, "old")), &at(NOW));
    assert_eq!(body(&agent.finish(new, &at(NOW)))["access_token"], "new");
    assert_eq!(body(&reply(agent.answer(&imds(), &get(TOKEN, QUERY), &at(NOW))))["access_token"], "new");
    drop(old);
}

#[test]
fn id_04_a_workload_that_is_gone_has_no_identity_and_its_successor_inherits_nothing() {
    for gone in [change(vec![], vec![workload_id(1)]), everything(vec![workload(2, vec![user(2)])])] {
        let agent = agent(vec![system()]);
        ask_imds(&agent, "");
        agent.apply(gone);
        assert_eq!(whose(&ask_imds(&agent, "")), "Identity not found");
        agent.apply(change(vec![workload(1, vec![system()])], vec![]));
        assert!(waits(agent.answer(&imds(), &get(TOKEN, QUERY), &at(NOW))).1.is_some());
    }
}

#[test]
fn id_11_an_identity_made_again_under_its_old_name_is_another_one() {
    let agent = agent(vec![user(1)]);
    let by_name = format!("&mi_res_id={}", user_assigned_id(1));
    assert_eq!(whose(&ask_imds(&agent, &by_name)), client(1).to_string());
    let mut again = user(1);
    (again.principal_id, again.client_id) = (principal(5), client(5));
    agent.apply(change(vec![workload(1, vec![again])], vec![]));
    assert_eq!(whose(&ask_imds(&agent, &by_name)), client(5).to_string());
    assert_eq!(whose(&ask_imds(&agent, &format!("&client_id={}", client(1)))), "Identity not found");
}

#[test]
fn a_change_keeps_the_tokens_of_what_did_not_change() {
    let agent = agent(vec![system()]);
    ask_imds(&agent, "");
    let mut moved = workload(1, vec![system(), user(1)]);
    moved.resource_id = vm(8);
    agent.apply(everything(vec![moved.clone(), workload(2, vec![])]));
    assert_eq!(replies(agent.answer(&imds(), &get(TOKEN, QUERY), &at(NOW))).0.status, 200);
    assert_eq!(agent.counters().fetches, 1);
    assert!(agent.workloads().contains(&moved) && agent.workloads().len() == 2);
}

#[test]
fn every_one_of_a_thousand_identities_can_be_chosen() {
    let identities = (1..=1_000).map(user).collect();
    let agent = agent(identities);
    for number in 1..=1_000 {
        let more = match number % 3 {
            0 => format!("&client_id={}", client(number)),
            1 => format!("&object_id={}", principal(number)),
            _ => format!("&mi_res_id={}", user_assigned_id(number)),
        };
        assert_eq!(whose(&ask_imds(&agent, &more)), client(number).to_string());
    }
    assert_eq!(agent.counters().fetches, 1_000);
    let request = get(TOKEN, &format!("{QUERY}&mi_res_id={}", user_assigned_id(999)));
    for _ in 0..10 {
        assert_eq!(reply(agent.answer(&imds(), &request, &at(NOW))).status, 200);
    }
    assert_eq!(agent.counters().hits, 10);
}
