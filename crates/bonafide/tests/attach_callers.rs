//! Rules of bindings by callers inside network namespaces: real ones, of several users, control groups and user namespaces, and
//! attempts to pass for another one (MD-11).

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use support::attached::{attached, bindings, done, host, not_done};
use support::namespace::Namespace;
use support::ruled::{ControlGroup, tokens_for};
use support::{Up, is_root, metadata_request, run, skip, token_target};
use tempfile::TempDir;

const ARM: &str = "https://management.azure.com/";
const ADDRESS: &str = "169.254.169.254";
/// Users without an account.
const MEANT: u32 = 54_321;
const OTHER: u32 = 54_322;
/// The beginning of a caller in Python: `connected`, and `status` of a request over a connection. The kernel's words for user and
/// group are changed by what follows.
const CALLER: &str = "
import os, socket, sys
def opened():
    return socket.socket(socket.AF_INET6 if ':' in sys.argv[2] else socket.AF_INET)
def connected(it=None):
    it = it or opened()
    it.connect((sys.argv[2], int(sys.argv[3])))
    return it
def become(user):
    os.setgroups([]); os.setresgid(user, user, user); os.setresuid(user, user, user)
def move(folder):
    open(folder + '/cgroup.procs', 'w').write(str(os.getpid()))
def status(connection):
    connection.settimeout(10)
    connection.sendall(sys.argv[1].encode())
    return connection.recv(4096).split()[1].decode()
";

/// A namespace that is attached with rules.
struct Ruled {
    inside: Namespace,
    up: Up,
    dir: TempDir,
}

impl Ruled {
    fn create(name: &str) -> Option<Self> {
        let inside = Namespace::create(name)?;
        let dir = tempfile::tempdir().unwrap();
        let up = Up::start(dir.path(), &[]);
        Some(Self { inside, up, dir })
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("rules.json")
    }

    /// Attaches it, anew if it is, so that tokens are for this caller alone.
    fn attach(&self, caller: &Value, place: &[&str]) -> Value {
        std::fs::write(self.file(), tokens_for("enforce", caller).to_string()).unwrap();
        let file = self.file().display().to_string();
        attached(self.dir.path(), "demo", &[&["--netns", &self.inside.0, "--rules", &file], place].concat())
    }

    /// The words that a caller in Python prints, inside, started by this command.
    fn says_at(&self, address: &str, port: u16, started_by: &[&str], script: &str) -> String {
        let host = if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") };
        let namespace = format!("--net=/run/netns/{}", self.inside.0);
        let mut command = Command::new("nsenter");
        command.arg(namespace).args(started_by).args(["python3", "-c", &format!("{CALLER}{script}")]);
        command.args([&metadata_request(host, &token_target(ARM)), address, &port.to_string()]);
        let output = run(command);
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(!said.is_empty(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        said.trim().to_owned()
    }

    fn says(&self, script: &str) -> String {
        self.says_at(ADDRESS, 80, &[], script)
    }

    /// The status that a user gets.
    fn of(&self, user: u32) -> String {
        self.says(&format!("become({user}); print(status(connected()))"))
    }
}

fn user(uid: u32) -> Value {
    json!({ "name": "it", "uid": uid })
}

#[test]
fn md_11_inside_a_namespace_a_caller_is_known_by_its_user() {
    let Some(mut ruled) = Ruled::create("users") else { return };
    ruled.attach(&user(MEANT), &["--ipv6", "fd00::254"]);
    let at_ipv6 = |ruled: &Ruled, user: u32| {
        ruled.says_at("fd00::254", 80, &[], &format!("become({user}); print(status(connected()))"))
    };
    for is_again in [false, true] {
        let statuses = [MEANT, OTHER, 0].map(|user| (ruled.of(user), at_ipv6(&ruled, user)));
        let (yes, no) = (("200".to_owned(), "200".to_owned()), ("403".to_owned(), "403".to_owned()));
        assert_eq!(statuses, [yes, no.clone(), no], "again: {is_again}; {}", ruled.up.log());
        if !is_again {
            ruled.up.kill();
            ruled.up = Up::start(ruled.dir.path(), &[]);
        }
    }
    assert!(ruled.up.log().contains(r#""event":"accessDenied""#));
    ruled.attach(&user(OTHER), &["--ipv6", "fd00::254"]);
    assert_eq!((ruled.of(MEANT), ruled.of(OTHER)), ("403".to_owned(), "200".to_owned()));
}

#[test]
fn md_11_root_of_another_user_namespace_is_the_user_of_this_machine_that_it_is() {
    let Some(ruled) = Ruled::create("mapped") else { return };
    let (meant, other) = (MEANT.to_string(), OTHER.to_string());
    // As in a container without root: inside it is root, with every privilege there.
    let mapped = |user: &str, script: &str| {
        let as_user = ["setpriv", "--reuid", user, "--regid", user, "--clear-groups"];
        ruled.says_at(ADDRESS, 80, &[&as_user[..], &["unshare", "--user", "--map-root-user"]].concat(), script)
    };
    let asks = "assert os.getuid() == 0; print(status(connected()))";
    ruled.attach(&user(0), &[]);
    assert_eq!(mapped(&meant, asks), "403", "{}", ruled.up.log());
    ruled.attach(&user(MEANT), &[]);
    assert_eq!((mapped(&meant, asks), mapped(&other, asks)), ("200".to_owned(), "403".to_owned()));
    // Without any user of its own there: the number that is shown for those is nobody's.
    let unmapped = ["setpriv", "--reuid", &meant, "--regid", &meant, "--clear-groups", "unshare", "--user"];
    assert_eq!(ruled.says_at(ADDRESS, 80, &unmapped, "print(status(connected()))"), "200");
    ruled.attach(&user(65_534), &[]);
    assert_eq!(ruled.says_at(ADDRESS, 80, &unmapped, "print(status(connected()))"), "403");
    // The owner of a socket can be changed by root of the user namespace that has both users, and to no others.
    let chowned = "it = opened()
try: os.fchown(it.fileno(), 1, 1)
except OSError: pass
print(status(connected(it)))";
    ruled.attach(&user(MEANT), &[]);
    assert_eq!((mapped(&meant, chowned), mapped(&other, chowned)), ("200".to_owned(), "403".to_owned()));
}

/// The kernel's word is about who opened the socket.
#[test]
fn md_11_a_connection_is_its_openers_whoever_asks_over_it() {
    let Some(ruled) = Ruled::create("openers") else { return };
    ruled.attach(&user(MEANT), &[]);
    let passed_on = |opener: u32| {
        ruled.says(&format!(
            "here, there = socket.socketpair()
if os.fork() == 0:
    become({opener}); it = connected(); socket.send_fds(there, [b'.'], [it.fileno()]); os._exit(0)
it = socket.socket(fileno=socket.recv_fds(here, 1, 1)[1][0]); os.wait(); print(status(it))"
        ))
    };
    assert_eq!((passed_on(MEANT), passed_on(OTHER)), ("200".to_owned(), "403".to_owned()), "{}", ruled.up.log());
    let changed = |first: u32, then: u32| {
        ruled.says(&format!("os.seteuid({first}); it = connected(); os.seteuid(0); become({then}); print(status(it))"))
    };
    assert_eq!((changed(MEANT, OTHER), changed(OTHER, MEANT)), ("200".to_owned(), "403".to_owned()));
    // One that was opened and connected later is of who opened it.
    let opened = |first: u32, then: u32| {
        ruled.says(&format!(
            "os.seteuid({first}); it = opened(); os.seteuid(0); become({then}); print(status(connected(it)))"
        ))
    };
    assert_eq!((opened(MEANT, OTHER), opened(OTHER, MEANT)), ("200".to_owned(), "403".to_owned()));
}

#[test]
fn md_11_a_connection_of_the_same_addresses_in_the_agents_own_namespace_vouches_for_nobody() {
    let Some(ruled) = Ruled::create("twins") else { return };
    let twin = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = twin.local_addr().unwrap().port();
    ruled.attach(&user(0), &["--port", &port.to_string(), "--dialect", "imds"]);
    // Root's here, of the addresses that the caller inside will have.
    let own = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let source = own.local_addr().unwrap().port();
    let asks = |user: u32| {
        let script =
            format!("become({user}); it = opened(); it.bind(('127.0.0.1', {source})); print(status(connected(it)))");
        ruled.says_at("127.0.0.1", port, &[], &script)
    };
    assert_eq!(asks(OTHER), "403", "{}", ruled.up.log());
    let any = format!("become({OTHER}); print(status(connected()))");
    assert_eq!(ruled.says_at("127.0.0.1", port, &[], &any), "403");
    assert_eq!(ruled.says_at("127.0.0.1", port, &[], "print(status(connected()))"), "200");
}

#[test]
fn md_11_inside_a_namespace_a_caller_is_of_the_control_group_in_which_it_opened_its_socket() {
    let groups = is_root().then(|| ControlGroup::new().zip(ControlGroup::new())).flatten();
    let Some((meant, other)) = groups else {
        return skip("making a control group of version 2 needs root, and a hierarchy");
    };
    let Some(ruled) = Ruled::create("groups") else { return };
    ruled.attach(&json!({ "name": "it", "cgroup": meant.name }), &[]);
    let [in_meant, in_other] = [&meant, &other].map(|group| format!("move('{}')", group.folder.display()));
    let moved = |first: &str, then: &str| {
        ruled.says(&format!("{first}; it = connected(); {then}; print(status(it), status(connected()))"))
    };
    assert_eq!(moved(&in_meant, "pass"), "200 200", "{}", ruled.up.log());
    assert_eq!(moved(&in_other, "pass"), "403 403");
    assert_eq!(ruled.says("print(status(connected()))"), "403", "outside of both");
    assert_eq!(moved(&in_meant, &in_other), "200 403");
    assert_eq!(moved(&in_other, &in_meant), "403 200");
    // Both are to be true.
    ruled.attach(&json!({ "name": "it", "uid": MEANT, "cgroup": meant.name }), &[]);
    let of = |group: &str, user: u32| ruled.says(&format!("{group}; become({user}); print(status(connected()))"));
    let asked = [of(&in_meant, MEANT), of(&in_meant, OTHER), of(&in_other, MEANT)];
    assert_eq!(asked, ["200", "403", "403"]);
}

#[test]
fn md_11_rules_that_name_callers_are_refused_where_nobody_sees_them() {
    let Some(ruled) = Ruled::create("unseen") else { return };
    let Some(guest) = Namespace::create("unseen-guest") else { return };
    let side = &ruled.inside;
    side.ip(&["link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", &guest.0]);
    let (file, monitor) = (ruled.file().display().to_string(), ruled.dir.path().join("vm.sock").display().to_string());
    let write = |identity: &Value| std::fs::write(&file, tokens_for("enforce", identity).to_string()).unwrap();
    let places = [&["--tap", "v0", "--netns", &side.0][..], &["--vsock-uds", &monitor]];
    for place in places {
        let attach = [&["attach", "--workload", "demo", "--rules", &file], place].concat();
        write(&user(0));
        let line = not_done(ruled.dir.path(), &attach);
        assert!(line.contains("cannot be seen at --") && line.contains("\"anyone\": true"), "{line}");
        assert!(bindings(ruled.dir.path()).is_empty());
        write(&json!({ "name": "it", "anyone": true }));
        done(ruled.dir.path(), &attach);
        // An attachment keeps the rules that it has.
        write(&json!({ "name": "it", "cgroup": "/" }));
        assert!(!run(host(ruled.dir.path(), &attach)).status.success());
        assert_eq!(bindings(ruled.dir.path())[0]["rules"], "enforce");
        done(ruled.dir.path(), &[&["detach"], place].concat());
    }
}
