//! `cargo test` runs `cargo xtask tidy`.

#![allow(clippy::disallowed_methods, reason = "a test of the tree asks cargo about it")]

use std::collections::HashSet;
use std::path::Path;
use std::process::Command;

#[test]
fn the_tree_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace");
    let findings = xtask::tidy::check(root).expect("the tree can be read");
    assert!(findings.problems.is_empty(), "\n{}", findings.problems.join("\n"));
}

/// Checks the libraries of the binary: private keys are used by aws-lc only, whose RSA is blinded and takes the same
/// time for every key. `deny.toml` bans the others where this cannot look.
#[test]
fn jw_10_only_one_library_handles_private_keys() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace");
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--package", "bonafide", "--edges", "normal,build", "--prefix", "none", "--locked", "--offline"])
        .current_dir(root)
        .output()
        .expect("cargo runs");
    let tree = String::from_utf8(tree.stdout).expect("cargo prints text");
    let crates: HashSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(crates.contains("aws-lc-rs"), "{tree}");
    for banned in ["rsa", "ring", "openssl", "openssl-sys", "native-tls", "boring", "dsa", "p256", "k256"] {
        assert!(!crates.contains(banned), "{banned} is part of the binary");
    }
}
