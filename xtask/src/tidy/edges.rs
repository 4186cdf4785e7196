//! The edges between crates: down only, and never from one surface to another.

use super::TidyError;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// The workspace's crates and their layer. A crate may use the crates of lower layers only.
const LAYERS: &[(&str, u8)] = &[
    ("bonafide-types", VOCABULARY),
    ("bonafide-store", MECHANISMS),
    ("bonafide-store-sqlite", MECHANISMS),
    ("bonafide-crypto", MECHANISMS),
    ("bonafide-wire", MECHANISMS),
    ("bonafide-template", MECHANISMS),
    ("bonafide-opener", MECHANISMS),
    ("bonafide-guest", MECHANISMS),
    ("bonafide-core", DOMAIN),
    ("bonafide-login", SURFACES),
    ("bonafide-management", SURFACES),
    ("bonafide-hosts", SURFACES),
    ("bonafide-graph", SURFACES),
    ("bonafide-metadata", SURFACES),
    ("bonafide-http", SHELL),
    ("bonafide-files", SHELL),
    ("bonafide-plane", SHELL),
    ("bonafide-host", SHELL),
    ("bonafide", BINARY),
    ("bonafide-testkit", TOOLING),
    ("bench", TOOLING),
    ("xtask", TOOLING),
];
const VOCABULARY: u8 = 0;
const MECHANISMS: u8 = 1;
const DOMAIN: u8 = 2;
const SURFACES: u8 = 3;
const SHELL: u8 = 4;
const BINARY: u8 = 5;
const TOOLING: u8 = 6;

/// Edges that the layers alone would not allow.
const ALSO: &[(&str, &str)] = &[
    ("bonafide-store-sqlite", "bonafide-store"),
    ("bonafide-plane", "bonafide-http"),
    ("bonafide-plane", "bonafide-files"),
    ("bonafide-host", "bonafide-http"),
    ("bonafide-host", "bonafide-files"),
    ("bench", "xtask"),
];

/// Edges that the layers alone would allow. HTTP over sockets knows no surface; the agent runs on machines that must see neither the
/// directory nor the store, and reaches the control plane over the hosts listener only; an engine is chosen in the shell and
/// nowhere else.
const NEVER: &[(&str, &str)] = &[
    ("bonafide-http", "bonafide-core"),
    ("bonafide-http", "bonafide-store"),
    ("bonafide-http", "bonafide-store-sqlite"),
    ("bonafide-http", "bonafide-login"),
    ("bonafide-http", "bonafide-management"),
    ("bonafide-http", "bonafide-hosts"),
    ("bonafide-http", "bonafide-graph"),
    ("bonafide-http", "bonafide-metadata"),
    ("bonafide-opener", "bonafide-types"),
    ("bonafide-files", "bonafide-core"),
    ("bonafide-files", "bonafide-store"),
    ("bonafide-files", "bonafide-store-sqlite"),
    ("bonafide-host", "bonafide-core"),
    ("bonafide-host", "bonafide-store"),
    ("bonafide-host", "bonafide-store-sqlite"),
    ("bonafide-host", "bonafide-login"),
    ("bonafide-host", "bonafide-management"),
    ("bonafide-host", "bonafide-hosts"),
    ("bonafide-host", "bonafide-plane"),
    ("bonafide-plane", "bonafide-host"),
    ("bonafide-plane", "bonafide-metadata"),
    ("bonafide-metadata", "bonafide-core"),
    ("bonafide-metadata", "bonafide-store"),
    ("bonafide-metadata", "bonafide-store-sqlite"),
    ("bonafide-core", "bonafide-store-sqlite"),
    ("bonafide-login", "bonafide-store-sqlite"),
    ("bonafide-management", "bonafide-store-sqlite"),
    ("bonafide-hosts", "bonafide-store-sqlite"),
    ("bonafide-graph", "bonafide-store-sqlite"),
];

/// Outside crates that only some of ours may use, tests included, and the lowest layer that may.
const SHELL_ONLY: &[&str] =
    &["tokio", "tokio-rustls", "hyper", "hyper-util", "http-body-util", "async-trait", "futures", "clap"];

/// Outside crates with one home, by crate; tests may use them anywhere.
const ONE_HOME: &[(&str, &str)] = &[("rusqlite", "bonafide-store-sqlite"), ("rcgen", "bonafide-crypto")];

/// The workspace at `root` as cargo describes it, without resolving anything: no network, no lock.
pub(super) fn metadata(root: &Path) -> Result<Value, TidyError> {
    let failed = |error: &dyn std::fmt::Display| TidyError::Metadata(error.to_string());
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root)
        .output()
        .map_err(|error| failed(&error))?;
    if !output.status.success() {
        return Err(failed(&String::from_utf8_lossy(&output.stderr).trim()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| failed(&error))
}

/// The forbidden edges in the output of `cargo metadata`.
pub(super) fn check(metadata: &Value) -> Result<Vec<String>, TidyError> {
    let packages =
        metadata["packages"].as_array().ok_or_else(|| TidyError::Metadata("it lists no packages".to_owned()))?;
    let mut problems = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(layer) = layer(name) else {
            problems.push(format!("{name}: this crate has no layer yet; give it one in xtask/src/tidy/edges.rs"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let used = dependency["name"].as_str().unwrap_or_default();
            let in_tests = dependency["kind"] == "dev";
            let ours = !dependency["path"].is_null();
            let why = if ours {
                refuse_ours(name, layer, used, in_tests)
            } else {
                refuse_outside(name, layer, used, in_tests)
            };
            problems.extend(why.map(|why| format!("{name}: must not depend on {used}: {why}")));
        }
    }
    Ok(problems)
}

fn layer(name: &str) -> Option<u8> {
    LAYERS.iter().find(|(of, _)| *of == name).map(|(_, layer)| *layer)
}

fn refuse_ours(name: &str, layer_of_user: u8, used: &str, in_tests: bool) -> Option<&'static str> {
    let Some(layer_of_used) = layer(used) else { return Some("it has no layer") };
    // A crate's own tests may see it with a feature switched on, and the whole cloud in memory.
    if in_tests && (name == used || used == "bonafide-testkit") {
        return None;
    }
    if NEVER.contains(&(name, used)) {
        return Some("these two are kept apart on purpose (ARCHITECTURE.md)");
    }
    if layer_of_used < layer_of_user || ALSO.contains(&(name, used)) {
        return None;
    }
    Some(match layer_of_user {
        SURFACES if layer_of_used == SURFACES => "surfaces never import one another",
        _ => "dependencies point down only",
    })
}

fn refuse_outside(name: &str, layer_of_user: u8, used: &str, in_tests: bool) -> Option<&'static str> {
    if SHELL_ONLY.contains(&used) && layer_of_user < SHELL {
        return Some("only the shell awaits and owns sockets (docs/adr)");
    }
    match ONE_HOME.iter().find(|(of, _)| *of == used) {
        Some((_, home)) if *home != name && !in_tests => Some("it has one home, and this is another"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn problems(name: &str, used: &str, kind: Option<&str>, ours: bool) -> Vec<String> {
        let path = ours.then_some("crates/x");
        let dependency = json!({"name": used, "kind": kind, "path": path});
        check(&json!({"packages": [{"name": name, "dependencies": [dependency]}]})).unwrap()
    }

    #[test]
    fn dependencies_point_down_only() {
        assert!(problems("bonafide-core", "bonafide-store", None, true).is_empty());
        for (upper, lower) in [
            ("bonafide-types", "bonafide-wire"),
            ("bonafide-wire", "bonafide-crypto"),
            ("bonafide-store", "bonafide-store-sqlite"),
            ("bonafide-plane", "bonafide"),
            ("bonafide-host", "bonafide-plane"),
            ("bonafide-plane", "bonafide-host"),
            ("bonafide", "bonafide-testkit"),
        ] {
            assert_eq!(problems(upper, lower, None, true).len(), 1, "{upper} -> {lower}");
        }
    }

    #[test]
    fn surfaces_never_import_one_another_not_even_in_tests() {
        for kind in [None, Some("dev")] {
            let found = problems("bonafide-login", "bonafide-hosts", kind, true);
            assert!(found[0].contains("surfaces never import one another"), "{found:?}");
        }
    }

    #[test]
    fn the_agent_sees_neither_the_domain_nor_the_store() {
        for used in ["bonafide-core", "bonafide-store", "bonafide-store-sqlite"] {
            assert_eq!(problems("bonafide-metadata", used, None, true).len(), 1, "{used}");
        }
        assert!(problems("bonafide-metadata", "bonafide-wire", None, true).is_empty());
        for used in ["core", "store", "store-sqlite", "login", "management", "hosts", "plane"] {
            for kind in [None, Some("dev")] {
                let used = format!("bonafide-{used}");
                assert_eq!(problems("bonafide-host", &used, kind, true).len(), 1, "{used} {kind:?}");
            }
        }
        assert!(problems("bonafide-host", "bonafide-metadata", None, true).is_empty());
    }

    #[test]
    fn tn_07_only_the_shell_and_the_tools_may_await() {
        for kind in [None, Some("dev"), Some("build")] {
            assert_eq!(problems("bonafide-login", "tokio", kind, false).len(), 1, "{kind:?}");
        }
        for name in ["bonafide-plane", "bonafide-host", "bonafide", "bonafide-testkit", "bench"] {
            assert!(problems(name, "tokio", None, false).is_empty(), "{name}");
        }
    }

    #[test]
    fn a_crate_without_a_layer_is_refused() {
        assert_eq!(problems("bonafide-portal", "serde", None, false).len(), 1);
        assert_eq!(problems("bonafide-plane", "bonafide-portal", None, true).len(), 1);
    }

    #[test]
    fn tests_may_see_their_own_crate_and_the_cloud_in_memory() {
        assert!(problems("bonafide-store", "bonafide-store", Some("dev"), true).is_empty());
        assert!(problems("bonafide-login", "bonafide-testkit", Some("dev"), true).is_empty());
        assert_eq!(problems("bonafide-login", "bonafide-testkit", None, true).len(), 1);
    }
}
