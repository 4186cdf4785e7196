//! Backups and the high-water mark, with the whole program.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::identities::{delete, exists};
use support::{Up, bonafide, eventually, refused, run, up_command};

const ARM: &str = "https://management.azure.com/";
const SOON: Duration = Duration::from_secs(10);

#[test]
fn du_05_one_bit_in_the_first_frame_of_the_log_is_refused_with_one_line() {
    let dir = tempfile::tempdir().unwrap();
    // So that the database has the first part, and the log only what comes after.
    assert!(Up::start(dir.path(), &[]).stop().success());
    let up = Up::start(dir.path(), &[]);
    (0..3).for_each(|n| drop(up.identity(&format!("acknowledged-{n}"))));
    up.kill();
    let log = dir.path().join("data/store/store.db-wal");
    let mut bytes = fs::read(&log).unwrap();
    bytes[32 + 24 + 100] ^= 1;
    fs::write(&log, &bytes).unwrap();
    let line = refused(up_command(dir.path(), &[]));
    assert!(line.contains("its mark at revision ") && line.contains("bonafide restore"), "{line}");
    assert!(fs::read(&log).unwrap() == bytes, "the log is as it was");
    // The bit is put right, and nothing is lost.
    bytes[32 + 24 + 100] ^= 1;
    fs::write(&log, &bytes).unwrap();
    let up = Up::start(dir.path(), &[]);
    assert!(exists(&up, "acknowledged-2"));
}

#[test]
fn op_05_a_copy_of_the_store_does_not_bring_back_what_was_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let (id, _) = up.identity("deleted");
    assert!(up.stop().success());
    let (store, copy) = (dir.path().join("data/store"), dir.path().join("copy"));
    copy_folder(&store, &copy);
    let up = Up::start(dir.path(), &[]);
    delete(&up, &id);
    assert!(up.stop().success());
    fs::remove_dir_all(&store).unwrap();
    copy_folder(&copy, &store);
    let line = refused(up_command(dir.path(), &[]));
    assert!(line.contains("older copy") && line.contains("bonafide restore"), "{line}");
    fs::remove_file(dir.path().join("data/mark")).unwrap();
    let line = refused(up_command(dir.path(), &[]));
    assert!(line.contains("has lost its mark") && line.contains("--accept-older"), "{line}");
    // The way on that the line names.
    let database = store.join("store.db");
    let line = refused(restore(dir.path(), &database, &[]));
    assert!(line.contains("--accept-older"), "{line}");
    let done = run(restore(dir.path(), &database, &["--accept-older"]));
    assert!(done.status.success(), "{done:?}");
    let up = Up::start(dir.path(), &[]);
    assert!(exists(&up, "deleted"), "whoever accepts an older store accepts this");
    assert!(up.token(ARM).is_ok());
}

#[test]
fn op_05_a_backup_is_made_while_up_runs_and_restored_while_it_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let tenant = up.info["tenantId"].clone();
    let (id, _) = up.identity("backed-up");
    let file = dir.path().join("backup.db");
    let made = run(backup(dir.path(), &file));
    assert!(made.status.success(), "{made:?}");
    let said = String::from_utf8(made.stdout).unwrap();
    assert!(said.contains("data/key") && said.contains("is not in it"), "{said}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let before = fs::read(&file).unwrap();
    let line = refused(backup(dir.path(), &file));
    assert!(line.contains("is there already"), "{line}");
    assert!(fs::read(&file).unwrap() == before);
    for lost in [dir.path().join("nonexist/x.db"), file.join("x.db")] {
        let line = refused(backup(dir.path(), &lost));
        assert!(line.contains(&format!("the folder {} is not there", lost.parent().unwrap().display())), "{line}");
    }

    let line = refused(restore(dir.path(), &file, &[]));
    assert!(line.contains("in use by another process"), "{line}");
    delete(&up, &id);
    assert!(up.stop().success());
    let line = refused(restore(dir.path(), &file, &[]));
    assert!(line.contains(" revisions, all since ") && line.contains("--accept-older"), "{line}");
    let up = Up::start(dir.path(), &[]);
    assert!(!exists(&up, "backed-up"), "what was refused changed nothing");
    assert!(up.stop().success());

    // A damaged backup, and one of another key, change nothing either.
    let damaged = dir.path().join("damaged.db");
    let mut bytes = before.clone();
    bytes.chunks_mut(4096).skip(2).for_each(|page| page[..64].fill(0xA5));
    fs::write(&damaged, bytes).unwrap();
    let line = refused(restore(dir.path(), &damaged, &["--accept-older"]));
    assert!(line.contains("damaged.db"), "{line}");
    let key = dir.path().join("data/key");
    let hidden = dir.path().join("key");
    fs::rename(&key, &hidden).unwrap();
    let line = refused(restore(dir.path(), &file, &["--accept-older"]));
    assert!(line.contains("the key file"), "{line}");
    let other = tempfile::tempdir().unwrap();
    assert!(Up::start(other.path(), &["--empty"]).stop().success());
    fs::copy(other.path().join("data/key"), &key).unwrap();
    let line = refused(restore(dir.path(), &file, &["--accept-older"]));
    assert!(line.contains("does not open the backup"), "{line}");
    fs::rename(&hidden, &key).unwrap();

    let done = run(restore(dir.path(), &file, &["--accept-older"]));
    assert!(done.status.success(), "{done:?}");
    let up = Up::start(dir.path(), &[]);
    assert_eq!(up.info["tenantId"], tenant);
    assert!(exists(&up, "backed-up"));
    assert!(up.token(ARM).is_ok(), "the agent goes on with the restored store");
    assert!(up.stop().success());
    let aside: Vec<_> = fs::read_dir(dir.path().join("data")).unwrap().map(|file| file.unwrap().file_name()).collect();
    let aside = aside.iter().filter(|name| name.to_string_lossy().starts_with("store.before-")).count();
    assert_eq!(aside, 1, "the old store is kept");
    // The store of before the restore is of another epoch.
    let line = refused(restore(dir.path(), &file, &[]));
    assert!(line.contains("of another") && line.contains("--accept-older"), "{line}");
}

#[test]
fn op_05_a_new_machine_needs_the_key_and_a_backup() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let tenant = up.info["tenantId"].clone();
    let file = dir.path().join("backup.db");
    assert!(run(backup(dir.path(), &file)).status.success());
    // The demo keeps its metadata port.
    assert!(up.stop().success());
    let new = tempfile::tempdir().unwrap();
    let data = only_the_key(dir.path(), new.path());
    let done = run(restore(new.path(), &file, &[]));
    assert!(done.status.success(), "{done:?}");
    let said = String::from_utf8(done.stdout).unwrap();
    assert!(said.ends_with("`bonafide up` starts with it.\n"), "there was none before: {said}");
    let left = fs::read_dir(&data).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    assert!(!left.into_iter().any(|name| name.starts_with("store.")));
    let moved = Up::start(new.path(), &[]);
    assert_eq!(moved.info["tenantId"], tenant);
    assert!(moved.token(ARM).is_ok());
}

#[test]
fn op_05_a_restore_in_a_folder_with_a_copied_key_says_what_it_needs_and_needs_it_once() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &["--empty"]);
    let file = dir.path().join("backup.db");
    assert!(run(backup(dir.path(), &file)).status.success());
    assert!(up.stop().success());
    let new = tempfile::tempdir().unwrap();
    fs::rename(only_the_key(dir.path(), new.path()), new.path().join(".bonafide")).unwrap();
    let command = |name: &str, options: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bonafide"));
        command.current_dir(new.path()).stdin(Stdio::null()).arg(name).args(options);
        command
    };
    let file = file.to_str().unwrap();
    let line = refused(command("restore", &[file]));
    assert!(line.contains("add --data-dir .bonafide: `up` and `restore` need that once"), "{line}");
    let done = run(command("restore", &["--data-dir", ".bonafide", file]));
    assert!(done.status.success(), "{done:?}");
    let free = ["--json", "--listen", "127.0.0.1:0", "--hosts-listen", "127.0.0.1:0"];
    assert!(Up::run(command("up", &free), new.path()).stop().success());
}

/// The way of those who started `up` once before they restored.
#[test]
fn op_05_a_backup_in_the_place_of_another_installation_has_the_agent_join_anew() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let tenant = up.info["tenantId"].clone();
    let file = dir.path().join("backup.db");
    assert!(run(backup(dir.path(), &file)).status.success());
    assert!(up.stop().success());
    let other = tempfile::tempdir().unwrap();
    let data = only_the_key(dir.path(), other.path());
    let up = Up::start(other.path(), &[]);
    assert_ne!(up.info["tenantId"], tenant);
    assert!(up.token(ARM).is_ok(), "the agent makes its keys now");
    assert!(up.stop().success());
    let agent = |folder: &Path| ["key", "state.json"].map(|name| fs::read(folder.join(name)).unwrap());
    let before = agent(&data.join("agent"));
    let done = run(restore(other.path(), &file, &["--accept-older"]));
    assert!(done.status.success(), "{done:?}");

    let up = Up::start(other.path(), &[]);
    assert_eq!(up.info["tenantId"], tenant);
    assert!(up.token(ARM).is_ok());
    let aside = |name: &String| name.starts_with("agent.before-");
    let names = || fs::read_dir(&data).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let kept: Vec<String> = names().filter(aside).collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(agent(&data.join(&kept[0])) == before, "no key is lost");
    eventually(SOON, "it is said", || up.log().contains(&format!("is now {}", data.join(&kept[0]).display())));
    eventually(SOON, "so is this", || up.log().contains("certificate.pem does not sign in here"));
    assert!(up.stop().success());
    let up = Up::start(other.path(), &["--reset-operator"]);
    assert!(up.token(ARM).is_ok() && !up.operator_token().is_empty());
    assert!(!up.log().contains("does not sign in here"), "{}", up.log());
    assert_eq!(names().filter(aside).count(), 1, "once");
}

#[test]
fn op_05_what_cannot_be_restored_is_named_and_nothing_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &["--empty"]);
    let backup_file = dir.path().join("backup.db");
    assert!(run(backup(dir.path(), &backup_file)).status.success());
    let empty = tempfile::tempdir().unwrap();
    let (nothing, folder) = (empty.path().join("empty.db"), empty.path().join("folder"));
    fs::write(&nothing, "").unwrap();
    fs::create_dir(&folder).unwrap();
    for (file, said) in [
        (&empty.path().join("typo.db"), "typo.db is not there: give a file of `bonafide backup`"),
        (&nothing, "empty.db is empty: give"),
        (&folder, "folder is a directory: give"),
        (&backup_file, "data/key is missing"),
    ] {
        let line = refused(restore(empty.path(), file, &[]));
        assert!(line.contains(said), "{line}");
        assert!(!empty.path().join("data").exists(), "{line}");
    }
    // The store is lost, and an epoch went by since the backup.
    assert!(up.stop().success());
    assert!(run(restore(dir.path(), &backup_file, &[])).status.success());
    fs::remove_dir_all(dir.path().join("data/store")).unwrap();
    let line = refused(restore(dir.path(), &backup_file, &[]));
    assert!(line.contains("restoring it loses what the lost store had and it has not, all since "), "{line}");
}

#[test]
fn op_05_a_restore_that_is_killed_at_any_moment_leaves_a_store_that_starts() {
    const MOMENTS: u32 = 16;
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let file = dir.path().join("backup.db");
    assert!(run(backup(dir.path(), &file)).status.success());
    drop(up.identity("later"));
    assert!(up.stop().success());
    let began = Instant::now();
    assert!(run(restore(dir.path(), &file, &["--accept-older"])).status.success());
    let whole = began.elapsed();
    let mut seen = [0, 0];
    for moment in 0..MOMENTS {
        let newer = Up::start(dir.path(), &["--quiet"]);
        if !exists(&newer, "later") {
            drop(newer.identity("later"));
        }
        assert!(newer.stop().success());
        let mut command = restore(dir.path(), &file, &["--accept-older"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole * (moment + 1) / MOMENTS);
        child.kill().unwrap();
        child.wait().unwrap();
        let up = Up::start(dir.path(), &["--quiet"]);
        seen[usize::from(exists(&up, "later"))] += 1;
        assert!(up.stop().success());
    }
    assert_eq!(seen[0] + seen[1], MOMENTS, "one or the other: {seen:?}");
}

#[test]
fn op_05_a_backup_that_is_killed_leaves_no_file_of_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &["--quiet"]);
    let began = Instant::now();
    assert!(run(backup(dir.path(), &dir.path().join("whole.db"))).status.success());
    let whole = began.elapsed();
    for moment in 0..8 {
        let file = dir.path().join(format!("{moment}.db"));
        let mut child = backup(dir.path(), &file).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole * moment / 8);
        child.kill().unwrap();
        child.wait().unwrap();
        if file.exists() {
            let new = tempfile::tempdir().unwrap();
            only_the_key(dir.path(), new.path());
            assert!(run(restore(new.path(), &file, &[])).status.success());
        }
    }
    assert!(up.token(ARM).is_ok());
}

fn backup(dir: &Path, file: &Path) -> Command {
    let mut command = bonafide(dir, "backup");
    command.arg(file);
    command
}

fn restore(dir: &Path, file: &Path, options: &[&str]) -> Command {
    let mut command = bonafide(dir, "restore");
    command.arg(file).args(options);
    command
}

/// The data directory of a new machine.
fn only_the_key(from: &Path, to: &Path) -> PathBuf {
    let data = to.join("data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
    fs::copy(from.join("data/key"), data.join("key")).unwrap();
    data
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}
