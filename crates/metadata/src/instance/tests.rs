use super::*;
use crate::azures::VERSIONS;

const NEWEST: &str = include_str!("../../tests/data/instance/2025-04-07.json");

/// Each document is the newest cut to a version, as the members' tables say, or an example that Microsoft published.
const CUT: [&str; 12] = [
    include_str!("../../tests/data/instance/2017-04-02.json"),
    include_str!("../../tests/data/instance/2017-08-01.json"),
    include_str!("../../tests/data/instance/2018-02-01.json"),
    include_str!("../../tests/data/instance/2018-10-01.json"),
    include_str!("../../tests/data/instance/2019-06-01.json"),
    include_str!("../../tests/data/instance/2019-08-15.json"),
    include_str!("../../tests/data/instance/2020-06-01.json"),
    include_str!("../../tests/data/instance/2020-09-01.json"),
    include_str!("../../tests/data/instance/2021-02-01.json"),
    include_str!("../../tests/data/instance/2021-12-13.json"),
    include_str!("../../tests/data/instance/2023-07-01.json"),
    NEWEST,
];
const PUBLISHED: [&str; 2] = [
    include_str!("../../tests/data/instance/2018-02-01_published_example.json"),
    include_str!("../../tests/data/instance/2021-11-15_published_example.json"),
];

fn sample(text: &str) -> (String, Value) {
    let mut sample: Value = serde_json::from_str(text).unwrap();
    (sample["api-version"].as_str().unwrap().to_owned(), sample["body"].take())
}

fn newest() -> Instance {
    Instance::read("1", sample(NEWEST).1.to_string().as_bytes()).unwrap()
}

fn asked(below: &str, query: &str) -> Result<String, Refusal> {
    let reply = newest().answer(&format!("{PATH}{below}"), query)?;
    Ok(String::from_utf8(reply.body.to_vec()).unwrap())
}

fn json(below: &str, version: &str) -> Value {
    serde_json::from_str(&asked(below, &format!("api-version={version}")).unwrap()).unwrap()
}

/// True when every place of `example` is one of `whole`, whatever the values.
fn has_all(whole: &Value, example: &Value) -> bool {
    match (whole, example) {
        (Value::Object(whole), Value::Object(example)) => {
            example.iter().all(|(name, below)| whole.get(name).is_some_and(|there| has_all(there, below)))
        }
        (Value::Array(whole), Value::Array(example)) => {
            example.iter().all(|below| whole.first().is_some_and(|there| has_all(there, below)))
        }
        (whole, example) => whole.is_string() && example.is_string(),
    }
}

#[test]
fn each_version_has_the_members_that_it_had() {
    for (version, body) in CUT.map(sample) {
        assert_eq!(json("", &version), body, "{version}");
    }
    for (version, body) in PUBLISHED.map(sample) {
        assert!(has_all(&json("/compute", &version), &body["compute"]), "{version}");
    }
}

#[test]
fn every_version_is_served_and_none_loses_what_an_older_one_had() {
    let mut known = 0;
    for version in VERSIONS {
        let members = json("/compute", version).as_object().unwrap().len();
        assert!(members >= known, "{version}");
        known = members;
    }
    for version in ["2017-03-02", "2018-02-02", "2099-01-01", "2021-02-01-preview", "x", ""] {
        assert_eq!(asked("", &format!("api-version={version}")), Err(Refusal::ApiVersion), "{version}");
    }
    assert_eq!(asked("", ""), Err(Refusal::ApiVersion));
}

#[test]
fn a_member_that_an_older_version_did_not_have_is_at_no_path_of_it() {
    let asked = |version: &str| asked("/compute/azEnvironment", &format!("api-version={version}&format=text"));
    assert_eq!(asked("2018-04-02"), Err(Refusal::NotFound));
    assert_eq!(asked("2018-10-01").unwrap(), "AZUREPUBLICCLOUD");
}

#[test]
fn text_lists_a_branch_and_gives_a_leaf_as_it_is() {
    let text = |below: &str| asked(below, "format=text&api-version=2021-02-01").unwrap();
    assert_eq!(text(""), "compute/\nnetwork/");
    assert_eq!(text("/compute/tags"), "baz:bash;foo:bar");
    assert_eq!(text("/compute/zone"), "");
    assert_eq!(text("/compute/publicKeys"), "0/\n1/");
    assert_eq!(text("/compute/osProfile"), "adminUsername\ncomputerName\ndisablePasswordAuthentication");
    assert_eq!(text("/network/interface"), "0/");
    assert_eq!(text("/network/interface/0/ipv6/ipAddress"), "");
    assert_eq!(text("/network/interface/0/ipv4/ipAddress/0/privateIpAddress"), "10.144.133.132");
}

#[test]
fn every_place_of_the_document_has_a_path() {
    fn walk(path: &str, value: &Value) {
        let query = "api-version=2025-04-07";
        match value {
            Value::Object(_) | Value::Array(_) => {
                assert_eq!(serde_json::from_str::<Value>(&asked(path, query).unwrap()).unwrap(), *value, "{path}");
            }
            _ => {
                assert_eq!(asked(path, query), Err(DocumentError::LeafAsJson.into()), "{path}");
                let text = asked(path, &format!("{query}&format=TEXT")).unwrap();
                assert_eq!(Value::from(text), *value, "{path}");
            }
        }
        match value {
            Value::Object(members) => members.iter().for_each(|(name, below)| walk(&format!("{path}/{name}"), below)),
            Value::Array(elements) => {
                elements.iter().enumerate().for_each(|(at, below)| walk(&format!("{path}/{at}"), below));
            }
            _ => {}
        }
    }
    walk("", &sample(NEWEST).1);
}

#[test]
fn what_is_nowhere_is_not_found() {
    for below in [
        "/compute/identity",
        "/compute/VMID",
        "/compute/vmId/0",
        "/network/interface/1",
        "/network/interface/00",
        "/network/interface/+0",
        "/network/interface/-1",
        "/network/interface/99999999999999999999999",
        "/extended",
    ] {
        assert_eq!(asked(below, "api-version=2021-02-01&format=text"), Err(Refusal::NotFound), "{below}");
    }
}

#[test]
fn unknown_parameters_are_ignored_and_wrong_ones_are_not() {
    assert!(asked("", "api-version=2021-08-01&extended=true").is_ok());
    assert_eq!(asked("", "api-version=2021-08-01&format=xml"), Err(DocumentError::Format.into()));
    assert!(matches!(asked("", "api-version=2021-08-01&API-VERSION=2021-08-01"), Err(Refusal::Query(_))));
}

#[test]
fn kept_answers_are_bounded() {
    let instance = newest();
    for number in 0..1_000 {
        instance.answer(PATH, &format!("api-version=2021-02-01&x={number}")).unwrap();
    }
    assert!(instance.answers.read().unwrap().len() <= ANSWERS_KEPT_MAX);
    instance.answer(PATH, &format!("api-version=2021-02-01&x={}", "x".repeat(KEPT_KEY_BYTES_MAX))).unwrap();
    assert!(instance.answers.read().unwrap().keys().all(|key| key.len() <= KEPT_KEY_BYTES_MAX));
}
