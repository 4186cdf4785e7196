//! Rows of the threat model that only whole processes can show.

#![allow(clippy::unwrap_used, reason = "a test may insist")]
#![allow(clippy::disallowed_methods, reason = "whole processes: they have a clock and an environment")]

mod support;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use support::{
    PATIENCE, Up, bonafide, connect, eventually, free_port, http, is_root, metadata_request, refused, run, skip,
};

const ARM: &str = "https://management.azure.com/";
const CONNECTIONS: usize = 1_000;

#[test]
fn id_06_a_thousand_open_connections_lose_access_when_the_identity_is_taken_away() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &["--throttle", "off"]);
    let operator = up.operator_token();
    let mut open: Vec<TcpStream> = (0..CONNECTIONS).map(|_| connect(up.imds())).collect();
    for stream in &mut open {
        assert_eq!(ask(stream, up.imds()).0, 200);
    }
    let none = json!({ "identity": { "type": "None" } }).to_string();
    assert_eq!(up.manage(&operator, "PATCH", &up.demo(), "2024-11-01", &none).status, 200);
    eventually(Duration::from_secs(5), "a new connection is refused", || up.token(ARM).is_err());
    for stream in &mut open {
        let (status, body) = ask(stream, up.imds());
        assert!(status == 400 && !body.contains("access_token"), "{status} {body}");
    }
}

/// One request on a connection that stays open.
fn ask(stream: &mut TcpStream, host: SocketAddr) -> (u16, String) {
    let target = format!("/metadata/identity/oauth2/token?api-version=2018-02-01&resource={ARM}");
    // In one piece: several small writes would wait for one another's acknowledgement.
    let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nMetadata: true\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    let (mut status, mut length) = (0, 0);
    loop {
        let mut line = String::new();
        assert!(reader.read_line(&mut line).unwrap() > 0, "the connection was closed");
        if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
            status = rest[..3].parse().unwrap();
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (status, String::from_utf8(body).unwrap())
}

/// Nobody is let in by a first start but the user who made it: every socket is on loopback, every
/// secret is random, in a file of the owner's, and no second start makes another operator.
#[test]
fn tn_10_a_first_start_opens_nothing_and_has_no_default_password() {
    if !is_root() {
        return skip("only root sees the descriptors of `up`");
    }
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let up = Up::start(one.path(), &[]);
    let other = Up::start(two.path(), &[]);
    let secret = |up: &Up| fs::read_to_string(up.info["operator"]["secretFile"].as_str().unwrap()).unwrap();
    assert!(secret(&up).len() >= 40);
    assert_ne!(secret(&up), secret(&other));
    for name in ["secretFile", "certificateFile"] {
        let file = fs::metadata(up.info["operator"][name].as_str().unwrap()).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600);
        assert_eq!(file.uid(), rustix::process::geteuid().as_raw());
    }
    let data = fs::metadata(one.path().join("data")).unwrap();
    assert_eq!(data.permissions().mode() & 0o777, 0o700);
    let listening = listening(up.serving());
    assert_eq!(listening.len(), 3, "public, hosts, metadata: {listening:?}");
    assert!(listening.iter().all(|address| address.ip().is_loopback()), "{listening:?}");
    let operator = up.info["operator"].clone();
    let before = secret(&up);
    assert!(up.stop().success());
    let up = Up::start(one.path(), &[]);
    assert_eq!((&up.info["operator"], secret(&up)), (&operator, before));
}

/// The addresses that a process listens on, from proc(5).
fn listening(pid: u32) -> Vec<SocketAddr> {
    let inodes: HashSet<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let mut found = Vec::new();
    for table in ["tcp", "tcp6", "udp", "udp6"] {
        let text = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        for row in text.lines().skip(1) {
            let fields: Vec<&str> = row.split_ascii_whitespace().collect();
            let is_open = fields[3] == "0A" || table.starts_with("udp");
            if is_open && inodes.contains(fields[9]) {
                let (ip, port) = fields[1].split_once(':').unwrap();
                assert_eq!(ip.len(), 8, "listens on IPv6: {row}");
                let ip = u32::from_str_radix(ip, 16).unwrap().to_ne_bytes();
                found.push(SocketAddr::from((ip, u16::from_str_radix(port, 16).unwrap())));
            }
        }
    }
    found
}

/// Stock proxies, as they are usually configured, in front of the endpoint: no token gets through.
/// The endpoint serves every user, so that nothing but the guard against forwarded requests refuses them.
#[test]
fn md_02_stock_proxies_get_no_token() {
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start(dir.path(), &["--throttle", "off", "--any-user"]);
    let to = up.imds();
    let target = format!("/metadata/identity/oauth2/token?api-version=2018-02-01&resource={ARM}");
    let direct = http(to, &metadata_request(to, &target));
    assert_eq!(direct.status, 200, "{}", direct.body);

    let folder = dir.path().display();
    let nginx = |port: u16, more: &str| {
        format!(
            "daemon off; pid {folder}/nginx.pid; error_log stderr; events {{}} http {{ access_log off; \
             client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder}; \
             uwsgi_temp_path {folder}; scgi_temp_path {folder}; \
             server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://{to}; {more} }} }} }}"
        )
    };
    let usual = |port: u16| nginx(port, "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;");
    let bare = |port: u16| nginx(port, "");
    let haproxy = |port: u16| {
        format!(
            "defaults\n mode http\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n option forwardfor\n\
             frontend f\n bind 127.0.0.1:{port}\n default_backend b\nbackend b\n server s {to}\n"
        )
    };
    let squid = |port: u16| {
        format!(
            "http_port 127.0.0.1:{port}\nhttp_access allow all\ncache deny all\npid_filename none\naccess_log none\n\
             cache_log /dev/null\ncache_store_log none\ncoredump_dir /\nshutdown_lifetime 0 seconds\n"
        )
    };
    type Config<'a> = &'a dyn Fn(u16) -> String;
    let absolute = format!("http://{to}{target}");
    let proxies: [(&str, &[&str], &str, Config<'_>); 4] = [
        ("nginx", &["-c"], &target, &usual),
        ("nginx", &["-c"], &target, &bare),
        ("haproxy", &["-f"], &target, &haproxy),
        ("squid", &["-N", "-f"], &absolute, &squid),
    ];
    for (name, options, target, config) in proxies {
        let port = free_port();
        let path = dir.path().join(name);
        fs::write(&path, config(port)).unwrap();
        let mut command = Command::new(name);
        command.args(options).arg(path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let Ok(child) = command.spawn() else {
            skip(&format!("{name} is not installed"));
            continue;
        };
        let _proxy = Proxy(child);
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        eventually(PATIENCE, name, || TcpStream::connect(address).is_ok());
        let forwarded = http(address, &metadata_request(to, target));
        assert_eq!(forwarded.status, 400, "{name}: {} {}", forwarded.head, forwarded.body);
        let is_told =
            ["forwarded requests are refused", "HTTP/1.0 is refused"].iter().any(|why| forwarded.body.contains(why));
        assert!(is_told, "{name}: {}", forwarded.body);
        for host in ["169.254.169.254", "rebound.example"] {
            let rebound = http(address, &metadata_request(host, target));
            assert!(rebound.status >= 400 && !rebound.body.contains("access_token"), "{name}: {}", rebound.head);
        }
    }
}

/// A plain `proxy_pass` of nginx speaks HTTP/1.0 and adds nothing else that gives it away.
#[test]
fn md_02_http_1_0_gets_no_token_unless_it_was_allowed() {
    let dir = tempfile::tempdir().unwrap();
    let bare = |to: SocketAddr, path: &str| {
        http(to, &metadata_request(to, path).replacen(" HTTP/1.1\r\n", " HTTP/1.0\r\n", 1))
    };
    let target = format!("/metadata/identity/oauth2/token?api-version=2018-02-01&resource={ARM}");
    for (options, status) in [(&[][..], 400), (&["--allow-http-1.0"][..], 200)] {
        let up = Up::start(dir.path(), options);
        let answer = bare(up.imds(), &target);
        assert_eq!(answer.status, status, "{}", answer.head);
        assert_eq!(answer.body.contains("--allow-http-1.0"), status == 400);
        assert_eq!(bare(up.imds(), "/readyz").status, 200, "what asks for health may be old");
        let mut exec = bonafide(dir.path(), "exec");
        let curl = "curl -s -o /dev/null -w '%{http_code}' --http1.0 -H 'Metadata: true'";
        let curl = format!("{curl} \"$AZURE_POD_IDENTITY_AUTHORITY_HOST{target}\"");
        exec.args(["--dialect", "imds"]).args(options).args(["--", "sh", "-c", &curl]);
        assert_eq!(String::from_utf8(run(exec).stdout).unwrap(), status.to_string());
    }
}

struct Proxy(Child);

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = rustix::process::kill_process(rustix::process::Pid::from_child(&self.0), rustix::process::Signal::TERM);
        let _ = self.0.wait();
    }
}

/// The accept loop of a process that has no descriptor left waits, instead of asking again and again.
#[test]
fn ov_08_a_process_without_descriptors_rests_and_then_goes_on() {
    if !is_root() {
        return skip("only root sees the descriptors of `up`");
    }
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start_below(dir.path(), "ulimit -n 96");
    let socket = dir.path().join("data/agent/control.sock");
    let mut held = Vec::new();
    // More than it can accept; those after them wait in the kernel.
    for _ in 0..110 {
        held.push(UnixStream::connect(&socket).unwrap());
    }
    let open = || fs::read_dir(format!("/proc/{}/fd", up.serving())).unwrap().count();
    eventually(PATIENCE, "no descriptor is left", || open() >= 96);
    let (used, started) = (cpu_time(up.serving()), Instant::now());
    std::thread::sleep(Duration::from_secs(2));
    let (used, passed) = (cpu_time(up.serving()) - used, started.elapsed());
    assert!(used < passed / 4, "{used:?} of {passed:?}");
    drop(held);
    eventually(PATIENCE, "it goes on", || up.token(ARM).is_ok());
    // Connections that were left in the kernel are taken and closed before the command's own.
    eventually(PATIENCE, "the control socket goes on", || {
        let mut token = bonafide(dir.path(), "token");
        token.args(["--resource", ARM]);
        run(token).status.success()
    });
}

/// Anybody on the machine can open the public port, and not keep a workload from its tokens with it.
#[test]
fn ov_08_a_flood_of_the_public_port_leaves_the_metadata_endpoint_its_descriptors() {
    if !is_root() {
        return skip("only root sees the descriptors of `up`");
    }
    // Connections that are not accepted must fit into the backlog.
    const LIMIT: usize = 128;
    let dir = tempfile::tempdir().unwrap();
    let up = Up::start_below(dir.path(), &format!("ulimit -n {LIMIT}"));
    let public = SocketAddr::from(([127, 0, 0, 1], up.origin().rsplit_once(':').unwrap().1.parse().unwrap()));
    let open = || fs::read_dir(format!("/proc/{}/fd", up.serving())).unwrap().count();
    let started = Instant::now();
    let held: Vec<TcpStream> = (0..LIMIT).map(|_| connect(public)).collect();
    eventually(PATIENCE, "it accepts what it takes", || accepted_at(public) >= LIMIT / 16);
    let token = up.token(ARM);
    let took = started.elapsed();
    assert!(token.is_ok(), "{token:?}");
    // Before connections that say nothing are closed.
    assert!(took < Duration::from_secs(8) && open() < LIMIT * 3 / 4, "{took:?} {}", open());
    drop(held);
}

/// Connections to an IPv4 address that are established there and were accepted, from proc(5): until then they have no inode.
fn accepted_at(address: SocketAddr) -> usize {
    const ESTABLISHED: &str = "01";
    let SocketAddr::V4(address) = address else { return 0 };
    let local = format!("{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port());
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let rows = table.lines().skip(1).map(|row| row.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row[1] == local && row[3] == ESTABLISHED && row[9] != "0").count()
}

/// The processor time that a process has used, from proc(5).
fn cpu_time(pid: u32) -> Duration {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = text.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(1_000 * ticks / rustix::param::clock_ticks_per_second())
}

/// Another user with the control socket would give out tokens of its own making.
#[test]
fn ha_06_a_control_socket_that_another_user_holds_is_not_asked() {
    if !is_root() {
        return skip("being another user needs root");
    }
    let dir = tempfile::tempdir().unwrap();
    assert!(Up::start(dir.path(), &[]).stop().success());
    let path = dir.path().join("data/agent/control.sock");
    let (listening, is_listening) = std::sync::mpsc::channel();
    // The kernel remembers who called `listen`; credentials belong to a thread.
    std::thread::spawn(move || {
        use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, accept, bind, listen, socket};
        let socket = socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
        bind(&socket, &SocketAddrUnix::new(&path).unwrap()).unwrap();
        let nobody = rustix::process::Uid::from_raw(65_534);
        rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
        listen(&socket, 8).unwrap();
        listening.send(0).unwrap();
        let mut stream = fs::File::from(accept(&socket).unwrap());
        let asked = stream.read(&mut [0; 64]).unwrap_or(0);
        listening.send(asked).unwrap();
    });
    is_listening.recv().unwrap();
    let mut token = bonafide(dir.path(), "token");
    token.args(["--resource", ARM]);
    let line = refused(token);
    assert!(line.contains("is held by another user"), "{line}");
    assert_eq!(is_listening.recv().unwrap(), 0, "nothing was said to it");
}
