//! The agent's connections to the control plane: HTTP/1.1 over mTLS, kept open and used again.

use crate::control_plane::{ControlPlaneAddress, HostsOrigin, Trust};
use crate::exchange::{self, Sender};
use crate::pinned::Pinned;
use crate::tls::{self, ClientIdentity};
use bonafide_metadata::host::HostRequest;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{Request, StatusCode};
use http_body_util::Full;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, ClientConfig};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Longest time that it takes to make a connection, TLS included.
const CONNECT: Duration = Duration::from_secs(2);
/// Addresses of a name that are tried. Source: ours.
const ADDRESSES_MAX: usize = 4;
/// Connections kept open while idle.
const IDLE_MAX: usize = 8;
/// Largest reply, in bytes: 1,000 identities of a few hundred bytes on each of many workloads.
const REPLY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The reason why the control plane gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamFailure {
    /// No connection, or none in time.
    #[error("cannot reach the control plane at {at}: {reason}")]
    Connect {
        /// Its address.
        at: String,
        /// The failure of the connection.
        reason: String,
    },
    /// The connection broke, or the answer took too long or was too large.
    #[error("the control plane did not answer: {0}")]
    Answer(String),
    /// The TLS configuration is unusable.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// A client of the hosts listener.
pub(crate) struct Upstream {
    to: ControlPlaneAddress,
    /// The place among its addresses of the one that answered last.
    last: AtomicUsize,
    config: Arc<ClientConfig>,
    idle: Mutex<Vec<Sender>>,
}

impl Upstream {
    /// A client that shows `identity`, or nothing while it has none.
    pub(crate) fn new(to: ControlPlaneAddress, identity: Option<ClientIdentity<'_>>) -> Result<Self, UpstreamFailure> {
        let config = tls::agent(&to.trust, identity)?;
        Ok(Self { to, last: AtomicUsize::new(0), config, idle: Mutex::new(Vec::new()) })
    }

    /// Sends one request and reads its whole answer, all within `limit`. A request whose idle
    /// connection turns out to be closed before anything was sent is sent again on a new one.
    pub(crate) async fn send(
        &self,
        asked: HostRequest,
        limit: Duration,
    ) -> Result<(StatusCode, Bytes), UpstreamFailure> {
        let exchange = async {
            if let Some(mut idle) = self.take_idle() {
                match idle.try_send_request(self.request(&asked)?).await {
                    Ok(response) => return self.read(response, idle).await,
                    Err(mut failed) => {
                        let was_sent = failed.take_message().is_none();
                        if was_sent {
                            return Err(UpstreamFailure::Answer(failed.into_error().to_string()));
                        }
                    }
                }
            }
            let mut sender = self.connect().await?;
            let request = self.request(&asked)?;
            let response = sender.send_request(request).await;
            let response = response.map_err(|error| UpstreamFailure::Answer(error.to_string()))?;
            self.read(response, sender).await
        };
        tokio::time::timeout(limit, exchange)
            .await
            .unwrap_or_else(|_| Err(UpstreamFailure::Answer(format!("not within {} s", limit.as_secs()))))
    }

    async fn read(
        &self,
        response: http::Response<hyper::body::Incoming>,
        sender: Sender,
    ) -> Result<(StatusCode, Bytes), UpstreamFailure> {
        let reply = exchange::read(response, REPLY_BYTES_MAX).await.map_err(UpstreamFailure::Answer)?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX && !sender.is_closed() {
            idle.push(sender);
        }
        Ok(reply)
    }

    fn take_idle(&self) -> Option<Sender> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|sender| !sender.is_closed());
        let ready = idle.iter().position(Sender::is_ready)?;
        Some(idle.swap_remove(ready))
    }

    fn request(&self, asked: &HostRequest) -> Result<Request<Full<Bytes>>, UpstreamFailure> {
        Request::builder()
            .method(&asked.method)
            .uri(&asked.path)
            .header(HOST, self.origin(0).map_or_else(String::new, HostsOrigin::authority))
            .header(CONTENT_TYPE, asked.content_type)
            .body(Full::new(asked.body.clone()))
            .map_err(|error| UpstreamFailure::Answer(error.to_string()))
    }

    /// The address that is tried after `tried` others.
    fn origin(&self, tried: usize) -> Option<&HostsOrigin> {
        let count = self.to.origins.len();
        (tried < count).then(|| &self.to.origins[(self.last.load(Ordering::Relaxed) + tried) % count])
    }

    /// A connection to the address that answered last, or else to the next that does.
    async fn connect(&self) -> Result<Sender, UpstreamFailure> {
        let (first, count) = (self.last.load(Ordering::Relaxed), self.to.origins.len());
        let mut failure = UpstreamFailure::Answer("there is no address of the control plane".to_owned());
        for tried in 0..count {
            let at = (first + tried) % count;
            match self.connect_to(&self.to.origins[at]).await {
                Ok(sender) => {
                    self.last.store(at, Ordering::Relaxed);
                    return Ok(sender);
                }
                Err(why) => failure = why,
            }
        }
        Err(failure)
    }

    async fn connect_to(&self, origin: &HostsOrigin) -> Result<Sender, UpstreamFailure> {
        let failed = |reason: String| UpstreamFailure::Connect { at: origin.to_string(), reason };
        let connect = async {
            let stream = open(origin).await.map_err(|error| failed(error.to_string()))?;
            let name = ServerName::try_from(origin.name.clone()).map_err(|error| failed(error.to_string()))?;
            let connector = TlsConnector::from(Arc::clone(&self.config));
            let stream = connector.connect(name, stream).await.map_err(|error| failed(of_handshake(&error)))?;
            exchange::open(stream).await.map_err(|error| failed(error.to_string()))
        };
        let connected = tokio::time::timeout(CONNECT, connect).await;
        connected.unwrap_or_else(|_| Err(failed("no connection in time".to_owned())))
    }
}

/// The failure of a handshake, and what helps.
fn of_handshake(error: &std::io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        // Words of our own verifier, which need no "unexpected error" before them.
        Some(rustls::Error::General(why)) => why.clone(),
        Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => format!(
            "{error}: its authority is none that this host trusts; join with its SHA-256 (--ca-sha256, as `bonafide host \
             token create` prints it) or a copy of its ca.pem (--ca)"
        ),
        _ => error.to_string(),
    }
}

/// The authority (DER) of the control plane that has this SHA-256, as the first of its addresses that answers shows it.
pub(crate) async fn learn_authority(origins: &[HostsOrigin], digest: [u8; 32]) -> Result<Vec<u8>, UpstreamFailure> {
    let pinned = Pinned::to(digest);
    let config = Arc::new(tls::pinned(Arc::clone(&pinned))?);
    let trust = Trust::Authorities(Vec::new());
    let to = ControlPlaneAddress { origins: origins.to_vec(), trust };
    let upstream = Upstream { to, last: AtomicUsize::new(0), config, idle: Mutex::default() };
    upstream.connect().await?;
    let none = || UpstreamFailure::Answer("it showed no authority".to_owned());
    pinned.authority().ok_or_else(none)
}

/// A connection to one of the addresses of a name, each of which has its part of the time.
async fn open(origin: &HostsOrigin) -> std::io::Result<TcpStream> {
    let addresses: Vec<SocketAddr> = match origin.at {
        Some(address) => vec![address],
        None => tokio::net::lookup_host((origin.name.as_str(), origin.port)).await?.take(ADDRESSES_MAX).collect(),
    };
    let part = CONNECT / u32::try_from(addresses.len().max(1)).unwrap_or(1);
    let mut failure = std::io::Error::new(ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match tokio::time::timeout(part, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Ok(Err(error)) => failure = error,
            Err(_) => failure = std::io::Error::new(ErrorKind::TimedOut, "no connection in time"),
        }
    }
    Err(failure)
}
