//! The command line as a client of a control plane elsewhere, with the variables that SDKs read.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use std::path::Path;
use std::process::{Command, Output};
use support::{Up, run};

const VARIABLES: [&str; 5] = [
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_SUBSCRIPTION_ID",
];
const WRONG_SECRET: &str = "a-secret-that-is-wrong";
const NOBODY: &str = "00000000-0000-4000-8000-00000000dead";

/// `host list` in a folder where nothing was ever started, in this environment alone.
fn list(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let nowhere = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_bonafide"));
    command.args(["host", "list"]).args(arguments).current_dir(nowhere.path());
    for name in VARIABLES {
        command.env_remove(name);
    }
    command.envs(environment.iter().copied());
    let output = run(command);
    for printed in [&output.stdout, &output.stderr] {
        assert!(!String::from_utf8_lossy(printed).contains(WRONG_SECRET), "a secret is printed");
    }
    output
}

/// The one line of a refusal.
fn refusal(output: &Output) -> String {
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
    assert!(output.stdout.is_empty());
    said
}

/// All but one of the variables, or another value of it.
fn but<'a>(all: [(&'a str, &'a str); 3], name: &str, value: Option<&'a str>) -> Vec<(&'a str, &'a str)> {
    let others = all.into_iter().filter(|(of, _)| *of != name);
    let this = all.into_iter().find(|(of, _)| *of == name).and_then(|(of, _)| Some((of, value?)));
    others.chain(this).collect()
}

#[test]
fn a_client_signs_in_with_its_secret_or_its_certificate_and_a_refusal_names_the_variable_that_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let (tenant, operator) = (text(&up.info["tenantId"]), &up.info["operator"]);
    let (client, file) = (text(&operator["clientId"]), text(&operator["certificateFile"]));
    let secret = std::fs::read_to_string(text(&operator["secretFile"])).unwrap();
    let (origin, ca) = (up.origin(), text(&up.info["caFile"]));
    let there = ["--url", &origin, "--ca", &ca];
    let who = [("AZURE_TENANT_ID", tenant.as_str()), ("AZURE_CLIENT_ID", &client)];
    let by_secret = [who[0], who[1], ("AZURE_CLIENT_SECRET", &secret)];
    let by_certificate = [who[0], who[1], ("AZURE_CLIENT_CERTIFICATE_PATH", &file)];
    for way in [by_secret, by_certificate] {
        let output = list(&there, &way);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(printed.starts_with("local  ") && !printed.contains(secret.trim()), "{printed}");
    }
    let said = refusal(&list(&there, &but(by_secret, "AZURE_CLIENT_SECRET", Some(WRONG_SECRET))));
    assert!(said.contains("AADSTS7000215") && said.ends_with("; see AZURE_CLIENT_SECRET\n"), "{said}");
    for way in [by_secret, by_certificate] {
        let said = refusal(&list(&there, &but(way, "AZURE_TENANT_ID", Some(NOBODY))));
        assert!(said.contains("AADSTS90002") && said.ends_with("; see AZURE_TENANT_ID\n"), "{said}");
        let said = refusal(&list(&there, &but(way, "AZURE_CLIENT_ID", Some(NOBODY))));
        assert!(said.contains("AADSTS700016") && said.ends_with("; see AZURE_CLIENT_ID\n"), "{said}");
        for (name, _) in way {
            let said = refusal(&list(&there, &but(way, name, None)));
            assert!(said.contains("--url needs the sign-in of a client: set") && said.contains(name), "{said}");
        }
    }
    certificates_that_are_none(&there, by_certificate, dir.path(), &ca);
    let said = refusal(&list(&[], &by_secret));
    assert!(said.contains("there is no control plane here") && said.contains("--url (and --ca)"), "{said}");
    let said = refusal(&list(&there[..2], &by_secret));
    assert!(said.contains("invalid peer certificate") && said.contains("--ca names a file"), "{said}");
}

fn certificates_that_are_none(there: &[&str], way: [(&str, &str); 3], dir: &Path, ca: &str) {
    let another = dir.join("another.pem");
    let key = rcgen::generate_simple_self_signed(vec!["x".to_owned()]).unwrap();
    std::fs::write(&another, key.cert.pem() + &key.signing_key.serialize_pem()).unwrap();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&another, open).unwrap();
    for (path, why) in [
        (ca, "ca.pem"),
        (another.to_str().unwrap(), "has not an RSA key of 2048 bits and its certificate"),
        ("/there/is/none.pem", "/there/is/none.pem"),
    ] {
        let said = refusal(&list(there, &but(way, "AZURE_CLIENT_CERTIFICATE_PATH", Some(path))));
        assert!(said.contains(why), "{said}");
    }
}
