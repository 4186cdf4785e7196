//! Control groups of callers (of version 2, which alone has one for each process). By their ids, which no other one ever has:
//! a path can be that of another group tomorrow.

use bonafide_files::read_of_system;
use nix::sys::socket::{getsockopt, sockopt::PeerPidfd};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The places at which the hierarchy can be, the second beside those of version 1. Source: systemd, "Control Group APIs and
/// Delegation".
const ROOTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
/// The file of each group in the hierarchy, and of none of version 1.
const MARK: &str = "cgroup.controllers";

/// The id of the control group at a path, if there is one now.
pub(crate) fn control_group_at(path: &str) -> Option<u64> {
    let root = ROOTS.iter().map(Path::new).find(|root| root.join(MARK).exists())?;
    let at: PathBuf = root.join(path.trim_start_matches('/'));
    at.join(MARK).exists().then(|| std::fs::metadata(at).ok().map(|found| found.ino()))?
}

/// The id of the control group of the process that connected a unix socket; `None` where that process is no more, or cannot be
/// told (Linux before 6.5).
pub(crate) fn control_group_of_peer(connection: BorrowedFd<'_>) -> Option<u64> {
    let process = getsockopt(&connection, PeerPidfd).ok()?;
    let pid = id_of(&process)?;
    let table = read_of_system(Path::new(&format!("/proc/{pid}/cgroup"))).ok()?;
    let table = String::from_utf8(table).ok()?;
    let id = control_group_at(of_version_2(&table)?)?;
    // As long as it lives, no other process has its number: what was read is its own.
    lives(&process).then_some(id)
}

/// The path in a `proc_pid_cgroup(5)` file; not that of a group that was removed, or is outside of our own view.
fn of_version_2(table: &str) -> Option<&str> {
    let path = table.lines().find_map(|line| line.strip_prefix("0::"))?;
    (path.starts_with('/') && !path.ends_with(" (deleted)") && !path.split('/').any(|step| step == ".."))
        .then_some(path)
}

/// The number of a process that lives.
fn id_of(process: &impl AsFd) -> Option<u32> {
    use std::os::fd::AsRawFd;
    let path = format!("/proc/self/fdinfo/{}", process.as_fd().as_raw_fd());
    let facts = String::from_utf8(read_of_system(Path::new(&path)).ok()?).ok()?;
    // -1 once it is no more, 0 where it has none here.
    let pid = facts.lines().find_map(|line| line.strip_prefix("Pid:"))?.trim().parse().ok()?;
    (pid > 0).then_some(pid)
}

/// A descriptor of a process can be read from once that has ended.
fn lives(process: &impl AsFd) -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&now)) == Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn md_11_the_control_group_of_a_peer_is_that_of_its_process() {
        let Some(root) = control_group_at("/") else { return eprintln!("skipped: no control groups of version 2") };
        assert_ne!(root, 0);
        let (one, _other) = UnixStream::pair().unwrap();
        let table = String::from_utf8(read_of_system(Path::new("/proc/self/cgroup")).unwrap()).unwrap();
        let mine = of_version_2(&table).and_then(control_group_at);
        if getsockopt(&one.as_fd(), PeerPidfd).is_err() {
            return eprintln!("skipped: Linux before 6.5");
        }
        assert_eq!(control_group_of_peer(one.as_fd()), mine);
        assert_eq!(control_group_at("/there-is-none"), None);
    }

    #[test]
    fn md_11_only_a_path_within_the_hierarchy_is_one() {
        assert_eq!(of_version_2("9:pids:/a\n0::/b/c\n"), Some("/b/c"));
        for table in ["", "9:pids:/a\n", "0::/../a\n", "0::/a (deleted)\n", "0::a\n"] {
            assert_eq!(of_version_2(table), None, "{table}");
        }
    }

    #[test]
    fn md_11_a_process_that_has_ended_has_no_control_group() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        let process = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
        child.wait().unwrap();
        assert!(!lives(&process) && id_of(&process).is_none());
    }

    #[test]
    fn md_11_a_connection_whose_process_has_ended_is_of_no_control_group_whoever_has_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let mut curl = std::process::Command::new("curl");
        let Ok(mut child) = curl.args(["-s", "--unix-socket"]).arg(&path).arg("http://localhost/").spawn() else {
            return eprintln!("skipped: no curl");
        };
        let connection = listener.accept().unwrap().0;
        let before = control_group_of_peer(connection.as_fd());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(before.is_some(), control_group_at("/").is_some() && getsockopt(&connection, PeerPidfd).is_ok());
        assert_eq!(control_group_of_peer(connection.as_fd()), None);
    }
}
