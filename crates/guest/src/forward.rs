//! One connection, passed on.

use crate::connection::Connection;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// Longest time that it takes to reach the host. Source: ours; it is one device away.
const CONNECT: Duration = Duration::from_secs(2);
/// Longest time without a byte, in each direction. The host ends idle connections sooner; this is for one that is gone.
/// Source: ours.
const IDLE: Duration = Duration::from_secs(120);
/// Bytes that are passed on at once.
const PIECE: usize = 16 * 1024;
/// The answer while the host is away: that of the extension where no token can be had, which clients repeat.
const AWAY: &str = "{\"error\":\"unknown\",\"error_description\":\"Failed to retrieve token from the Active directory. The host of \
                    this machine does not answer\"}";

/// The line that says whose connection follows (the PROXY protocol, version 1): a client at the loopback device of this guest,
/// which asked this port.
pub(crate) fn header(client: SocketAddr, port: u16) -> String {
    match client {
        SocketAddr::V4(client) => format!("PROXY TCP4 {} 127.0.0.1 {} {port}\r\n", client.ip(), client.port()),
        SocketAddr::V6(client) => format!("PROXY TCP6 {} ::1 {} {port}\r\n", client.ip(), client.port()),
    }
}

/// Passes a connection on until one of its ends is done.
pub(crate) fn forward(connection: &Connection, port: u16, host: SocketAddr) -> io::Result<()> {
    let client = &connection.client;
    client.set_read_timeout(Some(IDLE))?;
    client.set_write_timeout(Some(IDLE))?;
    let Ok(upstream) = TcpStream::connect_timeout(&host, CONNECT) else { return say_away(client) };
    let Some(mut upstream) = connection.goes_to(upstream) else { return Ok(()) };
    for stream in [client, upstream] {
        stream.set_nodelay(true)?;
    }
    upstream.set_read_timeout(Some(IDLE))?;
    upstream.set_write_timeout(Some(IDLE))?;
    upstream.write_all(header(connection.peer, port).as_bytes())?;
    std::thread::scope(|scope| {
        let there =
            std::thread::Builder::new().spawn_scoped(scope, || copy(client, upstream, || connection.moves(true)));
        // A system without a thread to spare ends this connection, and no other.
        there.map(|_| copy(upstream, client, || connection.moves(false)))
    })
}

/// Copies until the end of one side. A failure ends both directions: the other would wait in vain.
fn copy(mut from: &TcpStream, mut to: &TcpStream, moves: impl Fn()) {
    let mut piece = [0; PIECE];
    loop {
        match from.read(&mut piece) {
            Ok(0) => {
                let _ = to.shutdown(Shutdown::Write);
                return;
            }
            Ok(bytes) => {
                moves();
                if to.write_all(&piece[..bytes]).is_err() {
                    break;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

fn say_away(mut client: &TcpStream) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n",
        AWAY.len()
    );
    // Read first: what lies unread when a connection is closed resets it, and the answer with it.
    client.set_read_timeout(Some(CONNECT))?;
    let _ = client.read(&mut [0; PIECE]);
    client.write_all(format!("{head}{AWAY}").as_bytes())?;
    client.shutdown(Shutdown::Write)
}
