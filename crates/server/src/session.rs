//! Being a workload for a while: what `exec` and `token` ask of a running agent.

use crate::agent::{ControlError, OpenEndpoint, open_endpoint};
use crate::data_dir::DataDir;
use bonafide_types::{ResourceId, Secret};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use std::time::Duration;
use tokio::net::{TcpStream, UnixStream};

/// How long the agent may take to answer, its own waiting for login included.
const ANSWER: Duration = Duration::from_secs(15);
/// Largest token reply, in bytes.
const REPLY_BYTES_MAX: usize = 64 * 1024;

/// An endpoint of a workload on this host; it ends when this is dropped.
pub struct Session {
    /// Which workload it is.
    pub resource_id: ResourceId,
    /// The endpoint's port on 127.0.0.1.
    pub port: u16,
    /// What `X-IDENTITY-HEADER` must hold in the dialect `app-service`.
    pub secret: Option<Secret<String>>,
    _open: UnixStream,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The agent was not reached or refused.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The endpoint did not answer.
    #[error("the metadata endpoint did not answer: {0}")]
    Answer(String),
    /// The endpoint refused.
    #[error("no token for {resource}: {reason}")]
    Refused {
        /// What was asked for.
        resource: String,
        /// What the endpoint said.
        reason: String,
    },
}

#[derive(Deserialize)]
struct TokenReply {
    access_token: String,
}

#[derive(Deserialize)]
struct Refusal {
    message: Option<String>,
    error_description: Option<String>,
}

impl Session {
    /// Opens an endpoint of `workload` (ARM id or name; the only one, or `demo`, when `None`) in
    /// `dialect` (`app-service` or `imds`).
    pub async fn open(dir: &DataDir, workload: Option<&str>, dialect: &str) -> Result<Self, SessionError> {
        let request = OpenEndpoint { workload: workload.map(str::to_owned), dialect: dialect.to_owned() };
        let (stream, opened) = open_endpoint(dir, &request).await?;
        Ok(Self {
            resource_id: opened.resource_id,
            port: opened.port,
            secret: opened.secret.map(Secret::new),
            _open: stream,
        })
    }

    /// A token for `resource`, from an `app-service` endpoint.
    pub async fn token(&self, resource: &str) -> Result<Secret<String>, SessionError> {
        let answer = tokio::time::timeout(ANSWER, self.ask(resource)).await;
        let (status, body) = answer.map_err(|_| SessionError::Answer("not in time".to_owned()))??;
        if status == StatusCode::OK {
            let reply: TokenReply =
                serde_json::from_slice(&body).map_err(|error| SessionError::Answer(error.to_string()))?;
            return Ok(Secret::new(reply.access_token));
        }
        let refusal = serde_json::from_slice::<Refusal>(&body).ok();
        let reason = refusal.and_then(|refusal| refusal.error_description.or(refusal.message));
        let reason = reason.unwrap_or_else(|| format!("the endpoint answered {status}"));
        Err(SessionError::Refused { resource: resource.to_owned(), reason })
    }

    async fn ask(&self, resource: &str) -> Result<(StatusCode, Bytes), SessionError> {
        let failed = |error: &dyn std::fmt::Display| SessionError::Answer(error.to_string());
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.map_err(|error| failed(&error))?;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
        tokio::spawn(connection);
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("api-version", "2019-08-01")
            .append_pair("resource", resource)
            .finish();
        let secret = self.secret.as_ref().map_or("", |secret| secret.expose().as_str());
        let request = Request::get(format!("/msi/token?{query}"))
            .header("host", format!("127.0.0.1:{}", self.port))
            .header("x-identity-header", secret)
            .body(Empty::<Bytes>::new())
            .map_err(|error| failed(&error))?;
        let response = sender.send_request(request).await.map_err(|error| failed(&error))?;
        let status = response.status();
        let body =
            Limited::new(response.into_body(), REPLY_BYTES_MAX).collect().await.map_err(|error| failed(&error))?;
        Ok((status, body.to_bytes()))
    }
}
