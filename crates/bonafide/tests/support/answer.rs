//! Requests as text, and what comes back.

use super::PATIENCE;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

/// A reply, read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn read(stream: &mut impl Read) -> Self {
        let mut bytes = Vec::new();
        // A connection that is reset after the reply still gave the reply.
        let _ = stream.read_to_end(&mut bytes);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            line.split_once(": ").filter(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        })
    }
}

/// Sends text as it is and reads all that comes back.
pub(crate) fn http(address: SocketAddr, text: &str) -> Answer {
    let mut stream = connect(address);
    // A server that refuses early may close before all is written.
    let _ = stream.write_all(text.as_bytes());
    Answer::read(&mut stream)
}

/// The same for bytes, after which nothing more will come.
pub(crate) fn http_bytes(address: SocketAddr, bytes: &[u8]) -> Answer {
    let mut stream = connect(address);
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    Answer::read(&mut stream)
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}
