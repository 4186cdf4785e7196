//! The endpoint of the virtual machine extension, inside a network namespace that is the machine.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use serde_json::{Value, json};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use support::namespace::Namespace;
use support::{Up, eventually, up_command};

/// Longest time after which an endpoint that stopped by itself is shown so.
const SEEN_WITHIN: Duration = Duration::from_secs(5);
/// Calls of a client on each side of a change.
const CALLS: usize = 3;
const LINUX: &str = "ManagedIdentityExtensionForLinux";

/// A namespace with `up --link-local` in it: workload demo is all of it.
struct Machine {
    up: Up,
    namespace: Namespace,
    dir: tempfile::TempDir,
    token: String,
}

impl Machine {
    fn create(name: &str, options: &[&str]) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let namespace = Namespace::create(name)?;
        let up = Up::run(namespace.command(up_command(dir.path(), options)), dir.path());
        let mut machine = Self { up, namespace, dir, token: String::new() };
        machine.token = machine.operator_token();
        Some(machine)
    }

    /// curl inside, and what it printed.
    fn curl(&self, arguments: &[&str]) -> Output {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--max-time", "15"]).args(arguments);
        self.namespace.command(curl).output().unwrap()
    }

    fn operator_token(&self) -> String {
        let (info, operator) = (&self.up.info, &self.up.info["operator"]);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let url = format!("{}/{}/oauth2/v2.0/token", self.up.origin(), text(&info["tenantId"]));
        let secret = format!("client_secret@{}", text(&operator["secretFile"]));
        let client = format!("client_id={}", text(&operator["clientId"]));
        let arguments = ["--cacert", &text(&info["caFile"]), "-d", "grant_type=client_credentials", "-d", &client];
        let scope = ["-d", "scope=https://management.azure.com/.default", "--data-urlencode", &secret, &url];
        let output = self.curl(&[&arguments[..], &scope].concat());
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        text(&answer["access_token"])
    }

    /// A request to the resource manager about the extension: the status and the body.
    fn extension(&self, method: &str, query: &str, body: Option<Value>) -> (u16, Value) {
        let id = format!("{}/extensions/msi", self.up.demo());
        self.manage(method, &format!("{id}?api-version=2024-11-01{query}"), body)
    }

    fn manage(&self, method: &str, target: &str, body: Option<Value>) -> (u16, Value) {
        let authority = self.up.info["caFile"].as_str().unwrap();
        let (url, bearer) = (format!("{}{target}", self.up.origin()), format!("Authorization: Bearer {}", self.token));
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let output = self.curl(&[
            "--cacert",
            authority,
            "-X",
            method,
            "-H",
            "Content-Type: application/json",
            "-H",
            &bearer,
            "-d",
            &body,
            "-w",
            "\n%{http_code}",
            &url,
        ]);
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), serde_json::from_str(body).unwrap_or_default())
    }

    fn put(&self, properties: Value) {
        let body = json!({"location": "westeurope", "properties": properties});
        let (status, body) = self.extension("PUT", "", Some(body));
        assert!(status == 200 || status == 201, "{status} {body}");
    }

    fn set(&self, port: u16) {
        self.put(json!({"publisher": "Microsoft.ManagedIdentity", "type": LINUX, "typeHandlerVersion": "1.0",
            "settings": {"port": port}}));
    }

    /// `provisioningState`, and the message of the instance view.
    fn state(&self) -> (String, String) {
        let (_, body) = self.extension("GET", "&$expand=instanceView", None);
        let status = &body["properties"]["instanceView"]["statuses"][0];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (
            text(&body["properties"]["provisioningState"]),
            format!("{} {}", text(&status["displayStatus"]), text(&status["message"])),
        )
    }

    fn becomes(&self, limit: Duration, state: &str, message: &str) {
        let is = || self.state();
        eventually(limit, &format!("{state} {message}; it is {:?}", is()), || {
            let (now, said) = is();
            now == state && said.contains(message)
        });
    }

    /// Asks the endpoint as Microsoft's page does: its status, 0 where the connection is refused, and its body.
    fn ask(&self, host: &str, port: u16, more: &[&str]) -> (u16, Value) {
        let url = format!("http://{host}:{port}/oauth2/token?resource=https%3A%2F%2Fmanagement.azure.com%2F");
        self.asked(&[&["-H", "Metadata: true", "-w", "\n%{http_code}", &url][..], more].concat())
    }

    fn asked(&self, arguments: &[&str]) -> (u16, Value) {
        let text = String::from_utf8(self.curl(arguments).stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), serde_json::from_str(body).unwrap_or_default())
    }

    fn asks_imds(&self) -> u16 {
        let url = "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net";
        self.asked(&["-H", "Metadata: true", "-w", "\n%{http_code}", url]).0
    }
}

#[test]
fn the_extension_gives_the_port_to_its_machine_and_takes_it_away_with_it() {
    let Some(machine) = Machine::create("extension", &["--link-local", "--throttle", "off"]) else { return };
    assert_eq!(machine.ask("localhost", 50_342, &[]).0, 0, "refused without the extension");
    machine.set(50_342);
    machine.becomes(support::PATIENCE, "Succeeded", "");
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        let (status, body) = machine.ask(host, 50_342, &[]);
        assert_eq!(status, 200, "{host}: {body}");
        assert_eq!(body.as_object().unwrap().len(), 9, "{host}");
        assert_eq!(support::claims(body["access_token"].as_str().unwrap())["aud"], "https://management.azure.com/");
    }
    let posted = ["-H", "Metadata: true", "-w", "\n%{http_code}", "-d", "resource=https://vault.azure.net"];
    assert_eq!(machine.asked(&[&posted[..], &["http://localhost:50342/oauth2/token"]].concat()).0, 200);
    let absolute = ["--request-target", "http://localhost:50342/oauth2/token?resource=https://vault.azure.net"];
    assert_eq!(machine.ask("localhost", 50_342, &absolute).0, 200);
    let (status, body) = machine.ask("localhost", 50_342, &["-H", "Host: evil.example"]);
    assert_eq!((status, &body["error"]), (401, &json!("unknown_source")));
    assert_eq!(machine.asks_imds(), 200);
    // Another port: the first is closed.
    machine.set(50_343);
    eventually(support::PATIENCE, "the new port answers", || machine.ask("localhost", 50_343, &[]).0 == 200);
    assert_eq!(machine.ask("localhost", 50_342, &[]).0, 0);
    let (status, _) = machine.extension("DELETE", "", None);
    assert!(status == 200 || status == 202);
    eventually(SEEN_WITHIN, "the port is refused", || {
        assert_eq!(machine.asks_imds(), 200);
        machine.ask("localhost", 50_343, &[]).0 == 0
    });
    assert_eq!(machine.asks_imds(), 200);
}

#[test]
fn one_that_was_stopped_from_within_is_shown_so_within_5_s_and_starts_by_a_new_tag() {
    let Some(machine) = Machine::create("stopped", &["--link-local", "--throttle", "off"]) else { return };
    machine.set(50_342);
    machine.becomes(support::PATIENCE, "Succeeded", "");
    let mut kill = Command::new("ss");
    kill.args(["--kill", "--listening", "--tcp", "sport", "=", ":50342"]);
    let killed = machine.namespace.command(kill).output().unwrap();
    if machine.ask("localhost", 50_342, &[]).0 != 0 {
        return support::skip(&format!("this kernel kills no sockets: {}", String::from_utf8_lossy(&killed.stderr)));
    }
    let since = Instant::now();
    machine.becomes(SEEN_WITHIN, "Succeeded", "closed from within");
    assert!(since.elapsed() < SEEN_WITHIN);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(machine.ask("localhost", 50_342, &[]).0, 0, "it does not start by itself");
    assert_eq!(machine.asks_imds(), 200);
    machine.put(json!({"publisher": "Microsoft.ManagedIdentity", "type": LINUX, "forceUpdateTag": "2"}));
    eventually(support::PATIENCE, "it is started anew", || machine.ask("localhost", 50_342, &[]).0 == 200);
    machine.becomes(SEEN_WITHIN, "Succeeded", "");
}

#[test]
fn a_port_that_is_taken_and_a_machine_of_another_system_are_said() {
    let Some(machine) = Machine::create("taken", &["--link-local", "--throttle", "off"]) else { return };
    let mut taker = machine.namespace.command(Command::new("python3"));
    taker.args([
        "-c",
        "import socket, time; s = socket.create_server(('127.0.0.1', 50342)); print('up', flush=True); time.sleep(60)",
    ]);
    let mut taker = taker.stdout(std::process::Stdio::piped()).spawn().unwrap();
    std::io::Read::read_exact(taker.stdout.as_mut().unwrap(), &mut [0; 2]).unwrap();
    machine.set(50_342);
    machine.becomes(support::PATIENCE, "Failed", "The port is taken by another process");
    taker.kill().unwrap();
    taker.wait().unwrap();
    eventually(support::PATIENCE, "it is tried again", || machine.ask("localhost", 50_342, &[]).0 == 200);
    machine.becomes(SEEN_WITHIN, "Succeeded", "");
    let (status, _) = machine.extension("DELETE", "", None);
    assert!(status == 200 || status == 202);
    machine.put(json!({"publisher": "Microsoft.ManagedIdentity", "type": "ManagedIdentityExtensionForWindows",
        "typeHandlerVersion": "1.0"}));
    machine.becomes(support::PATIENCE, "Failed", "another operating system");
}

#[test]
fn without_a_namespace_of_its_own_a_machine_is_told_what_it_lacks() {
    let Some(machine) = Machine::create("nowhere", &["--throttle", "off"]) else { return };
    machine.set(50_342);
    machine.becomes(support::PATIENCE, "Failed", "bonafide up --link-local");
    assert_eq!(machine.ask("localhost", 50_342, &[]).0, 0);
}

/// Tells a client to end, also where the test fails meanwhile.
struct EndsWithScope<'a>(&'a AtomicBool);

impl Drop for EndsWithScope<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A machine with both endpoints moves to the metadata endpoint, and loses the extension meanwhile.
#[test]
fn a_client_moves_to_the_metadata_endpoint_without_one_failed_call() {
    let Some(machine) = Machine::create("moves", &["--link-local", "--throttle", "off"]) else { return };
    machine.set(50_342);
    machine.becomes(support::PATIENCE, "Succeeded", "");
    assert_eq!(machine.ask("localhost", 50_342, &[]).0, 200);
    let is_over = AtomicBool::new(false);
    let answered = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let status = machine.asks_imds();
                answered.lock().unwrap().push(status);
            }
        });
        let ends = EndsWithScope(&is_over);
        // However slow the machine is, calls lie before the end of the extension and after it.
        let more = |when: &str| {
            let before = answered.lock().unwrap().len();
            eventually(support::PATIENCE, when, || answered.lock().unwrap().len() >= before + CALLS);
        };
        more("calls before");
        let (status, _) = machine.extension("DELETE", "", None);
        eventually(SEEN_WITHIN, "the port is refused", || machine.ask("localhost", 50_342, &[]).0 == 0);
        more("calls afterwards");
        drop(ends);
        assert!(status == 200 || status == 202, "{status}");
    });
    let failed: Vec<u16> = answered.into_inner().unwrap().into_iter().filter(|status| *status != 200).collect();
    assert!(failed.is_empty(), "{failed:?}");
}

/// A program on this side can pass a connection on as a forwarder in the guest does. It is none.
#[test]
fn id_05_the_port_of_a_guest_is_for_its_other_end_and_not_for_programs_on_this_side() {
    const PORT: u16 = 50_342;
    let Some(machine) = Machine::create("side", &[]) else { return };
    let Some(guest) = Namespace::create("guest") else { return };
    let side = &machine.namespace;
    side.ip(&["link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", &guest.0]);
    for (namespace, device, address) in [(side, "v0", "192.0.2.1/24"), (&guest, "v1", "192.0.2.2/24")] {
        namespace.ip(&["address", "add", address, "dev", device]);
        namespace.ip(&["link", "set", device, "up"]);
    }
    guest.ip(&["route", "add", "169.254.169.254", "dev", "v1"]);
    let attach = support::attached::host(machine.dir.path(), &["attach", "--workload", "demo", "--tap", "v0"]);
    let attached = support::run(side.command(attach));
    assert!(attached.status.success(), "{attached:?}");
    machine.set(PORT);
    let script = "import socket, sys; s = socket.create_connection(('169.254.169.254', 50342), 5, (sys.argv[1], 0)); \
        s.sendall(sys.argv[2].encode()); print(s.makefile().read())";
    let target = "/oauth2/token?resource=https%3A%2F%2Fmanagement.azure.com%2F";
    let request =
        format!("GET {target} HTTP/1.1\r\nHost: localhost:{PORT}\r\nMetadata: true\r\nConnection: close\r\n\r\n");
    let passed_on = format!("PROXY TCP4 127.0.0.1 127.0.0.1 40000 {PORT}\r\n{request}");
    let is_served = |namespace: &Namespace, source: &str, request: &str| {
        let mut python = Command::new("python3");
        python.args(["-c", script, source, request]);
        let answer = support::run(namespace.command(python)).stdout;
        String::from_utf8_lossy(&answer).contains("access_token")
    };
    eventually(SEEN_WITHIN, "the guest's forwarder is served", || is_served(&guest, "192.0.2.2", &passed_on));
    for source in ["0.0.0.0", "192.0.2.1", "127.0.0.1"] {
        for request in [&passed_on, &request] {
            assert!(!is_served(side, source, request), "{source} {request}");
        }
    }
}
