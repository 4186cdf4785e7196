//! A refusal as it is sent, and as an operation keeps it.

use super::Fault;
use crate::deployments::DeploymentError;
use crate::operations::Failure;
use bonafide_core::tokens::TokenError;
use bonafide_wire::Reply;
use http::StatusCode;
use serde_json::json;
use uuid::Uuid;

/// The request id and the log file by which the cause of a failure of ours is found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trace<'a> {
    /// The request's id in the log and in `x-ms-request-id`.
    pub(crate) request: Uuid,
    /// The file of failures, where there is one.
    pub(crate) log_file: Option<&'a str>,
}

impl Trace<'_> {
    fn added_to(&self, message: &str) -> String {
        let tracked = format!("{message} The tracking id is '{}'.", self.request);
        self.log_file.map_or(tracked.clone(), |file| format!("{tracked} For details see logs in {file}"))
    }
}

impl Fault {
    /// The refusal as an operation keeps it.
    pub(crate) fn failure(&self) -> Failure {
        if let Self::OperationFailed(failure) = self {
            return failure.clone();
        }
        let (_, code, message) = self.wire();
        let detail = |target: &str| Failure { target: Some(target.to_owned()), ..Failure::new(code, message.clone()) };
        let details = match self {
            Self::Deployment(DeploymentError::Refused { details, .. }) => details.clone(),
            _ => self.detailed().map(detail).into_iter().collect(),
        };
        Failure { target: self.target().map(str::to_owned), details, ..Failure::new(code, message.clone()) }
    }

    /// Status, code and message.
    pub(crate) fn parts(&self) -> (u16, String, String) {
        let (status, code, message) = self.wire();
        (status.as_u16(), code.to_owned(), message)
    }

    /// The refusal as a reply; `authority` is where a token for the request can be
    /// had, for the challenge of a 401.
    pub(crate) fn reply(&self, authority: impl FnOnce() -> String, trace: &Trace<'_>) -> Reply {
        let (status, ..) = self.wire();
        let mut error = self.failure();
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            error.message = trace.added_to(&error.message);
        }
        let reply = Reply::json(status, &json!({ "error": error })).with("x-ms-failure-cause", "gateway");
        let reply = match self {
            Self::Token { error, .. } => reply.because(error),
            Self::Store(error) => reply.because(error),
            Self::ViewTooOld { seconds } => reply.because(&format!("the view is {seconds} s old")),
            Self::WrongProof => reply.because(&"a write came with the permission for another"),
            _ => reply,
        };
        match status {
            StatusCode::UNAUTHORIZED => {
                // Messages may repeat what the token says: only our own words go into the header.
                let challenge = format!(
                    "Bearer authorization_uri=\"{}\", error=\"invalid_token\", error_description=\"{}\"",
                    authority(),
                    match self {
                        Self::Token { error: TokenError::Missing, .. } => {
                            "The authentication failed because of missing 'Authorization' header."
                        }
                        _ => "The access token is invalid.",
                    }
                );
                reply.with("www-authenticate", &challenge)
            }
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => reply.with("retry-after", "1"),
            _ => reply,
        }
    }
}
