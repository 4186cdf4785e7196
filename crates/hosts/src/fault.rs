//! Every refusal of the hosts surface and how it looks.

use bonafide_store::StoreError;
use bonafide_types::HostId;
use bonafide_wire::hosts::HostsError;
use bonafide_wire::{Reply, Unserved};
use http::StatusCode;

/// The reason why a host was refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// No such path, or no such method on it.
    #[error("there is nothing here")]
    NotFound,
    /// The request cannot be read.
    #[error("the request cannot be read: {0}")]
    Malformed(String),
    /// The connection has no client certificate.
    #[error("this needs the host's client certificate")]
    NoCertificate,
    /// The certificate is good, but its host is not, or no longer, one of ours.
    #[error("host {0} is unknown or disabled; join again with a new token")]
    UnknownHost(HostId),
    /// The enrolment token is not valid.
    #[error("the enrolment token is unknown, used or expired; ask for a new one")]
    Token,
    /// The certificate request or certificate is not acceptable.
    #[error("the key is not acceptable: {0}")]
    Key(String),
    /// No workload of that name on this host has that identity.
    #[error("the identity is not placed on this host")]
    NotPlaced,
    /// The store failed; the reason is for the log.
    #[error("the store is not available; try again")]
    Store(#[from] StoreError),
    /// The shell refused the request.
    #[error(transparent)]
    Unserved(#[from] Unserved),
}

impl Fault {
    /// The refusal as a reply.
    pub(crate) fn reply(&self) -> Reply {
        let (status, code) = match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "NotFound"),
            Self::Malformed(_) => (StatusCode::BAD_REQUEST, "Malformed"),
            Self::NoCertificate => (StatusCode::UNAUTHORIZED, "NoCertificate"),
            Self::UnknownHost(_) => (StatusCode::FORBIDDEN, "UnknownHost"),
            Self::Token => (StatusCode::FORBIDDEN, "Token"),
            Self::Key(_) => (StatusCode::BAD_REQUEST, "Key"),
            Self::NotPlaced => (StatusCode::FORBIDDEN, "NotPlaced"),
            Self::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "Store"),
            Self::Unserved(why) => (why.status(), unserved(*why)),
        };
        let reply = Reply::json(status, &HostsError { code: code.into(), message: self.to_string() });
        let reply = if let Self::Store(error) = self { reply.because(error) } else { reply };
        if status == StatusCode::SERVICE_UNAVAILABLE { reply.with("retry-after", "1") } else { reply }
    }
}

fn unserved(why: Unserved) -> &'static str {
    match why {
        Unserved::OtherUser => "OtherUser",
        Unserved::CertificateExpired => "CertificateExpired",
        Unserved::TargetTooLong => "TargetTooLong",
        Unserved::HeadTooLarge => "HeadTooLarge",
        Unserved::HeadMalformed => "HeadMalformed",
        Unserved::BodyTooLarge => "BodyTooLarge",
        Unserved::BodyTooSlow => "BodyTooSlow",
        Unserved::BodyBroken => "BodyBroken",
        Unserved::Busy => "Busy",
        Unserved::Failed => "Failed",
    }
}
