//! HTTPS requests of the command line, each on a connection of its own.

use super::ClientError;
use bonafide_http::clock;
use bonafide_http::tls::provider;
use bonafide_types::Secret;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Longest time of a request, its connection included. Source: ours; a write waits for its host for a second.
const PATIENCE: Duration = Duration::from_secs(30);
/// Largest answer, in bytes. Source: ours; a page of a list has some hundred entries of a few KiB.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Sends requests to servers of authorities that are trusted.
pub(super) struct Https(TlsConnector);

impl Https {
    /// Trusts the authorities in these texts (PEM), and no others.
    pub(super) fn trusting(pems: [String; 2]) -> Result<Self, ClientError> {
        let mut roots = RootCertStore::empty();
        for pem in &pems {
            // One that this library does not read is one less to trust.
            roots.add_parsable_certificates(CertificateDer::pem_slice_iter(pem.as_bytes()).flatten());
        }
        let config =
            ClientConfig::builder_with_details(provider(), clock::of_tls()).with_safe_default_protocol_versions();
        let config = config.map_err(|error| ClientError::Named(format!("TLS: {error}")))?;
        let config = config.with_root_certificates(roots).with_no_client_auth();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// Sends a request, and reads the whole answer.
    pub(super) async fn send(
        &self,
        method: Method,
        url: &str,
        authorization: Option<&Secret<String>>,
        content_type: &str,
        body: String,
    ) -> Result<(StatusCode, Bytes), ClientError> {
        let failed = |reason: String| ClientError::Unreachable { url: url.to_owned(), reason };
        let sent = self.exchange(method, url, authorization, content_type, body);
        let sent = tokio::time::timeout(PATIENCE, sent).await;
        sent.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs()))).map_err(failed)
    }

    async fn exchange(
        &self,
        method: Method,
        url: &str,
        authorization: Option<&Secret<String>>,
        content_type: &str,
        body: String,
    ) -> Result<(StatusCode, Bytes), String> {
        let uri: Uri = url.parse().map_err(|_| "it is no address".to_owned())?;
        let authority = uri.authority().ok_or("it names no server")?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(443))).await.map_err(text)?;
        let name = ServerName::try_from(host.to_owned()).map_err(text)?;
        let stream = self.0.connect(name, stream).await.map_err(|error| match error.kind() {
            ErrorKind::InvalidData => format!("{error}; --ca names a file with the authority to trust"),
            _ => error.to_string(),
        })?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(text)?;
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(uri.path_and_query().map_or("/", |path| path.as_str()));
        request = request.header(HOST, authority.as_str()).header(CONTENT_TYPE, content_type);
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization.expose());
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(text)?;
        let response = sender.send_request(request).await.map_err(text)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await.map_err(text)?;
        Ok((status, body.to_bytes()))
    }
}

fn text(error: impl ToString) -> String {
    error.to_string()
}
