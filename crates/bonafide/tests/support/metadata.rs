//! Requests to metadata endpoints, as text.

use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// A request to a metadata endpoint, after which it closes.
pub(crate) fn metadata_request(host: impl std::fmt::Display, target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nMetadata: true\r\nConnection: close\r\n\r\n")
}

/// The target of a request for a token of the default identity.
pub(crate) fn token_target(resource: &str) -> String {
    format!("/metadata/identity/oauth2/token?api-version=2018-02-01&resource={resource}")
}

/// The answer to a metadata request of another user of this machine, with what every system has: a shell. Needs root.
pub(crate) fn as_other_user(host: SocketAddr, target: &str) -> String {
    let script = format!("exec 3<>/dev/tcp/{}/{}; printf %s \"$0\" >&3; cat <&3", host.ip(), host.port());
    let mut shell = Command::new("bash");
    shell.args(["-c", &script, &metadata_request(host, target)]).uid(65_534).gid(65_534);
    String::from_utf8_lossy(&shell.output().unwrap().stdout).into_owned()
}
