//! Other users of the machine, and files that others made: what they must not get, and what they must not decide.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use support::{
    Up, as_other_user, bonafide, http, is_root, metadata_request, refused, run, skip, token_target, up_command,
};

const ARM: &str = "https://management.azure.com/";
/// A user of the machine who is nobody special.
const SOMEBODY: u32 = 12_345;
/// The user that the kernel shows where it cannot tell one. Source: proc(5), `overflowuid`.
const OVERFLOW: u32 = 65_534;

/// The same command as another user. Needs root.
fn as_user(user: u32, mut command: Command) -> Command {
    command.uid(user).gid(user);
    command
}

/// The same command in a user namespace in which this process's user has the id `user`, and nobody else has any.
fn in_user_namespace(user: u32, inner: &Command) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", &format!("--map-user={user}"), &format!("--map-group={user}"), "--"]);
    command.arg(inner.get_program()).args(inner.get_args());
    command
}

/// A folder of `user`'s.
fn folder_of(user: u32) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    chown(dir.path(), Some(user), Some(user)).unwrap();
    dir
}

#[test]
fn id_01_the_id_that_the_kernel_shows_for_users_it_cannot_tell_vouches_for_nobody() {
    let dir = tempfile::tempdir().unwrap();
    if !run(in_user_namespace(OVERFLOW, &Command::new("true"))).status.success() {
        return skip("there are no user namespaces here");
    }
    let line = refused(in_user_namespace(OVERFLOW, &up_command(dir.path(), &["--any-user"])));
    assert!(line.contains("65534") && line.contains("another user"), "{line}");
    assert!(!dir.path().join("data").exists(), "nothing was made");
    // Another id in the same namespace is its user's own, and all others are still not told.
    let up = Up::run(in_user_namespace(SOMEBODY, &up_command(dir.path(), &[])), dir.path());
    assert!(up.token(ARM).is_ok());
    if is_root() {
        assert!(!as_other_user(up.imds(), &token_target(ARM)).contains("access_token"));
    }
    // Outside of namespaces nobody is a user like any other.
    if is_root() {
        let dir = folder_of(OVERFLOW);
        let up = Up::run(as_user(OVERFLOW, up_command(dir.path(), &[])), dir.path());
        assert!(as_other_user(up.imds(), &token_target(ARM)).contains("access_token"));
    }
}

#[test]
fn id_01_the_data_directorys_user_and_root_are_served_and_nobody_else() {
    if !is_root() {
        return skip("being another user needs root");
    }
    let dir = folder_of(SOMEBODY);
    let up = Up::run(as_user(SOMEBODY, up_command(dir.path(), &[])), dir.path());
    let ask = |user: u32| {
        let mut token = bonafide(dir.path(), "token");
        token.args(["--resource", ARM]);
        run(as_user(user, token))
    };
    for user in [SOMEBODY, 0] {
        let output = ask(user);
        assert!(output.status.success(), "{user}: {}", String::from_utf8_lossy(&output.stderr));
        for name in ["env", "info"] {
            let output = run(as_user(user, bonafide(dir.path(), name)));
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(output.status.success(), "{user} {name}: {said}");
            assert_eq!(said.contains("belongs to user 12345"), user == 0, "root is told whose it is: {said}");
        }
        let mut list = bonafide(dir.path(), "host");
        list.arg("list");
        let said = String::from_utf8(run(as_user(user, list)).stderr).unwrap();
        assert_eq!(said.matches("belongs to user 12345").count(), usize::from(user == 0), "once: {said}");
        assert!(said.contains("nothing is attached on this machine"), "{said}");
    }
    assert!(up.token(ARM).is_ok(), "root at the endpoint");
    assert!(!as_other_user(up.imds(), &token_target(ARM)).contains("access_token"));
    // A third user, even where the way is open.
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(dir.path().join("data"), fs::Permissions::from_mode(0o755)).unwrap();
    let said = String::from_utf8(ask(SOMEBODY + 1).stderr).unwrap();
    assert!(said.contains("belongs to user 12345"), "{said}");
    assert!(up.stop().success());
    // Its user could not read files that root made there.
    let line = refused(up_command(dir.path(), &[]));
    assert!(line.contains("belongs to user 12345") && line.contains("start it as that user"), "{line}");
}

/// Files as an attacker, or a careless copy, leaves them: each is refused by name, and none is waited for.
#[test]
fn ha_05_a_planted_link_pipe_or_file_of_others_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    assert!(Up::start(dir.path(), &[]).stop().success());
    let data = dir.path().join("data");
    // As a kill leaves it.
    for name in ["store/store.db-wal", "store/store.db-shm"] {
        fs::OpenOptions::new().append(true).create(true).open(data.join(name)).unwrap();
        fs::set_permissions(data.join(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    let aside = dir.path().join("aside");
    let names = [
        "key",
        "agent/key",
        "agent/state.json",
        "store/store.db",
        "store/store.db-wal",
        "store/store.db-shm",
        "store/lock",
        "info.json",
        "ca.pem",
    ];
    for name in names {
        let path = data.join(name);
        let (mode, is_public) = (fs::metadata(&path).unwrap().mode(), name.ends_with(".pem") || name == "info.json");
        let refuse = |what: &str| {
            // A file that everybody may read is written anew by each start, and read by the other commands.
            let command = if is_public { bonafide(dir.path(), "env") } else { up_command(dir.path(), &[]) };
            let line = refused(command);
            assert!(line.contains(path.to_str().unwrap()), "{name} {what}: {line}");
        };
        fs::rename(&path, &aside).unwrap();
        symlink(&aside, &path).unwrap();
        refuse("is a link");
        fs::remove_file(&path).unwrap();
        mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        refuse("is a pipe");
        fs::remove_file(&path).unwrap();
        fs::rename(&aside, &path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o622)).unwrap();
        refuse("can be written to by others");
        if !is_public {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            refuse("can be read by others");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        if is_root() {
            chown(&path, Some(SOMEBODY), None).unwrap();
            refuse("belongs to another user");
            chown(&path, Some(0), None).unwrap();
        }
    }
    assert!(Up::start(dir.path(), &[]).token(ARM).is_ok(), "nothing was lost");
}

/// A folder that came from elsewhere with a data directory in it, as `git clone` and `tar` make it.
#[test]
fn ha_05_a_data_directory_that_came_with_a_folder_is_used_only_where_it_is_named() {
    let (dir, clone) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut made = up_command(dir.path(), &[]);
    made.arg("--data-dir").arg(dir.path().join(".bonafide"));
    let command = |folder: &Path, line: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bonafide"));
        command.current_dir(folder).stdin(Stdio::null()).args(line);
        command
    };
    let up_line = ["up", "--json", "--listen", "127.0.0.1:0", "--hosts-listen", "127.0.0.1:0"];
    let up = Up::run(command(dir.path(), &up_line), dir.path());
    let copied = Command::new("cp").arg("-a").arg(dir.path().join(".bonafide")).arg(clone.path()).status().unwrap();
    assert!(copied.success());
    let readers: [&[&str]; 4] = [&["env"], &["info"], &["token", "--resource", ARM], &["exec", "--", "true"]];
    for line in readers {
        assert!(run(command(dir.path(), line)).status.success(), "{line:?}: one's own needs no name");
        let said = refused(command(clone.path(), line));
        assert!(said.contains(".bonafide was not made here") && said.contains("--data-dir .bonafide"), "{said}");
    }
    let said = refused(command(clone.path(), &up_line));
    assert!(said.contains(".bonafide was not made here"), "{said}");
    // No advice leads to it.
    let below = clone.path().join("below");
    fs::create_dir(&below).unwrap();
    let said = refused(command(&below, &["env"]));
    assert!(!said.contains("where there is one"), "{said}");
    for line in &readers[..2] {
        let mut named = command(clone.path(), &line[..1]);
        named.args(["--data-dir", ".bonafide"]).args(&line[1..]);
        assert!(run(named).status.success(), "{line:?}: named, it is meant");
    }
    assert!(up.stop().success());
    // A folder that moves on its own disk keeps what was made in it, and one that was named is one's own from then on.
    let moved = dir.path().join("moved");
    fs::create_dir(&moved).unwrap();
    fs::rename(dir.path().join(".bonafide"), moved.join(".bonafide")).unwrap();
    assert!(run(command(&moved, &["env"])).status.success());
    let mut named = command(clone.path(), &up_line);
    named.args(["--data-dir", ".bonafide"]);
    assert!(Up::run(named, clone.path()).stop().success());
    assert!(run(command(clone.path(), &["env"])).status.success());
    if is_root() {
        chown(clone.path().join(".bonafide"), Some(SOMEBODY), None).unwrap();
        let said = refused(command(clone.path(), &["env"]));
        let wanted = ".bonafide belongs to user 12345; if you mean it, name it: --data-dir .bonafide";
        assert!(said.ends_with(wanted), "{said}");
    }
}

/// A memory image has the keys, whoever may read it.
#[test]
fn ha_04_a_crash_leaves_no_core_and_nobody_reads_the_memory() {
    use rustix::process::{Pid, Signal, kill_process};
    let dir = tempfile::tempdir().unwrap();
    let root = is_root();
    if root {
        chown(dir.path(), Some(SOMEBODY), Some(SOMEBODY)).unwrap();
    }
    let own = |mut command: Command| {
        command.current_dir(dir.path());
        if root { as_user(SOMEBODY, command) } else { command }
    };
    for signal in [Signal::SEGV, Signal::ABORT] {
        let inner = up_command(dir.path(), &[]);
        let mut unlimited = Command::new("sh");
        unlimited.args(["-c", "ulimit -c unlimited && exec \"$0\" \"$@\""]);
        unlimited.arg(inner.get_program()).args(inner.get_args());
        let up = Up::run(own(unlimited), dir.path());
        for pid in up.pids() {
            let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap_or_default();
            let core = limits.lines().find(|line| line.starts_with("Max core file size"));
            assert!(core.is_none_or(|line| line.split_whitespace().nth(4) == Some("0")), "{core:?}");
            // As the same user, who could attach otherwise.
            let mut reader = Command::new("sh");
            reader.args(["-c", &format!("cat /proc/{pid}/maps >/dev/null && echo readable")]);
            let read = run(own(reader));
            assert_eq!(String::from_utf8_lossy(&read.stdout), "", "the memory of {pid} can be read");
            if Command::new("gcore").arg("-h").output().is_ok() {
                let mut gcore = Command::new("gcore");
                gcore.args(["-o", "image", &pid.to_string()]);
                assert!(!run(own(gcore)).status.success(), "gcore of {pid}");
            }
        }
        let serving = up.serving();
        support::eventually(support::PATIENCE, "another one serves", || {
            // The first SIGSEGV is taken for a fault, and its handler goes away.
            let _ = kill_process(Pid::from_raw(serving as i32).unwrap(), signal);
            up.server().is_some_and(|next| next != serving)
        });
        up.kill();
        let left = fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        let images: Vec<String> = left.filter(|name| name.starts_with("core") || name.starts_with("image")).collect();
        assert!(images.is_empty(), "{images:?}");
    }
}

/// The way to it leads through our own descriptors, which only root may see from outside.
#[test]
fn ha_04_a_control_socket_at_a_long_path_is_reached() {
    let dir = if is_root() { folder_of(SOMEBODY) } else { tempfile::tempdir().unwrap() };
    let long = dir.path().join("a-folder-with-a-long-name".repeat(5));
    fs::create_dir(&long).unwrap();
    let own = |command: Command| if is_root() { as_user(SOMEBODY, command) } else { command };
    if is_root() {
        chown(&long, Some(SOMEBODY), Some(SOMEBODY)).unwrap();
    }
    let _up = Up::run(own(up_command(&long, &[])), &long);
    let mut token = bonafide(&long, "token");
    token.args(["--resource", ARM]);
    let output = run(own(token));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The command of `exec` is not ours, and may leave a core where its user wants one.
#[test]
fn ha_04_a_command_of_exec_keeps_its_own_limits() {
    let dir = tempfile::tempdir().unwrap();
    let _up = Up::start(dir.path(), &[]);
    let mut exec = bonafide(dir.path(), "exec");
    exec.args(["--", "sh", "-c", "ulimit -c"]);
    let output = run(exec);
    let own = Command::new("sh").args(["-c", "ulimit -c"]).output().unwrap();
    assert_eq!(output.stdout, own.stdout);
}

/// The hosts listener of `up` is for its own agent, unless somebody gives it an address.
#[test]
fn av_04_a_taken_default_port_of_the_hosts_listener_stops_no_start() {
    let dir = tempfile::tempdir().unwrap();
    // Taken by this test, or by something else already.
    let _taken = std::net::TcpListener::bind("127.0.0.1:8444");
    let mut up = bonafide(dir.path(), "up");
    up.args(["--json", "--listen", "127.0.0.1:0"]);
    let up = Up::run(up, dir.path());
    assert!(up.token(ARM).is_ok());
    support::eventually(support::PATIENCE, "it is told", || up.log().contains("127.0.0.1:8444 is taken by another"));
    assert!(up.stop().success());
    let line = refused(up_command(dir.path(), &["--hosts-listen", "127.0.0.1:8444"]));
    assert!(line.contains("--hosts-listen"), "{line}");
}

/// Another program sits on the endpoint's port, to collect what is asked there, while `up` is away.
#[test]
fn av_04_a_taken_port_moves_one_endpoint_and_stops_no_start() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let imds = up.imds();
    assert!(up.stop().success());
    let taken = std::net::TcpListener::bind(imds).unwrap();
    let up = Up::start(dir.path(), &[]);
    assert_ne!(up.imds(), imds);
    assert!(up.token(ARM).is_ok());
    let note = format!("port {} of workload demo's metadata endpoint is taken by another program", imds.port());
    support::eventually(support::PATIENCE, "it is told", || up.log().contains(&note));
    assert!(up.stop().success());
    let line = refused(up_command(dir.path(), &["--imds-port", &imds.port().to_string()]));
    assert!(line.contains("--imds-port"), "{line}");
    drop(taken);
    let up = Up::start(dir.path(), &[]);
    assert_eq!(up.imds(), imds, "it is back as soon as its port is free");
    assert!(http(imds, &metadata_request(imds, &token_target(ARM))).body.contains("access_token"));
}

/// `git pull` writes over files that git was told to ignore, with those of the repository.
#[test]
fn ha_05_a_file_that_came_into_a_data_directory_later_is_obeyed_by_nobody_who_did_not_name_it() {
    const UP: [&str; 6] = ["up", "--json", "--listen", "127.0.0.1:0", "--hosts-listen", "127.0.0.1:0"];
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let command = |folder: &Path, line: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bonafide"));
        command.current_dir(folder).stdin(Stdio::null()).args(line);
        command
    };
    for dir in [&ours, &theirs] {
        for _ in 0..2 {
            assert!(Up::run(command(dir.path(), &UP), dir.path()).stop().success());
        }
    }
    let path = |dir: &tempfile::TempDir, name: &str| dir.path().join(".bonafide").join(name);
    for (name, line) in [("info.json", &["env"][..]), ("ca.pem", &["env"]), ("key", &UP), ("agent/key", &UP)] {
        let (place, aside) = (path(&ours, name), path(&ours, "aside"));
        fs::rename(&place, &aside).unwrap();
        fs::copy(path(&theirs, name), &place).unwrap();
        let said = refused(command(ours.path(), line));
        assert!(said.contains(".bonafide was not made here"), "{name}: {said}");
        fs::rename(&aside, &place).unwrap();
    }
    assert!(run(command(ours.path(), &["env"])).status.success());
    // All at once, and so consistent.
    for name in ["key", "agent/key", "agent/state.json", "info.json", "ca.pem", "mark"] {
        fs::copy(path(&theirs, name), path(&ours, name)).unwrap();
    }
    fs::remove_dir_all(path(&ours, "store")).unwrap();
    let copied = Command::new("cp").arg("-a").args([path(&theirs, "store"), path(&ours, "store")]).status().unwrap();
    assert!(copied.success());
    assert!(refused(command(ours.path(), &UP)).contains(".bonafide was not made here"));
}
