//! Bad input gets a clear error and loses nothing.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::{
    MACHINES, PATIENCE, Up, as_other_user, bonafide, connect, eventually, http, http_bytes, is_root, metadata_request,
    refused, run, skip, token_target, up_command,
};

const ARM: &str = "https://management.azure.com/";
/// Sooner than any limit on silence ends a connection.
const BOUNDED: Duration = Duration::from_secs(12);

#[test]
fn a_port_in_use_stops_up_with_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = bonafide(dir.path(), "up");
    command.args(["--json", "--listen", &address, "--hosts-listen", "127.0.0.1:0"]);
    let line = refused(command);
    assert!(line.contains(&address) && line.contains("--listen"), "{line}");
}

#[test]
fn a_second_up_on_one_data_directory_is_refused_and_the_first_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let line = refused(up_command(dir.path(), &[]));
    assert!(line.contains("in use"), "{line}");
    assert!(up.token(ARM).is_ok());
}

#[test]
fn a_damaged_database_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    assert!(Up::start(dir.path(), &[]).stop().success());
    let database = dir.path().join("data/store/store.db");
    let whole = fs::read(&database).unwrap();
    let mut damaged = whole.clone();
    damaged[..64].fill(0x5a);
    fs::write(&database, &damaged).unwrap();
    let line = refused(up_command(dir.path(), &[]));
    assert!(line.contains("store.db"), "{line}");
    assert_eq!(fs::read(&database).unwrap(), damaged, "nothing was overwritten");
    fs::write(&database, &whole).unwrap();
    assert!(Up::start(dir.path(), &[]).token(ARM).is_ok(), "nothing was lost");
}

#[test]
fn a_key_file_that_is_missing_truncated_or_open_to_others_is_refused_and_never_replaced() {
    let dir = tempfile::tempdir().unwrap();
    assert!(Up::start(dir.path(), &[]).stop().success());
    for name in ["data/key", "data/agent/key"] {
        let path = dir.path().join(name);
        let key = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(refused(up_command(dir.path(), &[])).contains("key"), "{name} missing");
        assert!(!path.exists(), "{name} was not replaced");
        write_private(&path, &key[..16]);
        assert!(refused(up_command(dir.path(), &[])).contains("key"), "{name} truncated");
        write_private(&path, &key);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(refused(up_command(dir.path(), &[])).contains("key"), "{name} readable by others");
        write_private(&path, &[7; 32]);
        assert!(refused(up_command(dir.path(), &[])).contains("key"), "{name} of another installation");
        write_private(&path, &key);
    }
    assert!(Up::start(dir.path(), &[]).token(ARM).is_ok(), "nothing was lost");
}

#[test]
fn a_data_directory_that_others_can_write_to_is_not_trusted() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let data = dir.path().join("data");
    fs::set_permissions(&data, fs::Permissions::from_mode(0o777)).unwrap();
    let mut token = bonafide(dir.path(), "token");
    token.args(["--resource", ARM]);
    for command in [token, bonafide(dir.path(), "env"), bonafide(dir.path(), "info")] {
        assert!(refused(command).contains("can be written to by others"));
    }
    assert!(up.stop().success());
    assert!(refused(up_command(dir.path(), &[])).contains("can be written to by others"));
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
    assert!(Up::start(dir.path(), &[]).token(ARM).is_ok());
}

#[test]
fn du_04_a_full_disk_refuses_writes_cleanly_and_stops_no_token() {
    if !is_root() {
        return skip("mounting a small file system needs root");
    }
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(dir.path()) else {
        return skip("no loop mounts here");
    };
    let up = Up::start(&disk.path, &["--throttle", "off"]);
    let operator = up.operator_token();
    up.token(ARM).unwrap();
    let filler = disk.path.join("filler");
    fill(&filler);
    let group = up.demo().split("/providers").next().unwrap().to_owned();
    let mut failed = 0;
    for number in 0..200 {
        let tags = format!(r#"{{"location":"westeurope","tags":{{"fill":"{}"}}}}"#, "x".repeat(200));
        let made = up.manage(&operator, "PUT", &format!("{group}{number}"), "2021-04-01", &tags);
        assert!(matches!(made.status, 200 | 201 | 503 | 507), "{}", made.body);
        failed += u32::from(made.status >= 500);
    }
    assert!(failed > 0, "the disk is full");
    assert!(up.token(ARM).is_ok() && up.token("https://vault.azure.net").is_ok(), "tokens need no disk");
    assert_eq!(up.manage(&operator, "GET", &group, "2021-04-01", "").status, 200, "reading needs no space");
    fs::remove_file(&filler).unwrap();
    eventually(PATIENCE, "writes work again", || {
        up.manage(&operator, "PUT", &format!("{group}-after"), "2021-04-01", r#"{"location":"westeurope"}"#).status
            == 201
    });
    assert!(up.stop().success());
    fill(&filler);
    assert!(Up::start(&disk.path, &[]).token(ARM).is_ok(), "a start and a token need no space");
    fs::remove_file(&filler).unwrap();
    assert!(Up::start(&disk.path, &[]).token(ARM).is_ok(), "nothing was lost");
}

#[test]
fn av_11_a_new_identity_on_a_full_disk_is_told_that_the_disk_is_full_and_to_come_again() {
    if !is_root() {
        return skip("mounting a small file system needs root");
    }
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(dir.path()) else {
        return skip("no loop mounts here");
    };
    let up = Up::start(&disk.path, &["--throttle", "off"]);
    let operator = up.operator_token();
    let filler = disk.path.join("filler");
    fill(&filler);
    // The log of the database may still have room; many large rows have none.
    let large = up.demo().replace("/virtualMachines/demo", "/virtualMachines/large");
    let body = format!(r#"{{"location":"westeurope","properties":{{"text":"{}"}}}}"#, "x".repeat(500_000));
    let mut made = (0..60).map(|_| up.manage(&operator, "PUT", &large, MACHINES, &body));
    assert!(made.any(|answer| answer.status == 503), "the disk is full");
    let answer = http(up.imds(), &metadata_request(up.imds(), &token_target(ARM)));
    let again = answer.header("retry-after");
    assert!(answer.status == 503 && matches!(again, Some("1" | "2")), "{} {again:?} {}", answer.status, answer.body);
    assert!(answer.body.contains("disk") && answer.body.contains("make space"), "{}", answer.body);
    fs::remove_file(&filler).unwrap();
    eventually(PATIENCE, "there are tokens again", || up.token(ARM).is_ok());
}

/// Leaves no space on the disk of `path`.
fn fill(path: &Path) {
    let mut file = fs::File::create(path).unwrap();
    while file.write_all(&[0; 64 * 1024]).is_ok() {}
    while file.write_all(&[0; 512]).is_ok() {}
}

/// Credentials of .NET probe all at once, and give managed identity up for good on any other answer.
#[test]
fn two_hundred_probes_at_once_are_all_answered_400() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let host = up.imds();
    let probe = format!(
        "GET /metadata/identity/oauth2/token?api-version=2018-02-01 HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    );
    let ask = || http(host, &probe).status;
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..200).map(|_| scope.spawn(ask)).collect();
        asking.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(statuses, [400; 200]);
    assert!(up.token(ARM).is_ok(), "they took nothing from the workload's share");
}

/// MD-02..MD-06 and NP-06 through real sockets; the guards' own matrices are in `metadata`.
#[test]
fn np_06_malformed_and_oversized_requests_are_refused_in_bounded_time() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &["--throttle", "off"]);
    let host = up.imds();
    let target = token_target(ARM);
    let good = format!("Host: {host}\r\nMetadata: true\r\nConnection: close\r\n");
    let many: String = (0..200).map(|n| format!("X-{n}: 1\r\n")).collect();
    let requests = [
        (400, format!("GET {target} HTTP/1.1\r\nMetadata: true\r\nConnection: close\r\n\r\n")),
        (400, format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{good}\r\n")),
        (400, format!("GET {target} HTTP/1.1\r\nX-Forwarded-For: \r\n{good}\r\n")),
        (400, format!("GET http://evil.example{target} HTTP/1.1\r\n{good}\r\n")),
        (400, format!("GET https://{host}{target} HTTP/1.1\r\n{good}\r\n")),
        (400, format!("GET \"http://{host}{target}\" HTTP/1.1\r\n{good}\r\n")),
        (405, format!("CONNECT {host} HTTP/1.1\r\n{good}\r\n")),
        (405, format!("DELETE {target} HTTP/1.1\r\n{good}\r\n")),
        (400, format!("GET {target}&resource=b HTTP/1.1\r\n{good}\r\n")),
        (414, format!("GET {target}&x={} HTTP/1.1\r\n{good}\r\n", "x".repeat(9_000))),
        (431, format!("GET {target} HTTP/1.1\r\nX-Big: {}\r\n{good}\r\n", "x".repeat(40_000))),
        (431, format!("GET {target} HTTP/1.1\r\n{many}{good}\r\n")),
        (413, format!("POST {target} HTTP/1.1\r\nContent-Length: 100000000\r\n{good}\r\n")),
        (400, format!("GET {target} HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n{good}\r\nabcde")),
        (400, "\0\u{1}\u{2} nonsense\r\n\r\n".to_owned()),
        // Closed without a word.
        (0, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()),
    ];
    for (status, request) in requests {
        let started = Instant::now();
        let answer = http(host, &request);
        assert_eq!(answer.status, status, "{} -> {} {}", &request[..request.len().min(160)], answer.head, answer.body);
        assert!(!answer.body.contains("access_token"));
        if status != 0 {
            let body = answer.json();
            assert!(body["error"].is_string() && body["error_description"].is_string(), "{}", answer.head);
        }
        assert!(started.elapsed() < BOUNDED);
    }
    let deep = format!("{{\"location\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let group = up.demo().split("/providers").next().unwrap().to_owned();
    let answer = up.manage(&up.operator_token(), "PUT", &format!("{group}-deep"), "2021-04-01", &deep);
    assert_eq!(answer.status, 400, "{}", answer.body);
    let big = up.https_raw(b"POST /subscriptions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n\r\n");
    assert_eq!(big.status, 413);
    // Of a stranger's large body nothing is read: the refusal comes before it is sent.
    let stranger = up.https_raw(
        format!(
            "PUT {}?api-version=2024-11-01 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999\r\n\r\n",
            up.demo()
        )
        .as_bytes(),
    );
    assert!(stranger.status == 401 && stranger.header("connection") == Some("close"), "{}", stranger.head);
    assert!(up.token(ARM).is_ok(), "it still serves");
    let not_http = http_bytes(host, &[0x16, 0x03, 0x01, 0x02, 0x00]);
    assert_ne!(not_http.status, 200);
}

#[test]
fn a_loopback_endpoint_serves_only_the_user_who_started_it() {
    if !is_root() {
        return skip("being another user needs root");
    }
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    assert!(up.token(ARM).is_ok());
    let target = token_target(ARM);
    let answer = as_other_user(up.imds(), &target);
    assert!(answer.starts_with("HTTP/1.1 403") && !answer.contains("access_token"), "{answer}");
    assert!(answer.contains("--any-user"), "{answer}");
    assert!(up.stop().success());
    let up = Up::start(dir.path(), &["--any-user"]);
    let answer = as_other_user(up.imds(), &target);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn no_token_key_or_secret_is_logged_or_printed() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &["--throttle", "off"]);
    let (token, operator) = (up.token(ARM).unwrap(), up.operator_token());
    let secret = fs::read_to_string(up.info["operator"]["secretFile"].as_str().unwrap()).unwrap();
    let tenant = up.info["tenantId"].as_str().unwrap();
    up.manage(&operator, "GET", &up.demo(), "2024-11-01", "");
    up.manage(&format!("{token}x"), "GET", &up.demo(), "2024-11-01", "");
    // A secret that does not work is one, too; so is one in a place where it does not belong.
    let wrong = "wrong-canary-secret";
    let form = format!("grant_type=client_credentials&client_id={tenant}&client_secret={wrong}&resource={ARM}");
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    assert!(up.https("POST", &format!("/{tenant}/oauth2/token"), &headers, &form).status >= 400);
    assert!(up.https("POST", &format!("/{tenant}/oauth2/token?client_secret={wrong}"), &headers, &form).status >= 400);
    let mut exec = bonafide(dir.path(), "exec");
    exec.args(["--", "sh", "-c", "printf %s \"$IDENTITY_HEADER\""]);
    let header = String::from_utf8(run(exec).stdout).unwrap();
    assert!(header.len() > 20);
    let password = r#"{"location":"westeurope","properties":{"osProfile":{"computerName":"m","adminUsername":"a","adminPassword":"canary-Passw0rd!"}}}"#;
    let machine = up.demo().replace("virtualMachines/demo", "virtualMachines/secretive");
    let made = up.manage(&operator, "PUT", &machine, "2024-11-01", password);
    assert_eq!(made.status, 201, "{}", made.body);
    let read = up.manage(&operator, "GET", &machine, "2024-11-01", "");
    let info = up.info.to_string();
    let path = dir.path().to_owned();
    eventually(PATIENCE, "the log is written", || up.log().contains("secretive"));
    let log = up.log();
    assert!(up.stop().success());
    let log = log + &fs::read_to_string(path.join("test-stderr.log")).unwrap();
    let signature = |jwt: &str| jwt.rsplit('.').next().unwrap().to_owned();
    let canaries = [
        ("the workload's token", signature(&token)),
        ("the operator's token", signature(&operator)),
        ("the operator's secret", secret),
        ("the endpoint's header", header),
        ("a wrong secret", wrong.to_owned()),
        ("a private key", "PRIVATE KEY".to_owned()),
        ("a password", "canary-Passw0rd!".to_owned()),
    ];
    for (what, canary) in &canaries {
        assert!(!log.contains(canary.as_str()), "in the log: {what}");
        assert!(!info.contains(canary.as_str()), "in the description: {what}");
    }
    assert!(!made.body.contains("canary") && !read.body.contains("canary"), "write-only values come back");
    for file in ["data/store/store.db", "data/store/store.db-wal"] {
        let bytes = fs::read(path.join(file)).unwrap_or_default();
        for (what, canary) in &canaries {
            assert!(!bytes.windows(canary.len()).any(|window| window == canary.as_bytes()), "in {file}: {what}");
        }
    }
}

#[test]
fn a_command_ends_with_its_own_code_and_its_endpoint_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let mut exec = bonafide(dir.path(), "exec");
    exec.args(["--", "sh", "-c", "printf %s \"$IDENTITY_ENDPOINT\"; exit 7"]);
    let output = run(exec);
    assert_eq!(output.status.code(), Some(7));
    let endpoint = String::from_utf8(output.stdout).unwrap();
    let address = endpoint.strip_prefix("http://").unwrap().strip_suffix("/msi/token").unwrap().to_owned();
    eventually(PATIENCE, "the endpoint is gone", || std::net::TcpStream::connect(&address).is_err());
    assert!(up.stop().success());
    let mut token = bonafide(dir.path(), "token");
    token.args(["--resource", ARM]);
    assert!(refused(token).contains("bonafide up"));
    let elsewhere = tempfile::tempdir().unwrap();
    assert!(refused(bonafide(elsewhere.path(), "info")).contains("bonafide up"));
    let mut unknown = bonafide(dir.path(), "up");
    unknown.arg("--nonsense").stderr(Stdio::null());
    assert_eq!(run(unknown).status.code(), Some(2));
}

#[test]
fn a_connection_that_sends_half_a_request_holds_nobody_up() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let mut half = connect(up.imds());
    half.write_all(b"GET /metadata/identity HTTP/1.1\r\nHost: ").unwrap();
    assert!(up.token(ARM).is_ok());
    // Stopping does not wait for it either.
    let started = Instant::now();
    assert!(up.stop().success());
    assert!(started.elapsed() < BOUNDED);
    let mut rest = Vec::new();
    let _ = half.read_to_end(&mut rest);
}

fn write_private(path: &Path, content: &[u8]) {
    let _ = fs::remove_file(path);
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// A file system of 16 MiB on a loop device.
struct SmallDisk {
    path: std::path::PathBuf,
}

impl SmallDisk {
    fn mount(dir: &Path) -> Option<Self> {
        let (image, path) = (dir.join("disk.img"), dir.join("disk"));
        fs::create_dir(&path).unwrap();
        fs::File::create(&image).unwrap().set_len(16 << 20).unwrap();
        let done = |program: &str, arguments: &[&std::ffi::OsStr]| {
            Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
        };
        let made = done("mkfs.ext4", &["-q".as_ref(), "-F".as_ref(), image.as_os_str()])
            && done("mount", &["-o".as_ref(), "loop".as_ref(), image.as_os_str(), path.as_os_str()]);
        made.then_some(Self { path })
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.path).output();
    }
}
