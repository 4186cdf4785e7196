//! Ports and unix sockets that are attached to workloads, and commands in other network namespaces than the agent's.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use support::attached::{attached, bindings, done, not_done, principal, state};
use support::namespace::Namespace;
use support::{Answer, Up, as_other_user, bonafide, claims, eventually, free_port, http, is_root, refused, run};
use support::{metadata_request, skip, token_target};

const ARM: &str = "https://management.azure.com/";

fn system() -> Value {
    json!({ "type": "SystemAssigned" })
}

fn at_port(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// A request of App Service's clients.
fn app_service(port: u16, secret: &str) -> Answer {
    let target = format!("/msi/token?api-version=2019-08-01&resource={ARM}");
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-IDENTITY-HEADER: {secret}\r\nConnection: close\r\n\r\n"
    );
    http(at_port(port), &request)
}

fn oid(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.body);
    claims(answer.json()["access_token"].as_str().unwrap())["oid"].as_str().unwrap().to_owned()
}

fn info(dir: &Path) -> Value {
    let mut info = bonafide(dir, "info");
    info.arg("--json");
    serde_json::from_slice(&run(info).stdout).unwrap()
}

#[test]
fn id_07_a_port_is_one_workloads_until_it_is_detached_whatever_becomes_of_the_agent() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let web = up.machine("web", &system());
    let oid_of_web = principal(&up, &web);
    let port = free_port();
    let number = port.to_string();
    let attach = ["attach", "--workload", "web", "--port", &number, "--shell", "json"];
    let variables: Value = serde_json::from_str(&done(dir.path(), &attach)).unwrap();
    assert_eq!(variables["IDENTITY_ENDPOINT"], format!("http://127.0.0.1:{port}/msi/token"));
    let secret = variables["IDENTITY_HEADER"].as_str().unwrap();
    assert_eq!(oid(&app_service(port, secret)), oid_of_web);
    assert_eq!(app_service(port, "guessed").status, 401);
    // The same again says the same, and another workload does not get it.
    assert_eq!(serde_json::from_str::<Value>(&done(dir.path(), &attach)).unwrap(), variables);
    up.machine("db", &system());
    let line = not_done(dir.path(), &["attach", "--workload", "db", "--port", &number]);
    assert!(line.contains("attached to /subscriptions/") && line.contains("host detach --binding"), "{line}");

    eventually(support::PATIENCE, "info lists it", || info(dir.path())["workloads"].as_array().unwrap().len() == 2);
    let told = info(dir.path())["workloads"][1].clone();
    assert_eq!((&told["resourceId"], &told["dialects"]), (&json!(web), &json!(["app-service"])));
    let file = told["headerFile"].as_str().unwrap();
    assert_eq!(std::fs::read_to_string(file).unwrap(), secret);
    assert_eq!(std::fs::metadata(file).unwrap().mode() & 0o777, 0o600);
    assert!(!info(dir.path()).to_string().contains(secret) && !up.log().contains(secret));

    // Over a crash of what serves, and over a stop and a start.
    let server = up.serving();
    kill(server);
    up.successor(server);
    eventually(support::PATIENCE, "it serves again", || {
        TcpStream::connect(at_port(port)).is_ok() && app_service(port, secret).status == 200
    });
    up.stop();
    assert!(TcpStream::connect(at_port(port)).is_err());
    let up = Up::start(dir.path(), &[]);
    assert_eq!(oid(&app_service(port, secret)), oid_of_web);
    assert_eq!(up.info["workloads"][1]["headerFile"], file);

    // The workload stays the one that was attached: a successor of its name gets nothing.
    assert!(up.manage(&up.operator_token(), "DELETE", &web, support::MACHINES, "").status / 100 == 2);
    eventually(support::PATIENCE, "it has nothing", || app_service(port, secret).status != 200);
    up.machine("web", &system());
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert_ne!(app_service(port, secret).status, 200);
    let gone = done(dir.path(), &["detach", "--port", &number]);
    assert!(gone.contains("detached"), "{gone}");
    assert!(TcpStream::connect(at_port(port)).is_err() && !Path::new(file).exists());
    assert!(not_done(dir.path(), &["detach", "--port", &number]).contains("nothing is attached with --port"));
}

#[test]
fn id_01_a_port_is_for_the_user_who_attached_it_unless_told_otherwise() {
    if !is_root() {
        return skip("being another user needs root");
    }
    let dir = tempfile::tempdir().unwrap();
    let _up = Up::start(dir.path(), &[]);
    let (own, open) = (free_port(), free_port());
    for (port, more) in [(own, None), (open, Some("--any-user"))] {
        let number = port.to_string();
        let place: Vec<&str> = ["--port", &number, "--dialect", "imds"].into_iter().chain(more).collect();
        attached(dir.path(), "demo", &place);
        assert!(
            http(at_port(port), &metadata_request(at_port(port), &token_target(ARM))).body.contains("access_token")
        );
        let other = as_other_user(at_port(port), &token_target(ARM));
        assert_eq!(other.contains("access_token"), more.is_some(), "{other}");
    }
}

#[test]
fn id_06_a_thousand_idle_connections_lose_access_when_their_place_is_detached() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &["--throttle", "off"]);
    let (port, other) = (free_port(), free_port());
    let of = |port: u16| port.to_string();
    attached(dir.path(), "demo", &["--port", &of(port), "--dialect", "imds"]);
    attached(dir.path(), "demo", &["--port", &of(other), "--dialect", "imds"]);
    let request = metadata_request(at_port(port), &token_target(ARM)).replace("Connection: close\r\n", "");
    let mut idle: Vec<TcpStream> = (0..1_000).map(|_| TcpStream::connect(at_port(port)).unwrap()).collect();
    for connection in &mut idle {
        connection.write_all(request.as_bytes()).unwrap();
        assert!(connection.read(&mut [0; 4_096]).unwrap() > 0);
    }
    done(dir.path(), &["detach", "--port", &of(port)]);
    for mut connection in idle {
        let _ = connection.write_all(request.as_bytes());
        let mut rest = Vec::new();
        let _ = connection.read_to_end(&mut rest);
        assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
    }
    assert!(TcpStream::connect(at_port(port)).is_err());
    // No other binding is disturbed.
    assert_eq!(http(at_port(other), &metadata_request(at_port(other), &token_target(ARM))).status, 200, "{}", up.log());
}

#[test]
fn a_unix_socket_is_for_who_may_reach_it_and_its_path_may_be_long() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let web = principal(&up, &up.machine("web", &system()));
    let folder = dir.path().join("d".repeat(110));
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("metadata.sock");
    let named = path.display().to_string();
    let binding = attached(dir.path(), "web", &["--unix", &named, "--mode", "660"]);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    // Clients reach a long path from its folder.
    let ask = || {
        let link = dir.path().join("link");
        let _ = std::os::unix::fs::symlink(&folder, &link);
        let mut stream = UnixStream::connect(link.join("metadata.sock")).unwrap();
        stream.write_all(metadata_request("localhost", &token_target(ARM)).as_bytes()).unwrap();
        Answer::read(&mut stream)
    };
    assert_eq!(oid(&ask()), web);
    let server = up.serving();
    kill(server);
    up.successor(server);
    let is_up = || run(support::attached::host(dir.path(), &["list"])).status.success();
    eventually(support::PATIENCE, "it serves again", is_up);
    assert_eq!(state(dir.path(), &binding["id"]), "serving");
    assert_eq!(oid(&ask()), web);
    let line = not_done(dir.path(), &["attach", "--workload", "demo", "--unix", &named]);
    assert!(line.contains("is attached to"), "{line}");
    let id = binding["id"].as_str().unwrap();
    done(dir.path(), &["detach", "--binding", id]);
    assert!(!path.exists() && bindings(dir.path()).is_empty());
}

#[test]
fn a_row_that_was_changed_or_came_from_elsewhere_is_set_aside_and_serves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let (one, other) = (free_port(), free_port());
    // A list has bindings of the same second in any order.
    let ids = [one, other].map(|port| {
        let binding = attached(dir.path(), "demo", &["--port", &port.to_string(), "--dialect", "imds"]);
        binding["id"].as_str().unwrap().to_owned()
    });
    up.stop();
    let rows = dir.path().join("data/agent/bindings");
    // That of the second binding under the name of the first.
    std::fs::copy(rows.join(format!("{}.json", ids[1])), rows.join(format!("{}.json", ids[0]))).unwrap();
    let up = Up::start(dir.path(), &[]);
    assert!(TcpStream::connect(at_port(one)).is_err());
    assert_eq!(http(at_port(other), &metadata_request(at_port(other), &token_target(ARM))).status, 200);
    eventually(support::PATIENCE, "the log says it", || up.log().contains(r#""event":"bindingSetAside""#));
    assert_eq!(bindings(dir.path()).len(), 1);
}

#[test]
fn ha_11_a_place_that_was_detached_does_not_come_back_with_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let (gone, stays) = (free_port(), free_port());
    let attach = |port: u16| attached(dir.path(), "demo", &["--port", &port.to_string(), "--dialect", "imds"]);
    let binding = attach(gone)["id"].as_str().unwrap().to_owned();
    let file = dir.path().join("data/agent/bindings").join(format!("{binding}.json"));
    let row = std::fs::read(&file).unwrap();
    done(dir.path(), &["detach", "--binding", &binding]);
    attach(stays);
    up.stop();
    std::fs::write(&file, row).unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    let up = Up::start(dir.path(), &[]);
    assert_eq!(http(at_port(stays), &metadata_request(at_port(stays), &token_target(ARM))).status, 200);
    assert!(TcpStream::connect(at_port(gone)).is_err(), "{}", up.log());
    assert_eq!(bindings(dir.path()).len(), 1);
}

#[test]
fn id_03_a_command_in_another_network_namespace_gets_an_endpoint_there_and_nobody_elses() {
    let dir = tempfile::tempdir().unwrap();
    let Some(elsewhere) = Namespace::create("elsewhere") else { return };
    let up = Up::start(dir.path(), &[]);
    let mut token = bonafide(dir.path(), "token");
    token.args(["--resource", ARM, "--decode"]);
    let printed = run(elsewhere.command(token));
    let said = String::from_utf8_lossy(&printed.stderr).into_owned();
    assert!(printed.status.success(), "{said}{}", up.log());
    assert!(String::from_utf8_lossy(&printed.stdout).contains("\"oid\""));
    // The endpoint of a command is on the loopback device of its own namespace; another user there gets nothing.
    let script = r#"port=${AZURE_POD_IDENTITY_AUTHORITY_HOST##*:}; port=${port%%/*}
        ask() { exec 3<>/dev/tcp/127.0.0.1/$port; printf %s "$0" >&3; cat <&3; }
        ask | head -1; export port; setpriv --reuid 65534 --regid 65534 --clear-groups bash -c '
        exec 3<>/dev/tcp/127.0.0.1/$port; printf %s "$0" >&3; head -1 <&3' "$0"; echo $port"#;
    // The port is known to the command alone.
    let script = script.replace("\"$0\"", "\"${0//PORT/$port}\"");
    let mut exec = bonafide(dir.path(), "exec");
    exec.args(["--dialect", "imds", "--", "bash", "-c", &script]);
    exec.arg(metadata_request("127.0.0.1:PORT", &token_target(ARM)));
    let output = run(elsewhere.command(exec));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    assert_eq!(lines[..2], ["HTTP/1.1 200 OK", "HTTP/1.1 403 Forbidden"], "{text}{}", up.log());
    let line = refused(elsewhere.command({
        let mut attach = support::attached::host(dir.path(), &["attach", "--workload", "demo", "--port", "4000"]);
        attach.stdin(std::process::Stdio::null());
        attach
    }));
    assert!(line.contains("another network namespace"), "{line}");
}

#[test]
fn a_name_that_several_workloads_have_attaches_and_detaches_none_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let demo = up.demo();
    let other = demo.replace("/resourceGroups/demo/", "/resourceGroups/other/");
    assert!(demo.contains("/resourceGroups/demo/"), "{demo}");
    let make = |id: &str, api: &str, body: Value| {
        let made = up.manage(&up.operator_token(), "PUT", id, api, &body.to_string());
        assert_eq!(made.status, 201, "{}", made.body);
    };
    make(other.split("/providers/").next().unwrap(), "2021-04-01", json!({ "location": "westeurope" }));
    make(&other, support::MACHINES, json!({ "location": "westeurope", "identity": system(), "properties": {} }));
    for id in [&demo, &other] {
        attached(dir.path(), id, &["--port", &free_port().to_string()]);
    }
    for arguments in [&["attach", "--workload", "demo", "--port", "1"][..], &["detach", "--workload", "DEMO"]] {
        let line = not_done(dir.path(), arguments);
        assert!(line.contains(&demo) && line.contains(&other), "{line}");
    }
    assert_eq!(bindings(dir.path()).len(), 2);
    let gone = done(dir.path(), &["detach", "--workload", &other]);
    assert!(gone.contains(&other) && bindings(dir.path()).len() == 1, "{gone}");
    // There is but one now.
    done(dir.path(), &["detach", "--workload", "demo"]);
}

#[test]
fn id_04_a_place_of_an_instance_is_not_its_successors() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let set = up.demo().replace("/virtualMachines/demo", "/virtualMachineScaleSets/pool");
    let scale = |capacity: u32| {
        let body = json!({ "location": "westeurope", "sku": { "name": "Standard_B1s", "capacity": capacity }, "identity": system(),
            "properties": { "orchestrationMode": "Uniform", "upgradePolicy": { "mode": "Manual" } } });
        let scaled = up.manage(&up.operator_token(), "PUT", &set, support::MACHINES, &body.to_string());
        assert_eq!(scaled.status / 100, 2, "{}", scaled.body);
    };
    let instances = || {
        let path = format!("{set}/virtualMachines");
        let listed = up.manage(&up.operator_token(), "GET", &path, support::MACHINES, "").json();
        listed["value"].as_array().unwrap().len()
    };
    scale(2);
    eventually(support::PATIENCE, "there are two", || instances() == 2);
    let ports = [free_port(), free_port()];
    for (at, port) in ports.iter().enumerate() {
        attached(dir.path(), &format!("pool/{at}"), &["--port", &port.to_string(), "--dialect", "imds"]);
    }
    let status = |at: usize| http(at_port(ports[at]), &metadata_request(at_port(ports[at]), &token_target(ARM))).status;
    assert_eq!((status(0), status(1)), (200, 200));
    // A name that it is attached by detaches it.
    let further = free_port().to_string();
    attached(dir.path(), "pool/1", &["--port", &further]);
    assert!(not_done(dir.path(), &["detach", "--workload", "pool/7"]).contains("nothing is attached"));
    assert_eq!(done(dir.path(), &["detach", "--workload", "pool/1"]).lines().count(), 2);
    attached(dir.path(), "pool/1", &["--port", &ports[1].to_string(), "--dialect", "imds"]);
    scale(0);
    eventually(support::PATIENCE, "both are gone", || status(0) != 200 && status(1) != 200);
    scale(2);
    eventually(support::PATIENCE, "there are two", || instances() == 2);
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert!(status(0) != 200 && status(1) != 200);
}

/// No guest is there to connect: `conformance/vm/plain_sockets.py` has them.
#[test]
fn guests_share_a_port_of_virtual_sockets_and_each_has_its_binding() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let port = free_port().to_string();
    let attach = |cid: &str| {
        let place = ["--vsock", cid, "--vsock-port", &port];
        run(support::attached::host(dir.path(), &[&["attach", "--workload", "demo"][..], &place[..]].concat()))
    };
    let first = attach("4242");
    if String::from_utf8_lossy(&first.stderr).contains("not supported") {
        return skip("the kernel has no virtual sockets");
    }
    assert!(first.status.success() && attach("4243").status.success(), "{first:?}");
    assert!(bindings(dir.path()).iter().all(|binding| binding["state"] == "serving"));
    assert!(String::from_utf8_lossy(&attach("2").stderr).contains("guests have those from 3 on"));
    done(dir.path(), &["detach", "--vsock", "4242", "--vsock-port", &port]);
    assert_eq!(bindings(dir.path()).len(), 1);
    // The socket of the port is held for the second as it was for the first: nobody else gets it while no agent runs.
    let (port_number, server) = (port.parse().unwrap(), up.serving());
    kill(server);
    let since = std::time::Instant::now();
    let is_taken = || bonafide_opener::listen_on_vsock(port_number).is_err();
    while !run(support::attached::host(dir.path(), &["list"])).status.success() {
        assert!(is_taken(), "nobody holds it {:?} after its agent was killed", since.elapsed());
    }
    assert!(is_taken() && bindings(dir.path()).iter().all(|binding| binding["state"] == "serving"));
    done(dir.path(), &["detach", "--workload", "demo"]);
    assert!(attach("4242").status.success(), "the port is free again");
}

fn kill(pid: u32) {
    assert!(Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap().success());
}
