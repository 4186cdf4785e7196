//! The agent's connections to the control plane: HTTP/1.1 over mTLS, kept open and used again.

use crate::exchange::{self, Sender};
use crate::tls::{self, ClientIdentity};
use bonafide_metadata::host::HostRequest;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{Request, StatusCode};
use http_body_util::Full;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Longest time that it takes to make a connection, TLS included.
const CONNECT: Duration = Duration::from_secs(2);
/// Connections kept open while idle.
const IDLE_MAX: usize = 8;
/// Largest reply, in bytes: 1,000 identities of a few hundred bytes on each of many workloads.
const REPLY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The hosts listener of a control plane, and how to verify it.
#[derive(Debug, Clone)]
pub struct ControlPlaneAddress {
    /// Its address.
    pub address: SocketAddr,
    /// The name in its certificate.
    pub name: String,
    /// The certificate (DER) of the authority to trust.
    pub ca_der: Vec<u8>,
}

/// The reason why the control plane gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamFailure {
    /// No connection, or none in time.
    #[error("cannot reach the control plane at {address}: {reason}")]
    Connect {
        /// Its address.
        address: SocketAddr,
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
    config: Arc<ClientConfig>,
    idle: Mutex<Vec<Sender>>,
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
            .header(HOST, format!("{}:{}", self.to.name, self.to.address.port()))
            .header(CONTENT_TYPE, asked.content_type)
            .body(Full::new(asked.body.clone()))
            .map_err(|error| UpstreamFailure::Answer(error.to_string()))
    }

    async fn connect(&self) -> Result<Sender, UpstreamFailure> {
        let failed = |reason: String| UpstreamFailure::Connect { address: self.to.address, reason };
        let connect = async {
            let stream = TcpStream::connect(self.to.address).await.map_err(|error| failed(error.to_string()))?;
            stream.set_nodelay(true).map_err(|error| failed(error.to_string()))?;
            let name = ServerName::try_from(self.to.name.clone()).map_err(|error| failed(error.to_string()))?;
            let connector = TlsConnector::from(Arc::clone(&self.config));
            let stream = connector.connect(name, stream).await.map_err(|error| failed(error.to_string()))?;
            exchange::open(stream).await.map_err(|error| failed(error.to_string()))
        };
        let connected = tokio::time::timeout(CONNECT, connect).await;
        connected.unwrap_or_else(|_| Err(failed("no connection in time".to_owned())))
    }
}
