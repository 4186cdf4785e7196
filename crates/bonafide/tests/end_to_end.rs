//! The main job, from the metadata endpoint to the resource manager, with whole processes.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use serde_json::json;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use support::{PATIENCE, Up, bonafide, eventually, free_port, http, metadata_request, run};

const ARM: &str = "https://management.azure.com/";
/// Revocation: RV-01.
const REVOKED_WITHIN: Duration = Duration::from_secs(5);

#[test]
fn a_machines_token_reads_the_machine_and_makes_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let token = up.token(ARM).unwrap();
    let read = up.manage(&token, "GET", &up.demo(), "2024-11-01", "");
    assert_eq!(read.status, 200, "{}", read.body);
    assert_eq!(read.json()["identity"]["type"], "SystemAssigned, UserAssigned");
    let other = up.demo().replace("virtualMachines/demo", "virtualMachines/other");
    let made = up.manage(&token, "PUT", &other, "2024-11-01", r#"{"location":"westeurope"}"#);
    assert_eq!((made.status, &made.json()["error"]["code"]), (403, &json!("AuthorizationFailed")));
}

#[test]
fn du_01_everything_is_still_there_after_a_restart_and_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let (tenant, port) = (up.info["tenantId"].clone(), up.imds().port());
    let machine = up.manage(&up.token(ARM).unwrap(), "GET", &up.demo(), "2024-11-01", "").json();
    assert!(up.stop().success());
    let up = Up::start(dir.path(), &[]);
    assert_eq!((&up.info["tenantId"], up.imds().port()), (&tenant, port));
    assert_eq!(up.manage(&up.token(ARM).unwrap(), "GET", &up.demo(), "2024-11-01", "").json(), machine);
    up.kill();
    let up = Up::start(dir.path(), &[]);
    assert_eq!(up.manage(&up.token(ARM).unwrap(), "GET", &up.demo(), "2024-11-01", "").json(), machine);
    let info = run({
        let mut command = bonafide(dir.path(), "info");
        command.arg("--json");
        command
    });
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&info.stdout).unwrap(), up.info);
}

#[test]
fn a_deleted_machine_takes_its_next_token_and_its_last_along() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &["--throttle", "off"]);
    let (last, operator) = (up.token(ARM).unwrap(), up.operator_token());
    let deleted = up.manage(&operator, "DELETE", &up.demo(), "2024-11-01", "");
    assert_eq!(deleted.status, 200, "{}", deleted.body);
    assert!(deleted.header("location").is_none() && deleted.header("retry-after").is_none());
    let group = up.demo().split("/providers").next().unwrap().to_owned();
    let refused = up.manage(&last, "GET", &group, "2021-04-01", "");
    assert_eq!(refused.status, 401, "{}", refused.body);
    eventually(REVOKED_WITHIN, "the next token is refused", || up.token(ARM).is_err());
}

#[test]
fn a_deleted_identity_is_refused_while_the_machine_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &["--throttle", "off"]);
    let operator = up.operator_token();
    let machine = up.manage(&operator, "GET", &up.demo(), "2024-11-01", "").json();
    let (identity, user) = machine["identity"]["userAssignedIdentities"].as_object().unwrap().iter().next().unwrap();
    let client = user["clientId"].as_str().unwrap();
    let ask = || {
        let path = format!("/metadata/identity/oauth2/token?api-version=2018-02-01&resource={ARM}&client_id={client}");
        let host = up.imds();
        http(host, &metadata_request(host, &path))
    };
    assert_eq!(ask().status, 200);
    assert_eq!(up.manage(&operator, "DELETE", identity, "2018-11-30", "").status, 200);
    eventually(REVOKED_WITHIN, "the identity is refused", || ask().status == 400);
    assert_eq!(ask().json()["error_description"], "Identity not found");
    assert!(up.token(ARM).is_ok(), "the system-assigned identity goes on");
    let removal =
        json!({ "identity": { "type": "SystemAssigned, UserAssigned", "userAssignedIdentities": { identity: null } } });
    let updated = up.manage(&operator, "PATCH", &up.demo(), "2024-11-01", &removal.to_string());
    assert_eq!(updated.status, 200, "{}", updated.body);
    assert_eq!(updated.json()["identity"]["type"], "SystemAssigned");
}

/// Everything between agent and login goes over the hosts listener's connection: a proxy in between
/// sees a token that is new, and sees nothing of one that is cached.
#[test]
fn the_agent_has_no_shortcut_to_login() {
    let dir = tempfile::tempdir().unwrap();
    let hosts = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let proxy = Proxy::start(hosts);
    let (listen, connect) = (hosts.to_string(), proxy.address.to_string());
    let up = Up::start(dir.path(), &["--hosts-listen", &listen, "--hosts-connect", &connect]);
    let joined = proxy.bytes();
    assert!(joined > 0, "joining goes through the proxy");
    up.token(ARM).unwrap();
    // Registering the key and the token itself: more than two kilobytes with a certificate and a JWT.
    let fetched = proxy.bytes();
    assert!(fetched > joined + 2_000, "{joined} {fetched}");
    // The watch that the registration woke comes to rest at some time; tokens go on without it.
    eventually(PATIENCE, "a cached token needs nobody", || {
        let before = proxy.bytes();
        for _ in 0..10 {
            up.token(ARM).unwrap();
        }
        proxy.bytes() == before
    });
}

/// Passes bytes on, and counts them.
struct Proxy {
    address: SocketAddr,
    bytes: Arc<AtomicU64>,
}

impl Proxy {
    fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, bytes) = (listener.local_addr().unwrap(), Arc::new(AtomicU64::new(0)));
        let count = Arc::clone(&bytes);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(to) else { continue };
                for (from, into) in [(&client, &server), (&server, &client)] {
                    let (mut from, mut into) = (from.try_clone().unwrap(), into.try_clone().unwrap());
                    let count = Arc::clone(&count);
                    std::thread::spawn(move || {
                        let mut buffer = [0; 16 * 1024];
                        while let Ok(read @ 1..) = from.read(&mut buffer) {
                            count.fetch_add(read as u64, Ordering::Relaxed);
                            if into.write_all(&buffer[..read]).is_err() {
                                break;
                            }
                        }
                        let _ = into.shutdown(std::net::Shutdown::Write);
                    });
                }
            }
        });
        Self { address, bytes }
    }

    fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}
