//! The rules of a binding at its endpoint (MD-11).
#![allow(clippy::unwrap_used)]

mod support;

use bonafide_metadata::Binding;
use bonafide_metadata::rules::{Caller, Checked, Denial, Rules, check};
use bonafide_wire::Request;
use support::*;

fn rules(mode: &str) -> Rules {
    let text = format!(
        r#"{{"mode":"{mode}","privileges":[{{"name":"t","path":"{TOKEN}"}},{{"name":"s","path":"/metadata/session"}}],
            "roles":[{{"name":"r","privileges":["t"]}}],"identities":[{{"name":"i","uid":7}}],
            "roleAssignments":[{{"role":"r","identities":["i"]}}]}}"#
    );
    Rules::parse(text.as_bytes()).unwrap()
}

fn checked(rules: &Rules, binding: &Binding, asked: &Request, uid: u32) -> Checked {
    check(rules, binding, asked, || Caller { uid: Some(uid), cgroup: None }, &|_| None, &at(NOW))
}

#[test]
fn md_11_a_mode_decides_what_becomes_of_a_denial() {
    let (binding, asked) = (imds(), get(TOKEN, QUERY));
    for mode in ["disabled", "audit", "enforce"] {
        assert!(matches!(checked(&rules(mode), &binding, &asked, 7), Checked::Allowed), "{mode}");
    }
    let other = |mode| checked(&rules(mode), &binding, &asked, 8);
    assert!(matches!(other("disabled"), Checked::Allowed));
    assert!(matches!(other("audit"), Checked::WouldRefuse(Denial::OtherCaller)));
    let Checked::Refused(Denial::OtherCaller, reply) = other("enforce") else { panic!("not refused") };
    assert_eq!((reply.status.as_u16(), body(&reply)["error"].as_str()), (403, Some("access_denied")));
    assert!(!String::from_utf8_lossy(&reply.body).contains('7'), "it does not say who may");
}

#[test]
fn md_11_other_spellings_of_a_path_are_the_same_to_rules() {
    let enforced = rules("enforce");
    for path in ["//metadata/identity/oauth2/token", "/METADATA/identity//oauth2/token/"] {
        assert!(matches!(checked(&enforced, &imds(), &get(path, QUERY), 8), Checked::Refused(..)), "{path}");
        assert!(matches!(checked(&enforced, &imds(), &get(path, QUERY), 7), Checked::Allowed), "{path}");
    }
}

#[test]
fn md_11_what_the_gate_refuses_is_refused_in_its_own_words() {
    let enforced = rules("enforce");
    let nobody = || -> Caller { panic!("the caller of what is refused anyhow is asked for") };
    for asked in [
        get("/metadata/none", ""),
        request("GET", TOKEN, QUERY, &[("host", "169.254.169.254")]),
        request("GET", TOKEN, QUERY, &[("host", "evil.example"), ("metadata", "true")]),
    ] {
        assert!(matches!(check(&enforced, &imds(), &asked, nobody, &|_| None, &at(NOW)), Checked::Allowed));
        assert!(ask(&agent(vec![system()]), &imds(), &asked, NOW).status.is_client_error());
    }
    // Nobody is asked for either where no rule is about the request.
    let unnamed = check(&enforced, &imds(), &get("/metadata/versions", ""), nobody, &|_| None, &at(NOW));
    assert!(matches!(unnamed, Checked::Refused(Denial::NoPrivilege, _)));
}

#[test]
fn md_11_without_a_good_version_everything_is_refused_in_every_dialect() {
    let none = Rules::denying_all();
    let extension = request("GET", "/oauth2/token", "resource=x", &[("host", "localhost:50342"), ("metadata", "true")]);
    let service = request(
        "GET",
        "/msi/token",
        "api-version=2019-08-01&resource=x",
        &[("host", "localhost:41013"), ("x-identity-header", SECRET)],
    );
    for (binding, asked) in [(imds(), get(TOKEN, QUERY)), (vm_extension(), extension), (app_service(), service)] {
        let Checked::Refused(Denial::NoRules, reply) = checked(&none, &binding, &asked, 0) else { panic!("answered") };
        assert_eq!(reply.status.as_u16(), 403);
    }
}
