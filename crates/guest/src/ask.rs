//! Questions to the host, and words to it.

use crate::Host;
use crate::forward;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// Longest time that one exchange may take, for each of its steps. Source: ours.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longest answer, in bytes. Source: ours; it is a line.
const ANSWER_BYTES_MAX: u64 = 4_096;

/// The operating system of this guest, in the words of the host.
const SYSTEM: &str = if cfg!(windows) { "windows" } else { "linux" };
/// The port answers.
pub(crate) const ANSWERS: &str = "answers";
/// Another program has the port.
pub(crate) const PORT_TAKEN: &str = "portTaken";

/// The endpoint that is wanted here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Its port.
    pub(crate) port: u16,
    /// The run that it is of; another one asks for a new start.
    pub(crate) run: String,
}

/// The endpoint that is wanted here, if one is.
pub(crate) fn wanted(host: Host) -> io::Result<Option<Wanted>> {
    let at = SocketAddr::from((host.address, host.port));
    let name = match host.address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    let name = if host.port == 80 { name } else { format!("{name}:{}", host.port) };
    let (status, body) = exchange(TcpStream::connect_timeout(&at, PATIENCE)?, &name, "/bonafide/extension")?;
    match status {
        200 => Ok(read(&body)),
        status => Err(io::Error::other(format!("it answered {status}"))),
    }
}

/// Tells the host how it goes, by the way that requests take.
pub(crate) fn tell(at: SocketAddr, wanted: &Wanted, state: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&at, PATIENCE)?;
    if !at.ip().is_loopback() {
        stream.write_all(forward::header((Ipv4Addr::LOCALHOST, 1).into(), wanted.port).as_bytes())?;
    }
    let target = format!("/bonafide/forwarder?run={}&state={state}&system={SYSTEM}", wanted.run);
    match exchange(stream, &format!("localhost:{}", wanted.port), &target)?.0 {
        204 => Ok(()),
        status => Err(io::Error::other(format!("it answered {status}"))),
    }
}

fn exchange(mut stream: TcpStream, host: &str, target: &str) -> io::Result<(u16, String)> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nMetadata: true\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| io::Error::other("it speaks no HTTP"))?;
    Ok((status, body.to_owned()))
}

/// Reads `{"port":50342,"run":"…"}`, and nothing from an object without members.
fn read(body: &str) -> Option<Wanted> {
    let after = |name: &str| Some(body.split_once(&format!("\"{name}\":"))?.1);
    let digits: String = after("port")?.chars().take_while(char::is_ascii_digit).collect();
    let run: String = after("run")?.strip_prefix('"')?.chars().take_while(|c| *c != '"').collect();
    let is_id = !run.is_empty() && run.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let port = digits.parse().ok().filter(|port| *port != 0)?;
    is_id.then_some(Wanted { port, run })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_names_a_port_and_a_run_or_nothing() {
        let run = "3e0a0b2e-7f0c-4d6e-9d4e-1d3f2f5b6c7d".to_owned();
        assert_eq!(read(&format!("{{\"port\":50342,\"run\":\"{run}\"}}")), Some(Wanted { port: 50_342, run }));
        for nothing in
            ["{}", "", "{\"port\":0,\"run\":\"a\"}", "{\"port\":70000,\"run\":\"a\"}", "{\"port\":1,\"run\":\"a b\"}"]
        {
            assert_eq!(read(nothing), None, "{nothing}");
        }
    }
}
