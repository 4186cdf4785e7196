//! The agent's connections to the control plane: HTTP/1.1 over mTLS, kept open and used again.

use crate::tls::{self, ClientIdentity, TlsError};
use bonafide_metadata::host::HostRequest;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How long a connection may take to be made, TLS included.
const CONNECT: Duration = Duration::from_secs(2);
/// Connections kept open while idle.
const IDLE_MAX: usize = 8;
/// Largest reply, in bytes: 1,000 identities of a few hundred bytes on each of many workloads.
const REPLY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Where the hosts listener is, and how to know it.
#[derive(Debug, Clone)]
pub(crate) struct ControlPlaneAddress {
    pub(crate) address: SocketAddr,
    pub(crate) name: String,
    pub(crate) ca_der: Vec<u8>,
}

/// Why the control plane gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamFailure {
    /// No connection, or none in time.
    #[error("cannot reach the control plane at {address}: {reason}")]
    Connect {
        /// Where.
        address: SocketAddr,
        /// Why.
        reason: String,
    },
    /// The connection broke, or the answer took too long or was too large.
    #[error("the control plane did not answer: {0}")]
    Answer(String),
    /// The TLS configuration is unusable.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A client of the hosts listener.
pub(crate) struct Upstream {
    to: ControlPlaneAddress,
    config: Arc<ClientConfig>,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

impl Upstream {
    /// A client that shows `identity`, or nothing while it has none.
    pub(crate) fn new(to: ControlPlaneAddress, identity: Option<ClientIdentity<'_>>) -> Result<Self, UpstreamFailure> {
        let config = tls::agent(&to.ca_der, identity)?;
        Ok(Self { to, config, idle: Mutex::new(Vec::new()) })
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
        sender: SendRequest<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), UpstreamFailure> {
        let status = response.status();
        let body = Limited::new(response.into_body(), REPLY_BYTES_MAX).collect().await;
        let body = body.map_err(|error| UpstreamFailure::Answer(error.to_string()))?.to_bytes();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX && !sender.is_closed() {
            idle.push(sender);
        }
        Ok((status, body))
    }

    fn take_idle(&self) -> Option<SendRequest<Full<Bytes>>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|sender| !sender.is_closed());
        let ready = idle.iter().position(SendRequest::is_ready)?;
        Some(idle.swap_remove(ready))
    }

    fn request(&self, asked: &HostRequest) -> Result<Request<Full<Bytes>>, UpstreamFailure> {
        Request::builder()
            .method(&asked.method)
            .uri(&asked.path)
            .header(HOST, format!("{}:{}", self.to.name, self.to.address.port()))
            .header(CONTENT_TYPE, asked.content_type)
            .body(Full::new(asked.body.clone()))
            .map_err(|error| UpstreamFailure::Answer(error.to_string()))
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, UpstreamFailure> {
        let failed = |reason: String| UpstreamFailure::Connect { address: self.to.address, reason };
        let connect = async {
            let stream = TcpStream::connect(self.to.address).await.map_err(|error| failed(error.to_string()))?;
            stream.set_nodelay(true).map_err(|error| failed(error.to_string()))?;
            let name = ServerName::try_from(self.to.name.clone()).map_err(|error| failed(error.to_string()))?;
            let connector = TlsConnector::from(Arc::clone(&self.config));
            let stream = connector.connect(name, stream).await.map_err(|error| failed(error.to_string()))?;
            handshake(TokioIo::new(stream)).await.map_err(|error| failed(error.to_string()))
        };
        let connected = tokio::time::timeout(CONNECT, connect).await;
        let (sender, connection) = connected.unwrap_or_else(|_| Err(failed("no connection in time".to_owned())))?;
        // It ends when the sender is dropped or the peer closes; either is seen by the sender.
        tokio::spawn(connection);
        Ok(sender)
    }
}
