use super::decide::{Caller, Denial, Request};
use super::{Mode, Rules, RulesError};
use bonafide_wire::Parameters;
use proptest::prelude::*;
use serde_json::{Value, json};

const TOKEN: &str = "/metadata/identity/oauth2/token";
const INSTANCE: &str = "/metadata/instance";

/// A web server may have tokens of one resource, a backup those of every resource, and everybody the versions.
fn policy() -> Value {
    json!({
        "mode": "enforce",
        "privileges": [
            { "name": "vault", "path": TOKEN, "queryParameters": { "resource": "https://vault.azure.net" } },
            { "name": "tokens", "path": TOKEN },
            { "name": "instance", "path": INSTANCE, "dialect": "imds", "method": "GET" },
            { "name": "versions", "path": "/metadata/versions" },
        ],
        "roles": [
            { "name": "web", "privileges": ["vault", "instance"] },
            { "name": "backup", "privileges": ["tokens"] },
            { "name": "all", "privileges": ["versions"] },
        ],
        "identities": [
            { "name": "www", "uid": 33 },
            { "name": "backup", "uid": 0, "cgroup": "/system.slice/backup.service" },
            { "name": "batch", "cgroup": "/batch" },
            { "name": "everybody", "anyone": true },
        ],
        "roleAssignments": [
            { "role": "web", "identities": ["www"] },
            { "role": "backup", "identities": ["backup", "batch"] },
            { "role": "all", "identities": ["everybody"] },
        ],
    })
}

fn parse(value: &Value) -> Result<Rules, RulesError> {
    Rules::parse(value.to_string().as_bytes())
}

/// The control groups that there are.
fn cgroup_at(path: &str) -> Option<u64> {
    match path {
        "/system.slice/backup.service" => Some(7),
        "/batch" => Some(8),
        _ => None,
    }
}

fn decide(
    rules: &Rules,
    (dialect, method): (&str, &str),
    path: &str,
    query: &str,
    caller: Caller,
) -> Result<(), Denial> {
    let parameters = Parameters::parse(query).ok();
    let request = Request { dialect, method, path, parameters: parameters.as_ref() };
    rules.decide(&request, || caller, &cgroup_at)
}

const VAULT: &str = "api-version=2018-02-01&resource=https%3A%2F%2Fvault.azure.net";
const ARM: &str = "api-version=2018-02-01&resource=https%3A%2F%2Fmanagement.azure.com%2F";

fn caller(uid: impl Into<Option<u32>>, cgroup: impl Into<Option<u64>>) -> Caller {
    Caller { uid: uid.into(), cgroup: cgroup.into() }
}

#[test]
fn md_11_scenarios() {
    use Denial::{NoPrivilege, OtherCaller, UnseenCaller};
    let rules = parse(&policy()).unwrap();
    let (www, backup, other) = (caller(33, 9), caller(0, 7), caller(1000, 9));
    let get = ("imds", "GET");
    for (number, (speech, path, query, caller, decision)) in [
        // By user.
        (get, TOKEN, VAULT, www, Ok(())),
        (get, TOKEN, VAULT, other, Err(OtherCaller)),
        (get, TOKEN, VAULT, caller(33, None), Ok(())),
        (get, TOKEN, VAULT, caller(None, None), Err(UnseenCaller)),
        (get, TOKEN, VAULT, caller(u32::MAX, 9), Err(OtherCaller)),
        // By parameter.
        (get, TOKEN, ARM, www, Err(OtherCaller)),
        (get, TOKEN, "", www, Err(OtherCaller)),
        (get, TOKEN, "RESOURCE=https%3A%2F%2Fvault.azure.net", www, Ok(())),
        (get, TOKEN, "resource=https%3A%2F%2Fvault.azure.net%2F", www, Err(OtherCaller)),
        (get, TOKEN, "resource=https%3A%2F%2FVAULT.azure.net", www, Err(OtherCaller)),
        (get, TOKEN, "resource=a&resource=https%3A%2F%2Fvault.azure.net", www, Err(OtherCaller)),
        (get, TOKEN, "resource=%f", www, Err(OtherCaller)),
        // By user and control group together.
        (get, TOKEN, ARM, backup, Ok(())),
        (get, TOKEN, VAULT, backup, Ok(())),
        (get, TOKEN, ARM, caller(0, 9), Err(OtherCaller)),
        (get, TOKEN, ARM, caller(1000, 7), Err(OtherCaller)),
        (get, TOKEN, ARM, caller(0, None), Err(UnseenCaller)),
        (get, TOKEN, ARM, caller(None, 7), Err(UnseenCaller)),
        // By control group alone.
        (get, TOKEN, ARM, caller(1000, 8), Ok(())),
        (get, TOKEN, ARM, caller(None, 8), Ok(())),
        (get, TOKEN, ARM, caller(33, 8), Ok(())),
        // By path.
        (get, INSTANCE, "", www, Ok(())),
        (get, "/metadata/instance/compute/vmId", "", www, Ok(())),
        (get, "/metadata/instances", "", www, Err(NoPrivilege)),
        (get, "/metadata", "", www, Err(NoPrivilege)),
        (get, "/metadata/Instance", "", www, Err(NoPrivilege)),
        (get, "/metadata/attested/document", "", backup, Err(NoPrivilege)),
        (get, INSTANCE, "", backup, Err(OtherCaller)),
        // By dialect and method.
        (("app-service", "GET"), INSTANCE, "", www, Err(NoPrivilege)),
        (("imds", "POST"), INSTANCE, "", www, Err(NoPrivilege)),
        (("vm-extension", "POST"), "/oauth2/token", VAULT, www, Err(NoPrivilege)),
        // For everybody.
        (get, "/metadata/versions", "", caller(None, None), Ok(())),
        (get, "/metadata/versions", "", other, Ok(())),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(
            decide(&rules, speech, path, query, caller),
            decision,
            "{number}: {speech:?} {path}?{query} {caller:?}"
        );
    }
}

#[test]
fn md_11_rules_that_grant_nothing_allow_nothing() {
    let nothing = parse(&json!({ "mode": "enforce" })).unwrap();
    for rules in [&nothing, &Rules::denying_all()] {
        assert!(rules.are_in_force() && !rules.name_cgroups());
        assert!(decide(rules, ("imds", "GET"), "/metadata/versions", "", caller(0, 7)).is_err());
    }
    let mut policy = policy();
    policy["roleAssignments"] = json!([{ "role": "all", "identities": [] }, { "role": "all", "identities": ["www"] }]);
    let rules = parse(&policy).unwrap();
    let asked = |uid| decide(&rules, ("imds", "GET"), "/metadata/versions", "", caller(uid, 9));
    assert_eq!((asked(33), asked(34)), (Ok(()), Err(Denial::OtherCaller)));
}

#[test]
fn md_11_a_control_group_that_is_not_there_has_no_callers() {
    let mut policy = policy();
    policy["identities"][2]["cgroup"] = "/gone".into();
    let rules = parse(&policy).unwrap();
    assert!(rules.name_cgroups());
    assert_eq!(decide(&rules, ("imds", "GET"), TOKEN, ARM, caller(5, 8)), Err(Denial::OtherCaller));
}

#[test]
fn md_11_what_is_malformed_dangling_or_twice_is_no_policy() {
    assert!(parse(&policy()).is_ok());
    let broken = |pointer: &str, value: Value| {
        let mut policy = policy();
        *policy.pointer_mut(pointer).unwrap() = value;
        parse(&policy).map(|_| pointer.to_owned())
    };
    for (pointer, value) in [
        ("/mode", json!("Enforce")),
        ("/mode", json!("on")),
        ("/mode", json!(null)),
        ("/privileges", json!({})),
        ("/privileges/0/path", json!("/metadata//identity")),
        ("/privileges/0/path", json!("/metadata/identity/")),
        ("/privileges/0/path", json!("/METADATA/identity")),
        ("/privileges/0/path", json!("/metadata/%69dentity")),
        ("/privileges/0/path", json!("/metadata/../a")),
        ("/privileges/0/path", json!("metadata")),
        ("/privileges/0/queryParameters", json!({ "a": "1", "A": "2" })),
        ("/privileges/0/queryParameters", json!({ "a": 1 })),
        ("/privileges/2/dialect", json!("aws")),
        ("/privileges/1/name", json!("vault")),
        ("/roles/0/privileges/0", json!("none")),
        ("/roles/1/name", json!("web")),
        ("/identities/1/name", json!("www")),
        ("/identities/0/uid", json!("33")),
        ("/identities/0/uid", json!(-1)),
        ("/identities/0/uid", json!(u32::MAX)),
        ("/identities/0/uid", json!(null)),
        ("/identities/2/cgroup", json!("batch")),
        ("/identities/2/cgroup", json!("/batch/../other")),
        ("/identities/2/cgroup", json!("/batch/")),
        ("/identities/3/anyone", json!(false)),
        ("/identities/3", json!({ "name": "everybody", "anyone": true, "uid": 1 })),
        ("/identities/3", json!({ "name": "everybody", "userName": "root" })),
        ("/roleAssignments/0/role", json!("none")),
        ("/roleAssignments/0/identities/0", json!("none")),
        ("/roleAssignments/0", json!({ "role": "web", "identities": ["www"], "until": 7 })),
    ] {
        assert!(broken(pointer, value.clone()).is_err(), "{pointer} {value}");
    }
    for text in [
        "",
        "[]",
        "{}",
        "{\"mode\":\"audit\",\"mode\":\"disabled\"}",
        "{\"mode\":\"audit\"} x",
        "{\"defaultAccess\":\"allow\",\"mode\":\"audit\"}",
    ] {
        assert!(Rules::parse(text.as_bytes()).is_err(), "{text}");
    }
    let long = format!("{{\"mode\":\"audit\"}}{}", " ".repeat(super::RULES_BYTES_MAX));
    assert!(Rules::parse(long.as_bytes()).is_err());
}

#[test]
fn md_11_a_mistake_is_said_so_that_it_can_be_mended() {
    let said = |change: fn(&mut Value)| {
        let mut policy = policy();
        change(&mut policy);
        parse(&policy).unwrap_err().to_string()
    };
    assert_eq!(
        said(|policy| policy["roles"][0]["privileges"][0] = "none".into()),
        "'web' names 'none', which is none of the privileges"
    );
    assert_eq!(said(|policy| policy["roles"][1]["name"] = "web".into()), "two roles have the name 'web'");
    assert!(said(|policy| policy["rules"] = 1.into()).starts_with("line 1: unknown field `rules`"));
    let said = |text: &str| Rules::parse(text.as_bytes()).unwrap_err().to_string();
    for (text, line, what) in [
        ("{\n  \"mode\": \"audit\",\n  \"rolls\": []\n}", 3, "unknown field `rolls`"),
        ("{\n  \"mode\": \"odd\"\n}", 2, "unknown variant `odd`"),
        ("{\n  \"mode\": \"audit\",\n  \"mode\": \"audit\"\n}", 3, "duplicate field `mode`"),
        ("{\n  \"roles\": [{\"name\": 1}]}", 2, "expected a string"),
        ("{\n  \"mode\": \"audit\"", 2, "EOF"),
    ] {
        let said = said(text);
        assert!(said.starts_with(&format!("line {line}: ")) && said.contains(what), "{said}");
        assert!(!said.contains(" column "), "{said}");
    }
}

proptest! {
    /// For every request and caller: without an assignment that allows it, it is not allowed; and one more assignment
    /// takes nothing away.
    #[test]
    fn md_11_only_assignments_allow_and_none_takes_away(
        assigned in prop::collection::vec((0..3_usize, 0..4_usize), 0..5),
        more in (0..3_usize, 0..4_usize),
        path in "(/metadata)?(/identity|/identity/oauth2/token|/instance|/instance/compute|/versions|/[a-z]{0,3})?",
        query in "(resource=(https%3A%2F%2Fvault.azure.net|x))?(&[a-z]=1)?",
        uid in prop::option::of(prop_oneof![Just(0_u32), Just(33), any::<u32>()]),
        cgroup in prop::option::of(6..10_u64),
    ) {
        let rules = |assigned: &[(usize, usize)]| {
            let mut policy = policy();
            let list = assigned.iter().map(|(role, identity)| {
                json!({ "role": policy["roles"][*role]["name"], "identities": [policy["identities"][*identity]["name"]] })
            });
            policy["roleAssignments"] = list.collect();
            parse(&policy).unwrap()
        };
        let allowed = |assigned: &[(usize, usize)]| {
            decide(&rules(assigned), ("imds", "GET"), &path, &query, caller(uid, cgroup)).is_ok()
        };
        let by_one = assigned.iter().any(|one| allowed(&[*one]));
        prop_assert_eq!(allowed(&assigned), by_one);
        let with_more = [&assigned[..], &[more]].concat();
        prop_assert!(allowed(&with_more) || !allowed(&assigned));
    }

    /// Reading is total, and nothing that is not read whole is followed.
    #[test]
    fn md_11_any_text_is_rules_or_a_reason(text in prop_oneof![".{0,64}", "\\{(\"(mode|roles|privileges)\":(\"audit\"|\\[\\]|\\{\\}),?){0,4}\\}"]) {
        if let Ok(rules) = Rules::parse(text.as_bytes()) {
            prop_assert_eq!(rules.mode, Mode::Audit);
            prop_assert!(decide(&rules, ("imds", "GET"), TOKEN, VAULT, caller(0, 7)).is_err());
        }
    }
}
