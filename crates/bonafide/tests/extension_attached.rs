//! The endpoint of the virtual machine extension in namespaces that are attached: below `up`, and on a host that joined.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::attached::{attached, done, host};
use support::machines::{self, Machines};
use support::namespace::Namespace;
use support::{PATIENCE, Up, eventually, run};

/// Longest time until a port is refused whose extension was deleted.
const CLOSED_WITHIN: Duration = Duration::from_secs(5);
/// Time before each request, for they come from many processes and share 20 a second.
const PACE: Duration = Duration::from_millis(100);
const API_VERSION: &str = "2024-11-01";
/// The status where the connection is refused.
const REFUSED: u16 = 0;

/// The status that curl gets of a URL, in a namespace or in the test's own.
fn status(inside: Option<&Namespace>, arguments: &[&str]) -> u16 {
    let mut curl = Command::new("curl");
    curl.args(["-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "20", "-H", "Metadata: true"]);
    curl.args(arguments);
    std::thread::sleep(PACE);
    let output = run(match inside {
        Some(namespace) => namespace.command(curl),
        None => curl,
    });
    String::from_utf8(output.stdout).unwrap().parse().unwrap()
}

/// The extension's endpoint at an address, asked for a token.
fn asked(inside: Option<&Namespace>, address: &str) -> u16 {
    status(inside, &[&format!("http://{address}:50342/oauth2/token?resource=https%3A%2F%2Fvault.azure.net")])
}

/// The same as a form.
fn posted(inside: &Namespace, address: &str) -> u16 {
    let url = format!("http://{address}:50342/oauth2/token");
    status(Some(inside), &["-d", "resource=https%3A%2F%2Fvault.azure.net", &url])
}

fn imds(inside: &Namespace) -> u16 {
    let target = "metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net";
    status(Some(inside), &[&format!("http://169.254.169.254/{target}")])
}

/// Inside it answers in both families and both forms, and beside it the metadata endpoint; outside it is refused.
fn is_there(inside: &Namespace, outside: Option<&Namespace>) {
    for address in ["127.0.0.1", "[::1]"] {
        assert_eq!((asked(Some(inside), address), posted(inside, address)), (200, 200), "{address}");
        assert_eq!(asked(outside, address), REFUSED, "{address} outside");
    }
    assert_eq!(imds(inside), 200);
}

/// It closes in time, and the metadata endpoint answers throughout.
fn goes(inside: &Namespace) {
    eventually(CLOSED_WITHIN, "the port is refused", || {
        assert_eq!(imds(inside), 200);
        ["127.0.0.1", "[::1]"].iter().all(|address| asked(Some(inside), address) == REFUSED)
    });
    assert_eq!(imds(inside), 200);
}

fn extension() -> Value {
    json!({ "location": "westeurope", "properties": { "publisher": "Microsoft.ManagedIdentity",
        "type": "ManagedIdentityExtensionForLinux", "typeHandlerVersion": "1.0", "settings": { "port": 50342 } } })
}

#[test]
fn an_attached_namespace_has_the_extension_of_its_machine_and_keeps_it_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let Some(inside) = Namespace::create("has-ext") else { return };
    let up = Up::start(dir.path(), &[]);
    let (token, id) = (up.operator_token(), format!("{}/extensions/msi", up.demo()));
    let manage = |method: &str, body: &str| up.manage(&token, method, &id, API_VERSION, body);
    attached(dir.path(), "demo", &["--netns", &inside.0]);
    assert_eq!((asked(Some(&inside), "127.0.0.1"), imds(&inside)), (REFUSED, 200), "without the extension");
    let made = manage("PUT", &extension().to_string());
    assert_eq!(made.status, 201, "{}", made.body);
    eventually(PATIENCE, "it succeeds", || {
        manage("GET", "").json()["properties"]["provisioningState"].as_str() == Some("Succeeded")
    });
    is_there(&inside, None);
    // The sockets are held meanwhile: a call waits, and is not refused.
    let server = up.serving();
    assert!(Command::new("kill").args(["-KILL", &server.to_string()]).status().unwrap().success());
    assert_eq!((asked(Some(&inside), "127.0.0.1"), asked(Some(&inside), "[::1]")), (200, 200), "{}", up.log());
    up.successor(server);
    eventually(PATIENCE, "it serves again", || run(host(dir.path(), &["list"])).status.success());
    is_there(&inside, None);
    assert!(up.stop().success());
    let up = Up::start(dir.path(), &[]);
    eventually(PATIENCE, "it is there again", || asked(Some(&inside), "[::1]") == 200);
    is_there(&inside, None);
    let gone = up.manage(&up.operator_token(), "DELETE", &id, API_VERSION, "");
    assert!(gone.status == 200 || gone.status == 202, "{}", gone.body);
    goes(&inside);
    done(dir.path(), &["detach", "--netns", &inside.0]);
    assert_eq!(imds(&inside), REFUSED);
}

/// Connections of the extension's port are counted with those of all bindings.
#[test]
fn id_16_a_flood_of_one_machines_extension_leaves_the_others_their_descriptors() {
    /// Descriptors that the process may have, and the part of them that connections of bindings have together.
    const DESCRIPTORS: usize = 512;
    const SHARED: usize = DESCRIPTORS / 4;
    const FLOOD: usize = 600;
    let dir = tempfile::tempdir().unwrap();
    let (Some(flooding), Some(other)) = (Namespace::create("flooding"), Namespace::create("calm")) else { return };
    let up = Up::start_below(dir.path(), &format!("ulimit -n {DESCRIPTORS}"));
    for namespace in [&flooding, &other] {
        attached(dir.path(), "demo", &["--netns", &namespace.0]);
    }
    let id = format!("{}/extensions/msi", up.demo());
    let made = up.manage(&up.operator_token(), "PUT", &id, API_VERSION, &extension().to_string());
    assert_eq!(made.status, 201, "{}", made.body);
    eventually(PATIENCE, "it is there", || asked(Some(&flooding), "127.0.0.1") == 200);
    assert_eq!(imds(&other), 200);
    let open = || std::fs::read_dir(format!("/proc/{}/fd", up.serving())).unwrap().count();
    let before = open();
    // Requests that never end, until the test does.
    let script = "import socket, sys\nall = []\nfor n in range(int(sys.argv[1])):\n s = socket.socket(); s.setblocking(False)\n \
        s.connect_ex(('127.0.0.1', 50342)); all.append(s)\nfor s in all:\n try: s.send(b'GET /a HTTP/1.1\\r\\n')\n \
        except OSError: pass\nprint('ready', flush=True); sys.stdin.read()";
    let mut python = Command::new("python3");
    python.args(["-c", script, &FLOOD.to_string()]);
    let mut python = flooding.command(python);
    let mut flood = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(flood.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    for _ in 0..10 {
        let asked_at = Instant::now();
        assert_eq!((imds(&other), self::asked(Some(&other), "127.0.0.1")), (200, 200), "{}", up.log());
        assert!(asked_at.elapsed() < Duration::from_secs(3), "{:?}", asked_at.elapsed());
        // A few of each listener are its own.
        assert!(open() < before + SHARED + 32, "{} descriptors, and {before} before", open());
    }
    drop(flood.stdin.take());
    flood.wait().unwrap();
}

/// A word about whose connection is passed on says nothing about where that began.
#[test]
fn id_05_the_port_at_an_interface_is_for_its_other_end_also_in_another_namespace() {
    let dir = tempfile::tempdir().unwrap();
    let (Some(side), Some(guest)) = (Namespace::create("ext-side"), Namespace::create("ext-guest")) else { return };
    side.ip(&["link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", &guest.0]);
    for (namespace, device, address) in
        [(&side, "v0", "192.0.2.1/24"), (&side, "v0", "192.0.2.5/24"), (&guest, "v1", "192.0.2.2/24")]
    {
        namespace.ip(&["address", "add", address, "dev", device]);
        namespace.ip(&["link", "set", device, "up"]);
    }
    guest.ip(&["route", "add", "169.254.169.254", "dev", "v1"]);
    let up = Up::start(dir.path(), &[]);
    attached(dir.path(), "demo", &["--tap", "v0", "--netns", &side.0]);
    let id = format!("{}/extensions/msi", up.demo());
    let made = up.manage(&up.operator_token(), "PUT", &id, API_VERSION, &extension().to_string());
    assert_eq!(made.status, 201, "{}", made.body);
    let script = "import socket, sys; s = socket.create_connection(('169.254.169.254', 50342), 3, (sys.argv[1], 0)); \
        s.sendall(b'PROXY TCP4 127.0.0.1 127.0.0.1 1234 50342\\r\\nGET /oauth2/token?resource=https://vault.azure.net \
        HTTP/1.1\\r\\nHost: localhost:50342\\r\\nMetadata: true\\r\\nConnection: close\\r\\n\\r\\n'); print(s.makefile().read())";
    let is_served = |namespace: &Namespace, source: &str| {
        let mut python = Command::new("python3");
        python.args(["-c", script, source]);
        String::from_utf8_lossy(&run(namespace.command(python)).stdout).contains("access_token")
    };
    eventually(PATIENCE, "the guest is served", || is_served(&guest, "192.0.2.2"));
    for source in ["169.254.169.254", "192.0.2.1", "192.0.2.5", "127.0.0.1", "127.0.0.9"] {
        assert!(!is_served(&side, source), "{source}");
    }
    assert!(is_served(&guest, "192.0.2.2"), "{}", up.log());
}

#[test]
fn md_11_the_extension_at_a_place_has_the_rules_of_the_place() {
    let dir = tempfile::tempdir().unwrap();
    let Some(inside) = Namespace::create("ruled-ext") else { return };
    let up = Up::start(dir.path(), &[]);
    let file = dir.path().join("rules.json");
    let attach = |path: &str, identity: Value| {
        let rules = json!({
            "mode": "enforce",
            "privileges": [{ "name": "it", "path": path }],
            "roles": [{ "name": "it", "privileges": ["it"] }],
            "identities": [identity],
            "roleAssignments": [{ "role": "it", "identities": ["it"] }],
        });
        std::fs::write(&file, rules.to_string()).unwrap();
        attached(dir.path(), "demo", &["--netns", &inside.0, "--rules", file.to_str().unwrap()]);
    };
    let everybody = || json!({ "name": "it", "anyone": true });
    attach("/metadata/identity", everybody());
    let id = format!("{}/extensions/msi", up.demo());
    let made = up.manage(&up.operator_token(), "PUT", &id, API_VERSION, &extension().to_string());
    assert_eq!(made.status, 201, "{}", made.body);
    eventually(PATIENCE, "it is there", || asked(Some(&inside), "127.0.0.1") != REFUSED);
    assert_eq!((imds(&inside), asked(Some(&inside), "127.0.0.1"), asked(Some(&inside), "[::1]")), (200, 403, 403));
    attach("/oauth2", everybody());
    assert_eq!((imds(&inside), asked(Some(&inside), "127.0.0.1"), posted(&inside, "[::1]")), (403, 200, 200));
    attach("/", json!({ "name": "it", "uid": 0 }));
    assert_eq!((imds(&inside), asked(Some(&inside), "127.0.0.1"), asked(Some(&inside), "[::1]")), (200, 200, 200));
    attach("/", json!({ "name": "it", "uid": 54_321 }));
    assert_eq!((imds(&inside), asked(Some(&inside), "127.0.0.1")), (403, 403));
    assert!(up.stop().success());
    let _up = Up::start(dir.path(), &[]);
    eventually(PATIENCE, "it is there again", || asked(Some(&inside), "[::1]") != REFUSED);
    assert_eq!((imds(&inside), asked(Some(&inside), "[::1]")), (403, 403));
}

#[test]
fn a_host_that_joined_serves_the_extension_also_while_the_control_plane_is_away() {
    let Some(machines) = Machines::create("ext") else { return };
    let Some(inside) = Namespace::create("joined-ext") else { return };
    let up = machines.serve();
    let workload = machines.make_workload(&up);
    machines.operate(&["host", "token", "create", "--host", "edge", "--resource-group", "rg"]);
    machines.join_anew();
    let agent = machines.start_agent();
    machines.operate(&["host", "place", "--workload", &workload, "--host", "edge"]);
    eventually(PATIENCE, "the workload has a token", || {
        machines.workload_token("https://vault.azure.net").status.success()
    });
    let attach = ["host", "attach", "--workload", "vm", "--netns", &inside.0];
    machines::done(run(machines.bonafide(&machines.host, "host", &attach)));
    let path = format!("{workload}/extensions/msi?api-version={API_VERSION}");
    machines.manage(&up, "PUT", &path, &extension());
    eventually(PATIENCE, "it succeeds", || {
        machines.manage(&up, "GET", &path, &Value::Null).contains("\"provisioningState\":\"Succeeded\"")
    });
    let outside = Some(&machines.host);
    is_there(&inside, outside);
    up.stop();
    is_there(&inside, outside);
    agent.stop();
    let agent = machines.start_agent();
    eventually(PATIENCE, "the extension is there again", || asked(Some(&inside), "127.0.0.1") == 200);
    is_there(&inside, outside);
    let up = machines.serve();
    machines.manage(&up, "DELETE", &path, &Value::Null);
    goes(&inside);
    agent.stop();
    up.stop();
}

#[test]
fn a_host_that_cannot_look_the_control_plane_up_says_so_and_a_restart_of_the_machine_tries_again() {
    let Some(machines) = Machines::create("dns") else { return };
    let Some(inside) = Namespace::create("dns-ext") else { return };
    let up = machines.serve();
    let workload = machines.make_workload(&up);
    let hosts = machines.path("hosts");
    let known = format!("127.0.0.1 localhost\n192.0.2.1 {}\n", machines::NAME);
    std::fs::write(&hosts, &known).unwrap();
    let on_host = |arguments: &[&str]| {
        let command = machines.bonafide(&machines.host, "host", arguments);
        machines.with_hosts(&command, &hosts)
    };
    machines.operate(&["host", "token", "create", "--host", "edge", "--resource-group", "rg"]);
    let (token, url) = (machines.token(), format!("https://{}:8444", machines::NAME));
    let (ca, token) = (machines::text(&token["caSha256"]), machines::text(&token["token"]));
    machines::done(run(on_host(&["host", "join", "--url", &url, "--ca-sha256", ca, "--token", token])));
    let agent = machines.start(on_host(&["host", "run"]));
    machines.operate(&["host", "place", "--workload", &workload, "--host", "edge"]);
    let attach = ["host", "attach", "--workload", "vm", "--netns", &inside.0];
    eventually(PATIENCE, "it is attached", || run(on_host(&attach)).status.success());
    eventually(PATIENCE, "the workload has a token", || imds(&inside) == 200);
    // Connections that are open go on.
    std::fs::write(&hosts, "127.0.0.1 localhost\n").unwrap();
    let path = |more: &str| format!("{workload}{more}api-version={API_VERSION}");
    machines.manage(&up, "PUT", &path("/extensions/msi?"), &extension());
    let state = || machines.manage(&up, "GET", &path("/extensions/msi?$expand=instanceView&"), &Value::Null);
    eventually(PATIENCE, "it fails, and says why", || {
        let state = state();
        state.contains("\"provisioningState\":\"Failed\"") && state.contains("DNS")
    });
    assert_eq!((asked(Some(&inside), "127.0.0.1"), imds(&inside)), (REFUSED, 200));
    std::fs::write(&hosts, &known).unwrap();
    machines.manage(&up, "POST", &path("/restart?"), &json!({}));
    eventually(PATIENCE, "it succeeds", || state().contains("\"provisioningState\":\"Succeeded\""));
    is_there(&inside, Some(&machines.host));
    agent.stop();
    up.stop();
}

/// The extension of a scale set, in its profile or not any more.
fn scaled(up: &Up, capacity: u32, extensions: &Value) {
    let set = up.demo().replace("/virtualMachines/demo", "/virtualMachineScaleSets/pool");
    let profile = json!({ "storageProfile": { "osDisk": { "osType": "Linux" } }, "extensionProfile": { "extensions": extensions } });
    let body = json!({ "location": "westeurope", "sku": { "name": "Standard_B1s", "capacity": capacity },
        "identity": { "type": "SystemAssigned" }, "properties": { "orchestrationMode": "Uniform",
        "upgradePolicy": { "mode": "Automatic" }, "virtualMachineProfile": profile } });
    // One operation after the other: the one before may still wait for hosts.
    eventually(PATIENCE, "it is scaled", || {
        let made = up.manage(&up.operator_token(), "PUT", &set, API_VERSION, &body.to_string());
        assert!(made.status / 100 == 2 || made.status == 409, "{}", made.body);
        made.status != 409
    });
}

#[test]
fn instances_of_a_scale_set_serve_the_extension_of_its_model_new_ones_too() {
    let dir = tempfile::tempdir().unwrap();
    let (Some(first), Some(second)) = (Namespace::create("inst0"), Namespace::create("inst1")) else { return };
    let up = Up::start(dir.path(), &[]);
    let settings = extension()["properties"].clone();
    let extensions = json!([{ "name": "msi", "properties": settings }]);
    scaled(&up, 1, &extensions);
    attached_once_there(dir.path(), "pool/0", &first);
    eventually(PATIENCE, "the first serves it", || asked(Some(&first), "127.0.0.1") == 200);
    scaled(&up, 2, &extensions);
    attached_once_there(dir.path(), "pool/1", &second);
    eventually(PATIENCE, "the new one serves it", || asked(Some(&second), "127.0.0.1") == 200);
    is_there(&first, None);
    is_there(&second, None);
    scaled(&up, 2, &json!([]));
    goes(&first);
    goes(&second);
}

fn attached_once_there(dir: &Path, instance: &str, namespace: &Namespace) {
    let attach = ["attach", "--workload", instance, "--netns", &namespace.0];
    eventually(PATIENCE, "the instance is there", || run(host(dir, &attach)).status.success());
}
