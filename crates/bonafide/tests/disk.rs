//! Disks that fail and disks that are full.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use support::identities::{delete, exists, identity_id};
use support::{IDENTITIES, MACHINES, Up, eventually, run_within, skip, up_command};

const ARM: &str = "https://management.azure.com/";
const SOON: Duration = Duration::from_secs(10);

/// With a library that is loaded before the C library and fails one sync (needs `cc`).
#[test]
fn du_03_after_a_failed_sync_writes_are_refused_and_tokens_go_on_until_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let library = dir.path().join("disk.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../store-sqlite/tests/support/disk.c");
    let cc = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).status();
    assert!(cc.expect("this test needs a C compiler, `cc`").success());
    let control = dir.path().join("disk-control");
    fs::write(&control, [0; 48]).unwrap();
    let mut command = up_command(dir.path(), &[]);
    command.env("LD_PRELOAD", library).env("BONAFIDE_TEST_DISK_CONTROL", &control);
    let up = Up::run(command, dir.path());
    let token = up.operator_token();
    let put =
        |name: &str| up.manage(&token, "PUT", &identity_id(&up, name), IDENTITIES, r#"{"location":"westeurope"}"#);
    assert_eq!(put("before").status, 201);
    assert!(up.token(ARM).is_ok(), "the agent makes its key now");
    let field = fs::File::options().write(true).open(&control).unwrap();
    // `sync_to_fail`: the next one.
    field.write_all_at(&1_u64.to_ne_bytes(), 3 * 8).unwrap();
    let unknown = put("unknown");
    assert_eq!(unknown.status, 503, "{}", unknown.body);
    for _ in 0..3 {
        let refused = put("after");
        assert_eq!(refused.status, 503);
        assert!(refused.body.contains("until it is started again"), "{}", refused.body);
    }
    assert!(up.token(ARM).is_ok());
    assert!(exists(&up, "before") && !exists(&up, "after"));
    let ready = up.https("GET", "/readyz", &[], "");
    assert_eq!((ready.status, ready.json()["status"].as_str()), (200, Some("degraded")), "{}", ready.body);
    assert!(ready.json()["writes"].as_str().unwrap().starts_with("stopped until the next start"));
    eventually(SOON, "it is logged", || up.log().contains("storeWritesStopped"));
    assert_eq!(up.log().matches("storeWritesStopped").count(), 1, "{}", up.log());
    assert!(up.stop().success());
    let up = Up::start(dir.path(), &[]);
    assert!(exists(&up, "before") && !exists(&up, "after"));
    drop(up.identity("after"));
}

/// On a disk of 32 MB of its own, which ends with the child that mounted it.
#[test]
fn au_05_on_a_full_disk_up_starts_and_what_is_there_can_be_deleted() {
    const NAME: &str = "au_05_on_a_full_disk_up_starts_and_what_is_there_can_be_deleted";
    const DISK: &str = "BONAFIDE_TEST_DISK";
    let Some(disk) = std::env::var_os(DISK) else {
        let dir = tempfile::tempdir().unwrap();
        let mount = "truncate -s 32M disk && mkfs.ext4 -q -m 0 disk && mkdir mounted && mount -o loop disk mounted";
        let mut child = Command::new("unshare");
        child.args(["-m", "sh", "-c", &format!("{mount} || exit 77; exec \"$0\" \"$@\"")]);
        child.arg(std::env::current_exe().unwrap()).args([NAME, "--exact", "--nocapture"]);
        child.current_dir(dir.path()).env(DISK, dir.path().join("mounted"));
        let output = run_within(Duration::from_secs(120), child);
        // 101: the test's own failure.
        if !output.status.success() && output.status.code() != Some(101) {
            return skip("no disk can be mounted here (root, unshare and mkfs.ext4 are needed)");
        }
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success(), "{text}");
        return;
    };
    let disk = PathBuf::from(disk);
    let mut up = Up::start(&disk, &["--quiet"]);
    let deleted: Vec<String> = (0..6).map(|n| up.identity(&format!("deleted-{n}")).0).collect();
    assert!(up.token(ARM).is_ok(), "the agent makes its key now");
    let machine = up.demo().replace("/virtualMachines/demo", "/virtualMachines/large");
    let large = json!({ "location": "westeurope", "properties": { "text": "x".repeat(500_000) } }).to_string();
    for half in deleted.chunks(3) {
        fill(&disk);
        // The log may still have room; many large rows have none.
        let token = up.operator_token();
        let mut answers = (0..60).map(|_| up.manage(&token, "PUT", &machine, MACHINES, &large));
        let refused = answers.find(|answer| answer.status >= 500).expect("a full disk refuses");
        assert_eq!(refused.status, 503, "{}", refused.body);
        assert!(refused.body.contains("disk of the installation is full"), "{}", refused.body);
        assert_eq!(ready(&up)["writes"], "deletions only: the disk is full");
        half.iter().for_each(|id| delete(&up, id));
        assert!(up.token(ARM).is_ok(), "tokens need no space: {:?}", up.token(ARM));
        up.kill();
        fill(&disk);
        up = Up::start(&disk, &["--quiet"]);
        assert!(up.token(ARM).is_ok());
    }
    fs::remove_file(disk.join("filler")).unwrap();
    eventually(SOON, "the reserve is made again", || ready(&up)["writes"] == "ok");
    drop(up.identity("made-again"));
}

fn ready(up: &Up) -> Value {
    up.https("GET", "/readyz", &[], "").json()
}

/// Takes all the space that is left; what the file system puts aside for the file comes free when it is closed.
fn fill(disk: &Path) {
    let fill = "for size in 64k 4k 4k 4k; do dd if=/dev/zero bs=$size >> filler 2> /dev/null; sync; done; true";
    assert!(Command::new("sh").args(["-c", fill]).current_dir(disk).status().unwrap().success());
}
