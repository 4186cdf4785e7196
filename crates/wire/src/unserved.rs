//! The reasons why the shell turns a request away before its surface has seen it.

use http::StatusCode;

/// The reason why a request, or a connection, is not served. Each surface's `fault.rs` says it in its own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unserved {
    /// The connection is not of the user whom the endpoint serves.
    #[error(
        "this endpoint serves only the user who started it, and root; `bonafide up --any-user` serves every user of its machine"
    )]
    OtherUser,
    /// The client certificate of the connection has expired meanwhile.
    #[error("the client certificate has expired")]
    CertificateExpired,
    /// The target is longer than `limits::TARGET_BYTES_MAX`.
    #[error("the request target is too long")]
    TargetTooLong,
    /// The head is larger than `limits::HEAD_BYTES_MAX`.
    #[error("the request header fields are too large")]
    HeadTooLarge,
    /// The head is no head of HTTP/1.1: a target in quotes, a header field without a name.
    #[error("the request line or a header field cannot be read")]
    HeadMalformed,
    /// The body is larger than its path takes.
    #[error("the request body is too large")]
    BodyTooLarge,
    /// The body did not arrive within `limits::BODY_SECONDS_MAX`.
    #[error("the request body did not arrive in time")]
    BodyTooSlow,
    /// The body does not have the form that its head announces.
    #[error("the request body cannot be read")]
    BodyBroken,
    /// Too much is waiting already; the same request can be sent again.
    #[error("the server is busy; try again")]
    Busy,
    /// As many requests of the same principal wait already as it may have waiting; the others are not held up.
    #[error(
        "as many requests of this kind wait as one principal may have waiting; send it again when they are answered"
    )]
    ShareTaken,
    /// The server failed; it is no fault of the request.
    #[error("the request failed inside the server")]
    Failed,
}

impl Unserved {
    /// Every one.
    pub const ALL: [Self; 11] = [
        Self::OtherUser,
        Self::CertificateExpired,
        Self::TargetTooLong,
        Self::HeadTooLarge,
        Self::HeadMalformed,
        Self::BodyTooLarge,
        Self::BodyTooSlow,
        Self::BodyBroken,
        Self::Busy,
        Self::ShareTaken,
        Self::Failed,
    ];

    /// True when the same request can be sent again a second later.
    pub fn is_for_now(self) -> bool {
        matches!(self, Self::Busy | Self::ShareTaken)
    }

    /// The status on every surface; the metadata endpoint answers some that clients would repeat with 400.
    pub fn status(self) -> StatusCode {
        match self {
            Self::OtherUser => StatusCode::FORBIDDEN,
            Self::CertificateExpired => StatusCode::UNAUTHORIZED,
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::HeadMalformed | Self::BodyBroken => StatusCode::BAD_REQUEST,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::ShareTaken => StatusCode::TOO_MANY_REQUESTS,
            Self::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}
