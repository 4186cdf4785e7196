//! Slow peers, in a process of another user where this runs as root: idle connections, heads and bodies of one byte a second,
//! lists that nobody reads, requests that end in the middle (rows NP-04, OV-03, OV-08). Nobody else may notice.

use super::super::caller::{Caller, access_token};
use super::super::scene::Scene;
use crate::connection::{Connection, Target, request, request_to, tls};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The time for which the peers stay.
const LASTS: Duration = Duration::from_secs(8);
/// Connections of each kind, at each of the two listeners.
const IDLE: usize = 250;
const SLOW: usize = 25;
const UNREAD: usize = 20;
const BROKEN: usize = 50;
/// Requests on a connection whose answers nobody reads.
const UNREAD_REQUESTS: usize = 200;
const BETWEEN_BYTES: Duration = Duration::from_secs(1);
const SILENCE: Duration = Duration::from_secs(3);
/// A user that is nobody here, and not the one that the kernel shows for users it does not know.
const USER: &str = "54321";

pub(super) fn inject(scene: &mut Scene<'_>) -> Result<(), String> {
    let shared = Arc::clone(&scene.shared);
    let cloud = shared.cloud()?;
    let token = access_token(&Caller::new(&shared).operator_token()?)?;
    // The data directory is not theirs to read.
    let ca = shared.folder.join("ca.pem");
    std::fs::copy(scene.node.data.join("ca.pem"), &ca).map_err(|error| format!("{}: {error}", ca.display()))?;
    let mut peers = Command::new("setpriv");
    peers.args(["--pdeathsig", "KILL"]);
    if rustix::process::getuid().is_root() {
        peers.args(["--reuid", USER, "--regid", USER, "--clear-groups"]);
    }
    peers.arg(&scene.program).args(["chaos-slow-peers", &cloud.public.address.to_string()]);
    let [(list, version, _), ..] = cloud.lists();
    peers.arg(cloud.metadata.address.to_string()).arg(&ca).arg(format!("{list}?api-version={version}"));
    peers.stdin(Stdio::piped());
    let mut child = peers.spawn().map_err(|error| format!("setpriv: {error}"))?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(token.as_bytes()).map_err(|error| format!("the slow peers: {error}"))?;
    }
    let status = child.wait().map_err(|error| format!("the slow peers: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("the slow peers: {status}")) }
}

/// The process of the peers: the addresses of the public listener and of a metadata endpoint, the authority to trust, a list, and on
/// standard input a token for the lists.
pub(in super::super) fn serve(arguments: &[&str]) -> Result<(), String> {
    let [public, metadata, ca, list] = arguments else {
        return Err("it needs two addresses, an authority and a list".to_owned());
    };
    let address = |text: &str| text.parse::<SocketAddr>().map_err(|error| format!("{text}: {error}"));
    let (public, metadata) = (address(public)?, address(metadata)?);
    let mut token = String::new();
    std::io::stdin().read_to_string(&mut token).map_err(|error| error.to_string())?;
    let tls = tls(ca.as_ref(), None).map_err(|error| error.to_string())?;
    let started = Instant::now();
    // They are held until the end. What is closed or refused was so rightly.
    let _idle = connections(&[public, metadata], IDLE);
    let targets = [Target { address: public, tls: Some(tls) }, Target::plain(metadata)];
    let _unread: Vec<Connection> = (0..UNREAD).filter_map(|_| unread(&targets[0], list, &token)).collect();
    broken(public);
    broken(metadata);
    let (mut heads, mut bodies) = (speaking(&targets, SLOW), speaking(&targets, SLOW));
    let (bytes, head_bytes) = slow_request();
    bodies.iter_mut().for_each(|stream| drop(stream.send(&bytes[..head_bytes])));
    for (head, body) in bytes.chunks(1).zip(bytes[head_bytes..].chunks(1)) {
        heads.iter_mut().for_each(|stream| drop(stream.send(head)));
        bodies.iter_mut().for_each(|stream| drop(stream.send(body)));
        if started.elapsed() > LASTS {
            break;
        }
        std::thread::sleep(BETWEEN_BYTES);
    }
    Ok(())
}

fn connections(to: &[SocketAddr], count: usize) -> Vec<TcpStream> {
    let connect = |address: &SocketAddr| TcpStream::connect_timeout(address, SILENCE).ok();
    to.iter().flat_map(|address| (0..count).filter_map(move |_| connect(address))).collect()
}

/// Connections on which HTTP is spoken.
fn speaking(to: &[Target], count: usize) -> Vec<Connection> {
    let connect = |target: &Target| target.connect_within(SILENCE).ok();
    to.iter().flat_map(|target| (0..count).filter_map(move |_| connect(target))).collect()
}

/// A connection with requests for lists whose answers stay unread.
fn unread(target: &Target, list: &str, token: &str) -> Option<Connection> {
    let mut connection = target.connect_within(SILENCE).ok()?;
    let authorization = format!("Bearer {token}");
    let bytes = request("GET", list, &[("Authorization", &authorization)], "");
    (0..UNREAD_REQUESTS).try_for_each(|_| connection.send(&bytes)).ok()?;
    Some(connection)
}

/// Connections that end in the middle of a request.
fn broken(to: SocketAddr) {
    for (at, mut stream) in connections(&[to], BROKEN).into_iter().enumerate() {
        let (bytes, _) = slow_request();
        let _ = stream.write_all(&bytes[..at.min(bytes.len())]);
        let _ = stream.shutdown(Shutdown::Both);
    }
}

/// A request with a body, and the size of its head.
fn slow_request() -> (Vec<u8>, usize) {
    let body = "resource=https%3A%2F%2Fmanagement.azure.com%2F";
    let bytes = request_to("169.254.169.254", "POST", "/metadata/identity/oauth2/token", &[("Metadata", "true")], body);
    let head_bytes = bytes.len() - body.len();
    (bytes, head_bytes)
}
