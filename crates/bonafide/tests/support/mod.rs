//! Whole processes for tests: `bonafide up` on a folder of its own, and clients without any library's
//! opinions.

#![allow(dead_code, reason = "each test file uses a part")]

mod answer;
pub(crate) mod asking;
pub(crate) mod attached;
pub(crate) mod clock;
pub(crate) mod identities;
pub(crate) mod machines;
pub(crate) mod manager;
mod metadata;
pub(crate) mod namespace;
pub(crate) mod passing;
#[path = "../../../testkit/src/report.rs"]
mod report;
pub(crate) mod ruled;
pub(crate) mod way;

pub(crate) use answer::*;
pub(crate) use metadata::*;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Longest time that a test waits for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The versions of the resource manager that are spoken.
pub(crate) const MACHINES: &str = "2024-11-01";
pub(crate) const IDENTITIES: &str = "2018-11-30";

/// Says what is not tested here. In CI everything must be.
pub(crate) fn skip(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "not to be skipped in CI: {why}");
    eprintln!("skipped: {why}");
}

/// A running `bonafide up`. It is told to stop when dropped.
pub(crate) struct Up {
    child: Child,
    pub(crate) info: Value,
    pub(crate) dir: PathBuf,
}

impl Up {
    /// Starts on free ports in `dir`, and waits until it is ready.
    pub(crate) fn start(dir: &Path, arguments: &[&str]) -> Self {
        Self::run(up_command(dir, arguments), dir)
    }

    /// The same, after a line of shell that changes what the process may have.
    pub(crate) fn start_below(dir: &Path, limit: &str) -> Self {
        let up = up_command(dir, &[]);
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{limit} && exec \"$0\" \"$@\"")]).arg(up.get_program()).args(up.get_args());
        Self::run(command, dir)
    }

    /// The same for a command that may run it somewhere else.
    pub(crate) fn run(mut command: Command, dir: &Path) -> Self {
        report::report_without_secrets();
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = std::fs::File::create(dir.join("test-stderr.log")).unwrap();
        copy(child.stderr.take().unwrap(), log);
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let Ok(info) = serde_json::from_str(&line) else {
            let status = child.wait().unwrap();
            panic!("up did not start ({status}): {}", std::fs::read_to_string(dir.join("test-stderr.log")).unwrap());
        };
        Self { child, info, dir: dir.to_owned() }
    }

    /// Base URL of the public origin.
    pub(crate) fn origin(&self) -> String {
        self.info["endpoints"]["management"].as_str().unwrap().to_owned()
    }

    /// Address of the demo workload's metadata endpoint.
    pub(crate) fn imds(&self) -> SocketAddr {
        let endpoint = self.info["workloads"][0]["endpoint"].as_str().unwrap();
        endpoint.strip_prefix("http://").unwrap().parse().unwrap()
    }

    /// The word of its own `/readyz`.
    pub(crate) fn readiness(&self) -> String {
        http(self.imds(), &metadata_request(self.imds(), "/readyz")).body
    }

    pub(crate) fn demo(&self) -> String {
        self.info["workloads"][0]["resourceId"].as_str().unwrap().to_owned()
    }

    /// The text on standard error so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("test-stderr.log")).unwrap()
    }

    /// A token from the metadata endpoint, or the error's status and body.
    pub(crate) fn token(&self, resource: &str) -> Result<String, (u16, String)> {
        let answer = http(self.imds(), &metadata_request(self.imds(), &token_target(resource)));
        match answer.status {
            200 => Ok(answer.json()["access_token"].as_str().unwrap().to_owned()),
            status => Err((status, answer.body)),
        }
    }

    /// A token of the operator's, by its secret.
    pub(crate) fn operator_token(&self) -> String {
        let tenant = self.info["tenantId"].as_str().unwrap();
        let client = self.info["operator"]["clientId"].as_str().unwrap();
        let secret = std::fs::read_to_string(self.info["operator"]["secretFile"].as_str().unwrap()).unwrap();
        let form = format!(
            "grant_type=client_credentials&client_id={client}&client_secret={secret}&resource=https%3A%2F%2Fmanagement.azure.com%2F"
        );
        let answer = self.https(
            "POST",
            &format!("/{tenant}/oauth2/token"),
            &[("Content-Type", "application/x-www-form-urlencoded")],
            &form,
        );
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// A management request with a token.
    pub(crate) fn manage(&self, token: &str, method: &str, id: &str, api_version: &str, body: &str) -> Answer {
        let authorization = format!("Bearer {token}");
        let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
        self.https(method, &format!("{id}?api-version={api_version}"), &headers, body)
    }

    /// Makes a machine in group demo: its ARM id.
    pub(crate) fn machine(&self, name: &str, identity: &Value) -> String {
        let id = self.demo().replace("/virtualMachines/demo", &format!("/virtualMachines/{name}"));
        let body = json!({ "location": "westeurope", "identity": identity, "properties": {} }).to_string();
        let made = self.manage(&self.operator_token(), "PUT", &id, MACHINES, &body);
        assert_eq!(made.status, 201, "{}", made.body);
        id
    }

    /// Makes a user-assigned identity in group demo: its ARM id and its client id.
    pub(crate) fn identity(&self, name: &str) -> (String, String) {
        let type_and_name = format!("Microsoft.ManagedIdentity/userAssignedIdentities/{name}");
        let id = self.demo().replace("Microsoft.Compute/virtualMachines/demo", &type_and_name);
        let made = self.manage(&self.operator_token(), "PUT", &id, IDENTITIES, r#"{"location":"westeurope"}"#);
        assert_eq!(made.status, 201, "{}", made.body);
        (id, made.json()["properties"]["clientId"].as_str().unwrap().to_owned())
    }

    /// `token` on its data directory.
    pub(crate) fn token_command(&self, arguments: &[&str]) -> Command {
        let mut command = bonafide(&self.dir, "token");
        command.args(arguments);
        command
    }

    /// A request to the public origin.
    pub(crate) fn https(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut text = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        self.https_raw(format!("{text}\r\n{body}").as_bytes())
    }

    /// Bytes to the public origin, as they are.
    pub(crate) fn https_raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.tls_after(b"");
        // A server that refuses early may close before all is written.
        let _ = stream.write_all(bytes);
        let _ = stream.flush();
        Answer::read(&mut stream)
    }

    /// A connection to the public origin, on which these bytes precede TLS.
    pub(crate) fn tls_after(&self, preface: &[u8]) -> StreamOwned<ClientConnection, TcpStream> {
        let origin = self.origin();
        let (host, port) = origin.strip_prefix("https://").unwrap().rsplit_once(':').unwrap();
        let ip = host.parse().unwrap_or(Ipv4Addr::LOCALHOST);
        let name = ServerName::try_from(host.to_owned()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.info["caFile"].as_str().unwrap()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let session = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut tcp = connect(SocketAddr::from((ip, port.parse().unwrap())));
        tcp.write_all(preface).unwrap();
        StreamOwned::new(session, tcp)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its processes: the one that was started, and those below it, the one that serves last. One that is still a copy of
    /// its parent is none yet: its parent stands still until it is more (vfork(2)), so that a test that stopped the one
    /// would stop both.
    pub(crate) fn pids(&self) -> Vec<u32> {
        let mut pids = vec![self.pid()];
        let of = |pid: u32, what: &str| std::fs::read_to_string(format!("/proc/{pid}/{what}")).unwrap_or_default();
        loop {
            let last = pids[pids.len() - 1];
            let children = of(last, &format!("task/{last}/children"));
            let mut children = children.split_whitespace().map(|child| child.parse().unwrap());
            match children.find(|child| !is_opener(*child)) {
                Some(child) if of(child, "cmdline") != of(last, "cmdline") => pids.push(child),
                _ => return pids,
            }
        }
    }

    /// The process that opens sockets with the privileges of root, once it was asked to.
    pub(crate) fn opener(&self) -> Option<u32> {
        let keeper = self.pid();
        let children = std::fs::read_to_string(format!("/proc/{keeper}/task/{keeper}/children")).unwrap_or_default();
        children.split_whitespace().map(|child| child.parse().unwrap()).find(|child| is_opener(*child))
    }

    /// The process that serves, where there is one: never the keeper, which is alone between two of them.
    pub(crate) fn server(&self) -> Option<u32> {
        self.pids().get(1).copied()
    }

    /// The process that serves, while nothing ends it.
    pub(crate) fn serving(&self) -> u32 {
        self.server().expect("nobody serves")
    }

    /// Waits for the process that is started in the place of one that was killed. It is met early: no pause here.
    pub(crate) fn successor(&self, before: u32) -> u32 {
        let started = Instant::now();
        loop {
            if let Some(next) = self.server().filter(|next| *next != before) {
                return next;
            }
            assert!(started.elapsed() < PATIENCE, "nobody serves again: {}", self.log());
        }
    }

    /// Asks it to stop, and waits for that.
    pub(crate) fn stop(mut self) -> std::process::ExitStatus {
        self.terminate()
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }

    /// Ends it without asking.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// The same while others still talk to it.
    pub(crate) fn kill_now(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }

    fn terminate(&mut self) -> std::process::ExitStatus {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "up does not stop");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        if std::thread::panicking() {
            // The reason is told already, and what it left behind may answer to nothing else.
            for pid in self.pids().into_iter().rev() {
                let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
                let _ = pid.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::KILL));
            }
            let _ = self.child.wait();
            return;
        }
        self.terminate();
    }
}

/// `up` on free ports in `dir`.
pub(crate) fn up_command(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = bonafide(dir, "up");
    command.arg("--json").args(arguments);
    for option in ["--listen", "--hosts-listen"] {
        if !arguments.contains(&option) {
            command.args([option, "127.0.0.1:0"]);
        }
    }
    command
}

/// A command of the binary on a data directory below `dir`.
pub(crate) fn bonafide(dir: &Path, name: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bonafide"));
    command.arg(name).arg("--data-dir").arg(dir.join("data")).stdin(Stdio::null());
    command
}

/// Runs a command that should end by itself, and ends it if it does not.
pub(crate) fn run(command: Command) -> Output {
    run_within(PATIENCE, command)
}

/// The same for a command that may take longer.
pub(crate) fn run_within(limit: Duration, mut command: Command) -> Output {
    report::report_without_secrets();
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = rustix::process::Pid::from_child(&child);
    let (ended, has_ended) = std::sync::mpsc::channel::<()>();
    let watch = std::thread::spawn(move || {
        if has_ended.recv_timeout(limit) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    });
    let output = child.wait_with_output().unwrap();
    drop(ended);
    watch.join().unwrap();
    output
}

/// Standard error of a start that was refused: one clear line, exit code 1, nothing on standard output.
pub(crate) fn refused(command: Command) -> String {
    // One that goes on for ever is ended, too, on a machine however busy.
    let output = run_within(4 * PATIENCE, command);
    let text = String::from_utf8(output.stderr).unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "it was not refused ({}): {text}{printed}", output.status);
    assert!(printed.is_empty(), "{printed}");
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('{')).collect();
    assert!(lines.len() == 1 && lines[0].starts_with("bonafide: "), "{text}");
    lines[0].to_owned()
}

/// The claims of a token, which are not verified.
pub(crate) fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// A port that is free, and stays so until it is used: it is none of those that systems give to outgoing
/// connections and to listeners that ask for any (from 32,768 on), none that `up` chooses (from 20,000 on), and
/// no other test of this process gets it.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let next = std::process::id().wrapping_mul(31).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = 10_000 + (next % 10_000) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Asks again until it is so.
pub(crate) fn eventually(limit: Duration, what: &str, mut is_so: impl FnMut() -> bool) -> Duration {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < limit, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
    started.elapsed()
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn copy(mut from: impl Read + Send + 'static, mut to: impl Write + Send + 'static) {
    std::thread::spawn(move || std::io::copy(&mut from, &mut to));
}

fn is_opener(pid: u32) -> bool {
    let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    arguments.split(|byte| *byte == 0).nth(1) == Some(b"opener")
}
