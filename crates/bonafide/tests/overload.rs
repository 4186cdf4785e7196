//! More than `up` has room for, and what must not be held up by it or seen of it.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use serde_json::json;
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};
use support::namespace::Namespace;
use support::{
    Answer, MACHINES, PATIENCE, Up, connect, eventually, free_port, is_root, metadata_request, run, skip, token_target,
    up_command,
};

const ARM: &str = "https://management.azure.com/";

/// The memory that a process has, in MiB, from proc(5).
fn resident(up: &Up) -> u64 {
    let text = fs::read_to_string(format!("/proc/{}/statm", up.serving())).unwrap();
    let pages: u64 = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * rustix::param::page_size() as u64 / (1024 * 1024)
}

/// The beginning of the answer on a stream, of which nothing more is read.
fn status(stream: &mut impl Read) -> u16 {
    let mut line = [0; 12];
    stream.read_exact(&mut line).unwrap();
    std::str::from_utf8(&line[9..]).unwrap().parse().unwrap()
}

#[test]
fn ov_08_lists_that_nobody_reads_take_no_more_than_their_share() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &["--quiet"]);
    let operator = up.operator_token();
    for number in 0..4 {
        let id = up.demo().replace("/virtualMachines/demo", &format!("/virtualMachines/large{number}"));
        let body = json!({ "location": "westeurope", "properties": { "large": "x".repeat(900_000) } }).to_string();
        assert_eq!(up.manage(&operator, "PUT", &id, MACHINES, &body).status, 201);
    }
    let list = up.demo().replace("/virtualMachines/demo", "/virtualMachines");
    let head = format!(
        "GET {list}?api-version={MACHINES} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {operator}\r\n\r\n"
    );
    let before = resident(&up);
    let (mut unread, mut statuses) = (Vec::new(), BTreeSet::new());
    for _ in 0..24 {
        let mut stream = up.tls_after(b"");
        stream.write_all(head.as_bytes()).unwrap();
        statuses.insert(status(&mut stream));
        unread.push(stream);
    }
    let after = resident(&up);
    assert_eq!(statuses, BTreeSet::from([200, 503]));
    assert!(after < before + 80, "{before} MiB became {after} MiB");
    let started = Instant::now();
    assert_eq!(up.https("GET", "/healthz", &[], "").status, 200);
    assert!(up.token(ARM).is_ok() && started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    drop(unread);
    let is_served = || up.manage(&operator, "GET", &list, MACHINES, "").status == 200;
    eventually(PATIENCE, "there is room again", is_served);
}

#[test]
fn ov_04_who_may_not_write_is_told_so_before_its_large_body_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    let (operator, workload) = (up.operator_token(), up.token(ARM).unwrap());
    let id = up.demo().replace("/virtualMachines/demo", "/virtualMachines/other");
    for (token, expected) in [(&*workload, Some(403)), ("none", Some(401)), (&*operator, None)] {
        let started = Instant::now();
        let mut stream = up.tls_after(b"");
        let head = format!(
            "PUT {id}?api-version={MACHINES} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: 900000\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let Some(expected) = expected else {
            let body = json!({ "location": "westeurope", "properties": { "large": "x" } }).to_string();
            stream.write_all(format!("{body}{}", " ".repeat(900_000 - body.len())).as_bytes()).unwrap();
            assert_eq!(status(&mut stream), 201);
            continue;
        };
        assert_eq!(status(&mut stream), expected);
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }
}

#[test]
fn np_04_a_refusal_reaches_who_is_still_sending_over_tls() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    for _ in 0..5 {
        let mut stream = up.tls_after(b"");
        let head = format!("PUT {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1800000\r\n\r\n", up.demo());
        stream.write_all(head.as_bytes()).unwrap();
        for _ in 0..18 {
            stream.write_all(&[b'x'; 100_000]).expect("the connection was reset");
            std::thread::sleep(Duration::from_millis(2));
        }
        assert_eq!(Answer::read(&mut stream).status, 413);
    }
}

#[test]
fn id_16_a_user_who_is_refused_keeps_nobody_from_tokens() {
    if !is_root() {
        return skip("being another user needs root");
    }
    let dir = tempfile::tempdir().unwrap();
    // 25 connections for each listener.
    let up = Up::start_below(dir.path(), "ulimit -n 200");
    let imds = up.imds();
    let script = format!(
        "while :; do for n in $(seq 60); do exec {{f}}<>/dev/tcp/{}/{} || true; done 2>/dev/null; exec bash -c \"$0\"; done",
        imds.ip(),
        imds.port()
    );
    let flood = |_| Command::new("bash").args(["-c", &script, &script]).uid(65_534).gid(65_534).spawn().unwrap();
    let mut flood: Vec<_> = (0..3).map(flood).collect();
    std::thread::sleep(Duration::from_secs(1));
    let slowest = (0..20).map(|_| {
        let started = Instant::now();
        assert!(up.token(ARM).is_ok());
        started.elapsed()
    });
    let slowest = slowest.max().unwrap();
    for child in &mut flood {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
}

#[test]
fn ov_08_out_of_descriptors_nobody_is_taken_for_another_user() {
    if !is_root() {
        return skip("only root sees the descriptors of `up`");
    }
    let dir = tempfile::tempdir().unwrap();
    const LIMIT: usize = 96;
    let up = Up::start_below(dir.path(), &format!("ulimit -n {LIMIT}"));
    let socket = dir.path().join("data/agent/control.sock");
    let open = || fs::read_dir(format!("/proc/{}/fd", up.serving())).unwrap().count();
    assert!(up.token(ARM).is_ok(), "it is cached from now on");
    let mut held = Vec::new();
    let (imds, request) = (up.imds(), metadata_request(up.imds(), &token_target(ARM)));
    let probe = request.replace("Metadata: true\r\n", "");
    assert_ne!(request, probe);
    let (mut statuses, mut of_probes) = (BTreeSet::new(), BTreeSet::new());
    // Each connection takes one descriptor; the question takes one or two more.
    for left in [3, 2, 1, 0] {
        while open() < LIMIT - left {
            held.push(UnixStream::connect(&socket).unwrap());
            // Descriptors of earlier questions are closed meanwhile: the number may stay.
            std::thread::sleep(Duration::from_millis(50));
            assert!(held.len() <= 2 * LIMIT, "they are not accepted");
        }
        for (text, statuses) in [(&request, &mut statuses), (&probe, &mut of_probes)] {
            statuses.insert(status_within(Duration::from_millis(100), imds, text));
        }
    }
    assert!(statuses.is_subset(&BTreeSet::from([None, Some(200), Some(503)])), "{statuses:?}");
    assert!(of_probes.is_subset(&BTreeSet::from([None, Some(400)])), "{of_probes:?}");
    drop(held);
    eventually(PATIENCE, "it goes on", || up.token(ARM).is_ok());
}

/// The status of an answer that comes in time.
fn status_within(limit: Duration, address: SocketAddr, text: &str) -> Option<u16> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
    stream.set_read_timeout(Some(limit)).unwrap();
    stream.write_all(text.as_bytes()).ok()?;
    let mut line = [0; 12];
    stream.read_exact(&mut line).ok()?;
    std::str::from_utf8(&line[9..]).unwrap().parse().ok()
}

#[test]
fn ov_03_a_trusted_proxy_tells_whose_connection_it_passes_on_and_must() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &["--trusted-proxy", "127.0.0.1"]);
    let get = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let binary =
        [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".as_slice(), &[192, 0, 2, 8, 127, 0, 0, 1, 4, 0, 32, 251]].concat();
    for (header, client) in
        [(b"PROXY TCP4 192.0.2.7 127.0.0.1 1024 8443\r\n".to_vec(), "192.0.2.7:1024"), (binary, "192.0.2.8:1024")]
    {
        let mut stream = up.tls_after(&header);
        stream.write_all(get).unwrap();
        assert_eq!(Answer::read(&mut stream).status, 200);
        eventually(PATIENCE, "the client is logged", || up.log().contains(&format!("\"peer\":\"{client}\"")));
    }
    assert!(up.tls_after(b"").write_all(get).and_then(|()| up.tls_after(b"").flush()).is_err(), "it must tell");
    eventually(PATIENCE, "the operator is told", || up.log().contains("does not begin with the PROXY protocol"));
    // The agent is no client of the proxy's.
    assert!(up.token(ARM).is_ok());
    assert!(connect(up.imds()).write_all(b"PROXY TCP4 192.0.2.7 127.0.0.1 1024 80\r\n").is_ok());
}

#[test]
fn ov_03_another_user_at_the_address_of_a_trusted_proxy_names_no_client() {
    if !is_root() {
        return skip("being another user needs root");
    }
    const OTHER: u32 = 12_345;
    for (proxy, is_heard) in [("127.0.0.1", false), ("127.0.0.1@12345", true)] {
        let dir = tempfile::tempdir().unwrap();
        let up = Up::start(dir.path(), &["--trusted-proxy", proxy]);
        let port = up.origin().rsplit(':').next().unwrap().to_owned();
        // The bytes after the header are no TLS, and are logged with the client.
        let text = "PROXY TCP4 192.0.2.7 127.0.0.1 1 443\\r\\nGET / HTTP/1.1\\r\\n\\r\\n";
        let script = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; printf '{text}' >&3; timeout 5 cat <&3");
        Command::new("bash").args(["-c", &script]).uid(OTHER).gid(OTHER).output().unwrap();
        eventually(PATIENCE, "it is refused", || up.log().contains("connectionRefused"));
        assert_eq!(up.log().contains("192.0.2.7"), is_heard, "{}", up.log());
        assert_eq!(up.log().contains("(user 12345)"), !is_heard, "{}", up.log());
        if is_heard {
            assert_eq!(up.https("GET", "/healthz", &[], "").status, 200, "others need no header");
        }
    }
}

/// The kernel is asked about sockets of the loopback device, and one that is bound to another device has the same way.
#[test]
fn ov_03_a_program_at_another_address_of_this_machine_is_taken_for_no_proxy_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let (Some(machine), Some(far)) = (Namespace::create("addresses"), Namespace::create("far")) else { return };
    machine.ip(&["link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", &far.0]);
    for (namespace, device, addresses) in
        [(&machine, "v0", &["192.0.2.1/24", "192.0.2.2/24"][..]), (&far, "v1", &["192.0.2.3/24"])]
    {
        addresses.iter().for_each(|address| drop(namespace.ip(&["address", "add", address, "dev", device])));
        namespace.ip(&["link", "set", device, "up"]);
    }
    let port = free_port();
    let listen = format!("192.0.2.2:{port}");
    let proxies = ["--trusted-proxy", "192.0.2.1", "--trusted-proxy", "192.0.2.3"];
    let options = [&["--listen", &listen, "--public-name", "proxied.example"][..], &proxies].concat();
    let up = Up::run(machine.command(up_command(dir.path(), &options)), dir.path());
    let says = |namespace: &Namespace, device: &str, source: &str, client: &str| {
        let script = "import os, socket, sys
os.setgroups([]); os.setresgid(12345, 12345, 12345); os.setresuid(12345, 12345, 12345)
it = socket.socket(); it.settimeout(10); it.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, sys.argv[1].encode())
it.bind((sys.argv[2], 0)); it.connect(('192.0.2.2', int(sys.argv[3])))
it.sendall(b'PROXY TCP4 %s 192.0.2.2 1 443\\r\\nGET / HTTP/1.1\\r\\n\\r\\n' % sys.argv[4].encode()); it.recv(100)";
        let mut python = Command::new("python3");
        python.args(["-c", script, device, source, &port.to_string(), client]);
        let output = run(namespace.command(python));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    // By the bytes after the header, which are no TLS, the client is logged.
    says(&far, "", "192.0.2.3", "198.51.100.3");
    eventually(PATIENCE, "one elsewhere tells", || up.log().contains("198.51.100.3"));
    for (device, client) in [("", "198.51.100.1"), ("v0", "198.51.100.2")] {
        says(&machine, device, "192.0.2.1", client);
    }
    let refusals = || up.log().matches("not from a user whose").count();
    eventually(PATIENCE, "both are refused", || refusals() == 2);
    assert!(!up.log().contains("198.51.100.1") && !up.log().contains("198.51.100.2"), "{}", up.log());
}

#[test]
fn au_03_a_secret_that_was_pasted_into_a_request_is_not_in_the_log() {
    const SECRET: &str = "Q~8hunter2.eyJhbGciOiJub25lIn0";
    const NAMES: [&str; 5] =
        ["Referer", "User-Agent", "client-request-id", "x-ms-client-request-id", "x-ms-correlation-request-id"];
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &[]);
    for path in [
        format!("/{SECRET}"),
        format!("/{SECRET}/oauth2/token"),
        format!("/common/oauth2/token/{SECRET}"),
        format!("/subscriptions/{SECRET}"),
        format!("{}/{SECRET}", up.demo()),
        format!("/v1.0/{SECRET}"),
        format!("/healthz?{SECRET}"),
    ] {
        for method in ["GET", "POST", SECRET] {
            up.https(method, &path, &NAMES.map(|name| (name, SECRET)), "");
        }
    }
    let imds = up.imds();
    for target in [format!("/{SECRET}"), format!("/metadata/{SECRET}?a=b"), format!("http://{imds}/{SECRET}")] {
        for method in ["GET", SECRET] {
            let head =
                format!("{method} {target} HTTP/1.1\r\nHost: {imds}\r\nMetadata: true\r\nConnection: close\r\n\r\n");
            support::http(imds, &head);
        }
    }
    support::http(imds, &metadata_request(imds, "/last"));
    eventually(PATIENCE, "all is logged", || up.log().contains("/…(4)"));
    assert!(!up.log().contains("hunter2"), "{}", up.log());
    assert!(up.log().contains("\"/common/oauth2/token/…(30)\""), "{}", up.log());
}
