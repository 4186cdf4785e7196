//! The two processes of `up`: the one that keeps the sockets, and the one that serves.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use support::{
    PATIENCE, Up, bonafide, eventually, http, metadata_request, refused, run, skip, token_target, up_command,
};

const ARM: &str = "https://management.azure.com/";
/// Longest pause of the endpoint over a crash. Source: azure-identity gives its first probe one second.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Time after a crash after which connections are refused. Source: `keeper/restarts.rs`.
const DOWN_MAX: Duration = Duration::from_secs(2);

fn kill(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid as i32).unwrap(), signal).unwrap();
}

fn lives(pid: u32) -> bool {
    // A process that has ended and is not waited for yet is none that could do anything.
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let is_zombie = state.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('Z'));
    test_kill_process(Pid::from_raw(pid as i32).unwrap()).is_ok() && !is_zombie
}

#[test]
fn av_04_over_a_crash_every_connection_is_answered_and_the_ports_stay() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &["--throttle", "off"]);
    let (imds, origin) = (up.imds(), up.origin());
    let (stop, begun) = (AtomicBool::new(false), Instant::now());
    let ask = || http(imds, &metadata_request(imds, &token_target(ARM)));
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut longest = Duration::ZERO;
            while !stop.load(Ordering::Relaxed) && begun.elapsed() < 2 * PATIENCE {
                let started = Instant::now();
                // A connection is never refused; one that a crash cut is asked again, as clients do.
                while TcpStream::connect(imds).is_ok() && ask().status != 200 {
                    assert!(started.elapsed() < PAUSE_MAX, "no token for {PAUSE_MAX:?}");
                }
                longest = longest.max(started.elapsed());
                TcpStream::connect(imds).expect("the endpoint was away");
            }
            longest
        });
        for signal in [Signal::KILL, Signal::ABORT] {
            let before = up.serving();
            kill(before, signal);
            eventually(PATIENCE, "another one serves", || {
                up.server().is_some_and(|next| next != before) && ask().status == 200
            });
        }
        stop.store(true, Ordering::Relaxed);
        let longest = asking.join().unwrap();
        eprintln!("the longest pause was {longest:?}");
    });
    up.operator_token();
    let mut token = bonafide(dir.path(), "token");
    assert!(run(std::mem::replace(token.args(["--resource", ARM]), Command::new("true"))).status.success());
    assert!(up.log().contains("started again") && up.log().contains("signal 6"), "{}", up.log());
    let info = run(bonafide(dir.path(), "info"));
    assert!(String::from_utf8(info.stdout).unwrap().contains(&origin));
    assert!(up.stop().success());
    assert!(TcpStream::connect(imds).is_err(), "an endpoint that is down refuses connections");
}

#[test]
fn av_04_neither_process_outlives_the_other_and_nothing_is_started_again_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let (imds, serving) = (up.imds(), up.serving());
    assert_ne!(serving, up.pid());
    up.kill();
    eventually(PATIENCE, "what served is gone", || !lives(serving));
    eventually(PATIENCE, "nobody listens", || TcpStream::connect(imds).is_err());
    // One after the other, until it gives up.
    let up = Up::start(dir.path(), &[]);
    let started = Instant::now();
    while lives(up.pid()) && started.elapsed() < PATIENCE {
        if let [_, serving] = up.pids()[..] {
            let _ = kill_process(Pid::from_raw(serving as i32).unwrap(), Signal::KILL);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    eventually(PATIENCE, "it says so", || up.log().contains("`up` crashed 5 times within 60 s"));
    assert!(TcpStream::connect(imds).is_err());
    assert_eq!(up.stop().code(), Some(1));
    assert!(Up::start(dir.path(), &[]).token(ARM).is_ok(), "nothing was lost");
}

#[test]
fn op_01_a_stop_is_passed_on_and_its_code_comes_back() {
    for signal in [Signal::TERM, Signal::INT] {
        let dir = tempfile::tempdir().unwrap();
        let up = Up::start(dir.path(), &[]);
        let serving = up.serving();
        kill(up.pid(), signal);
        assert_eq!(up.wait().code(), Some(0));
        assert!(!lives(serving));
    }
    let dir = tempfile::tempdir().unwrap();
    let mut up = up_command(dir.path(), &[]);
    up.arg("--kept-by=1");
    assert!(refused(up).contains("start it without"));
}

/// While nobody serves for longer, whoever connects is told so, and nobody else gets the port.
#[test]
fn id_07_an_endpoint_that_stays_down_refuses_and_keeps_its_port() {
    assert!((0..5).any(|_| is_seen_to_stay_down()));
}

/// False where the process that was to stand still at its start had taken the sockets over by then.
fn is_seen_to_stay_down() -> bool {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let (imds, before) = (up.imds(), up.serving());
    kill(before, Signal::KILL);
    // The one that is started in its place does not come to serve.
    let next = up.successor(before);
    kill(next, Signal::STOP);
    let stopped = Instant::now();
    while TcpStream::connect(imds).is_ok() {
        if stopped.elapsed() > PAUSE_MAX {
            kill(next, Signal::CONT);
            up.stop();
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let taken = TcpListener::bind(imds);
    assert!(taken.is_err(), "somebody else listens on the port");
    kill(next, Signal::CONT);
    eventually(PATIENCE, "it serves again", || TcpStream::connect(imds).is_ok() && up.token(ARM).is_ok());
    assert!(up.stop().success());
    true
}

/// A start after a crash that takes its time between its first listener and its last step.
#[test]
fn id_07_what_a_slow_start_has_taken_over_nobody_shuts() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let imds = up.imds();
    // They start once the control plane listens, and before the agent joins.
    let has_threads = |pid: u32| {
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
        let names = threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("comm")).ok());
        names.into_iter().any(|name| name.starts_with("plane"))
    };
    for _ in 0..3 {
        let before = up.serving();
        kill(before, Signal::KILL);
        let started = Instant::now();
        let next = up.successor(before);
        while !has_threads(next) {
            assert!(started.elapsed() < PATIENCE);
        }
        kill(next, Signal::STOP);
        // Past the keeper's deadline, and short of that of the agent for a connection, which is as long and begins later.
        std::thread::sleep((DOWN_MAX + Duration::from_millis(30)).saturating_sub(started.elapsed()));
        kill(next, Signal::CONT);
        assert!(TcpStream::connect(imds).is_ok(), "{}", up.log());
        eventually(PATIENCE, "it serves again", || up.token(ARM).is_ok());
        assert_eq!(up.serving(), next, "{}", up.log());
        up.operator_token();
    }
    assert!(up.stop().success());
}

/// The trouble that a start meets can pass, and what was served was good.
#[test]
fn av_04_a_start_after_a_crash_that_fails_is_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let (store, away) = (dir.path().join("data/store"), dir.path().join("away"));
    std::fs::rename(&store, &away).unwrap();
    std::fs::write(&store, "what is no folder").unwrap();
    kill(up.serving(), Signal::KILL);
    eventually(PATIENCE, "a start fails", || up.log().contains("ended by an error at its start"));
    std::fs::remove_file(&store).unwrap();
    std::fs::rename(&away, &store).unwrap();
    eventually(PATIENCE, "it serves again", || up.server().is_some() && up.token(ARM).is_ok());
    up.operator_token();
    assert!(up.stop().success());
}

/// A command of `exec` asks its endpoint whenever it likes, also when `up` is gone.
#[test]
fn id_07_while_a_command_runs_nobody_else_gets_the_port_of_its_endpoint() {
    for is_crash in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let up = Up::start(dir.path(), &[]);
        let mut command = bonafide(dir.path(), "exec");
        command.args(["--", "sh", "-c", "echo \"$IDENTITY_ENDPOINT\"; read line; exit 7"]);
        let mut command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut endpoint = String::new();
        BufReader::new(command.stdout.as_mut().unwrap()).read_line(&mut endpoint).unwrap();
        let address = endpoint.trim().strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
        assert!(TcpStream::connect(&address).is_ok());
        let up = if is_crash {
            kill(up.serving(), Signal::KILL);
            Some(up)
        } else {
            assert!(up.stop().success());
            None
        };
        eventually(PATIENCE, "connections are refused", || TcpStream::connect(&address).is_err());
        let taken = TcpListener::bind(&address);
        command.stdin.take().unwrap().write_all(b"\n").unwrap();
        let output = command.wait_with_output().unwrap();
        assert!(taken.is_err(), "somebody else listens on the port");
        assert_eq!(output.status.code(), Some(7), "the command ends when it likes");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("endpoint of this command refuses"), "{said}");
        drop(up);
        eventually(PATIENCE, "the port is free", || TcpListener::bind(&address).is_ok());
    }
}

/// A command outlives the `exec` that was killed.
#[test]
fn id_07_nobody_gets_the_port_of_a_command_whose_exec_was_killed() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let mut command = bonafide(dir.path(), "exec");
    command.args(["--", "sh", "-c", "echo \"$IDENTITY_ENDPOINT\"; read line"]);
    let mut command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut endpoint = String::new();
    BufReader::new(command.stdout.as_mut().unwrap()).read_line(&mut endpoint).unwrap();
    let address = endpoint.trim().strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    assert!(TcpStream::connect(&address).is_ok());
    // To wait would close it.
    let stdin = command.stdin.take();
    kill(command.id(), Signal::KILL);
    command.wait().unwrap();
    eventually(PATIENCE, "connections are refused", || TcpStream::connect(&address).is_err());
    assert!(TcpListener::bind(&address).is_err(), "somebody else listens on the port");
    // The command reads the end.
    drop(stdin);
    eventually(PATIENCE, "the port is free", || TcpListener::bind(&address).is_ok());
    assert!(up.stop().success());
}

/// A command may run as somebody whom its endpoint refuses, and do anything with what it inherits.
#[test]
fn id_07_the_hold_that_a_command_inherits_takes_no_connection_and_stops_nobody() {
    const SCRIPT: &str = "
import os, signal, socket
# What waits for ever is no refusal either.
signal.alarm(20)
inherited = [fd for fd in map(int, os.listdir('/proc/self/fd')) if fd >= 100]
hold = socket.socket(fileno=inherited[0])
hold.setblocking(True)
for use in [hold.accept, hold.listen, lambda: hold.shutdown(socket.SHUT_RDWR)]:
    try:
        print('done', use())
    except OSError as error:
        print('refused', error)
print(os.environ['IDENTITY_ENDPOINT'], flush=True)
input()
";
    if Command::new("python3").arg("--version").output().is_err() {
        return skip("python3 is not installed");
    }
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let mut command = bonafide(dir.path(), "exec");
    command.args(["--", "python3", "-c", SCRIPT]);
    let mut command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let said = BufReader::new(command.stdout.take().unwrap()).lines();
    let said: Vec<String> = said.take(4).map(Result::unwrap).collect();
    assert!(said[..3].iter().all(|line| line.starts_with("refused")), "{said:?}");
    let address = said[3].strip_prefix("http://").unwrap().split('/').next().unwrap().parse().unwrap();
    for _ in 0..3 {
        assert_eq!(http(address, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").status / 100, 4);
        assert!(up.token(ARM).is_ok());
    }
    command.stdin.take().unwrap().write_all(b"\n").unwrap();
    assert!(command.wait().unwrap().success());
    assert!(up.stop().success());
}

/// As systemd passes sockets.
#[test]
fn sockets_that_are_passed_are_used_and_others_are_refused_by_name() {
    const SCRIPT: &str = "
import os, socket, sys
names = sys.argv[1].split(':')
sockets = [socket.create_server(('127.0.0.1', 0)) for name in names]
for at, passed in enumerate(sockets):
    os.dup2(passed.fileno(), 3 + at, inheritable=True) if passed.fileno() != 3 + at else os.set_inheritable(3 + at, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(names)), LISTEN_FDNAMES=sys.argv[1])
open(sys.argv[2], 'w').write(' '.join(str(passed.getsockname()[1]) for passed in sockets))
os.execv(sys.argv[3], sys.argv[3:])
";
    if Command::new("python3").arg("--version").output().is_err() {
        return skip("python3 is not installed");
    }
    let dir = tempfile::tempdir().unwrap();
    let ports = dir.path().join("ports");
    let command = |names: &str| {
        let up = up_command(dir.path(), &[]);
        let mut command = Command::new("python3");
        command.args(["-c", SCRIPT, names]).arg(&ports).arg(up.get_program()).args(up.get_args());
        command
    };
    let up = Up::run(command("imds:public"), dir.path());
    let text = std::fs::read_to_string(&ports).unwrap();
    let ports_passed: Vec<u16> = text.split(' ').map(|port| port.parse().unwrap()).collect();
    assert_eq!(up.imds().port(), ports_passed[0]);
    assert!(up.origin().ends_with(&format!(":{}", ports_passed[1])), "{}", up.origin());
    assert!(up.token(ARM).is_ok());
    up.operator_token();
    assert!(up.stop().success());
    let line = refused(command("imds:web"));
    assert!(line.contains("passed as 'web'") && line.contains("public, hosts or imds"), "{line}");
    let line = refused(command("imds:imds"));
    assert!(line.contains("two sockets"), "{line}");
}

/// An open connection is not what keeps a stop waiting, nor what is served after it.
#[test]
fn a_stop_closes_what_the_keeper_holds_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let imds = up.imds();
    let mut open = TcpStream::connect(imds).unwrap();
    open.write_all(b"GET /metadata/in").unwrap();
    assert!(up.stop().success());
    let mut rest = Vec::new();
    let _ = open.read_to_end(&mut rest);
    assert!(TcpStream::connect(imds).is_err());
}
