//! A client's HTTP/1.1 connection, kept alive: blocking while things are prepared, polled while they
//! are measured.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The reason why a request has no answer.
pub type Failure = Box<dyn std::error::Error>;

/// The address of a server, and its TLS settings.
#[derive(Clone)]
pub struct Target {
    /// The address at which it listens.
    pub address: SocketAddr,
    /// With what to speak TLS to `localhost`.
    pub tls: Option<Arc<ClientConfig>>,
}

impl Target {
    /// A server without TLS.
    pub fn plain(address: SocketAddr) -> Self {
        Self { address, tls: None }
    }

    /// A connection, which waits for the server for as long as it takes.
    pub fn connect(&self) -> Result<Connection, Failure> {
        self.begin(TcpStream::connect(self.address)?)
    }

    /// A connection to a server that may be silent: nothing on it waits longer than `silence` for the next byte, and
    /// [`Connection::call_within`] no longer than its own limit.
    pub fn connect_within(&self, silence: Duration) -> Result<Connection, Failure> {
        let stream = TcpStream::connect_timeout(&self.address, silence)?;
        stream.set_read_timeout(Some(silence))?;
        stream.set_write_timeout(Some(silence))?;
        self.begin(stream)
    }

    fn begin(&self, stream: TcpStream) -> Result<Connection, Failure> {
        stream.set_nodelay(true)?;
        let stream = match &self.tls {
            None => Stream::Plain(stream),
            Some(config) => {
                let name = ServerName::try_from("localhost")?;
                let mut stream = StreamOwned::new(ClientConnection::new(Arc::clone(config), name)?, stream);
                while stream.conn.is_handshaking() {
                    stream.conn.complete_io(&mut stream.sock)?;
                }
                Stream::Tls(Box::new(stream))
            }
        };
        Ok(Connection { stream, received: Vec::with_capacity(8 * 1024), chunk: vec![0; 16 * 1024] })
    }

    /// Several connections, for a load.
    pub fn connect_many(&self, count: usize) -> Result<Vec<Connection>, Failure> {
        (0..count)
            .map(|_| {
                let connection = self.connect()?;
                connection.socket().set_nonblocking(true)?;
                Ok(connection)
            })
            .collect()
    }
}

/// A client's TLS: it trusts the authority in a PEM file, and shows a certificate with its key.
pub fn tls(
    ca: &Path,
    identity: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>,
) -> Result<Arc<ClientConfig>, Failure> {
    tls_at(ca, identity, Arc::new(DefaultTimeProvider))
}

/// The same by another clock.
pub fn tls_at(
    ca: &Path,
    identity: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>,
    clock: Arc<dyn TimeProvider>,
) -> Result<Arc<ClientConfig>, Failure> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca)?)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_details(provider, clock)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => builder.with_client_auth_cert(vec![certificate], key)?,
    };
    Ok(Arc::new(config))
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// A connection with at most one request under way.
pub struct Connection {
    stream: Stream,
    received: Vec<u8>,
    chunk: Vec<u8>,
}

/// A reply as the client received it.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON, of an answer that is a success.
    pub fn json(&self) -> Result<serde_json::Value, Failure> {
        if !(200..300).contains(&self.status) {
            return Err(format!("answered {}: {}", self.status, String::from_utf8_lossy(&self.body)).into());
        }
        Ok(serde_json::from_slice(&self.body)?)
    }
}

impl Connection {
    /// Its socket.
    pub fn socket(&self) -> &TcpStream {
        match &self.stream {
            Stream::Plain(stream) => stream,
            Stream::Tls(stream) => &stream.sock,
        }
    }

    /// Sends a request. What the socket does not take at once is offered again until it does: requests are small.
    pub fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.received.clear();
        let mut rest = request;
        while !rest.is_empty() {
            let written = match &mut self.stream {
                Stream::Plain(stream) => stream.write(rest),
                Stream::Tls(stream) => stream.write(rest),
            };
            match written {
                Ok(count) => rest = &rest[count..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::hint::spin_loop(),
                Err(error) => return Err(error),
            }
        }
        loop {
            let flushed = match &mut self.stream {
                Stream::Plain(_) => Ok(()),
                Stream::Tls(stream) => stream.flush(),
            };
            match flushed {
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::hint::spin_loop(),
                flushed => return flushed,
            }
        }
    }

    /// The answer, if all of it has come; on a blocking socket, when all of it has come.
    pub fn poll(&mut self) -> io::Result<Option<u16>> {
        loop {
            if let Some((status, _)) = complete(&self.received) {
                return Ok(Some(status));
            }
            let read = match &mut self.stream {
                Stream::Plain(stream) => stream.read(&mut self.chunk),
                Stream::Tls(stream) => stream.read(&mut self.chunk),
            };
            match read {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.received.extend_from_slice(&self.chunk[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends a request and waits for its answer, on a blocking socket.
    pub fn call(&mut self, request: &[u8]) -> Result<Answer, Failure> {
        self.send(request)?;
        while self.poll()?.is_none() {}
        let (status, body) = complete(&self.received).ok_or("no answer")?;
        Ok(Answer { status, body: body.to_vec() })
    }

    /// The same on a connection of [`Target::connect_within`], within a limit.
    pub fn call_within(&mut self, request: &[u8], limit: Duration) -> Result<Answer, Failure> {
        let until = Instant::now() + limit;
        self.send(request)?;
        while self.poll()?.is_none() {
            if Instant::now() >= until {
                return Err(format!("no answer within {limit:?}").into());
            }
        }
        let (status, body) = complete(&self.received).ok_or("no answer")?;
        Ok(Answer { status, body: body.to_vec() })
    }

    /// The body of the last answer.
    pub fn body(&self) -> &[u8] {
        complete(&self.received).map_or(&[], |(_, body)| body)
    }
}

/// Status and body of an answer, when it is there whole. Every server here says its length.
fn complete(received: &[u8]) -> Option<(u16, &[u8])> {
    let end = received.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&received[..end]).ok()?;
    let status = head.get(9..12)?.parse().ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let body = received.get(end..)?;
    (body.len() >= length.unwrap_or(0)).then_some((status, body))
}

/// The bytes of a request to the control plane.
pub fn request(method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    request_to("localhost", method, target, headers, body)
}

/// The bytes of a request.
pub fn request_to(host: &str, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut text = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() {
        text += &format!("Content-Length: {}\r\n", body.len());
    }
    (text + "\r\n" + body).into_bytes()
}
