//! Every refusal of the hosts surface and how it looks.

use bonafide_crypto::ca::CaError;
use bonafide_store::{EngineError, StoreError};
use bonafide_types::HostId;
use bonafide_wire::hosts::{HostsError, code};
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
    #[error("host {0} is unknown; join again with a new token")]
    UnknownHost(HostId),
    /// The operator disabled the host.
    #[error("host {0} is disabled; `bonafide host enable` of an operator lets it join again")]
    Disabled(HostId),
    /// Two hosts used certificates of this one.
    #[error(
        "host {0} is frozen: an older certificate of its was used beside the newest, so its folder was copied; \
         `bonafide host enable` of an operator lets it join again"
    )]
    Frozen(HostId),
    /// The certificate does not count any more.
    #[error("this certificate of host {0} does not count any more; join again")]
    JoinAgain(HostId),
    /// The proof of a host that joins anew is not good.
    #[error("the proof is not signed by the key of a certificate of ours, for this certificate request")]
    Proof,
    /// The certificate of a host that joins anew ended too long ago.
    #[error("the last certificate ended more than 30 days ago; join again with a new token")]
    TooOld,
    /// The authority is not valid at the time that the clock shows.
    #[error("no certificate can be made: {0}")]
    Clock(CaError),
    /// The invitation is not valid.
    #[error("the invitation is unknown, used or expired; ask for a new one")]
    Token,
    /// The certificate request or certificate is not acceptable.
    #[error("the key is not acceptable: {0}")]
    Key(String),
    /// No workload of that name on this host has that identity.
    #[error("the identity is not placed on this host")]
    NotPlaced,
    /// The workload has no such extension, or its endpoint was asked for anew since.
    #[error("the workload's extension is not the one that this report is about; ask for the desired state again")]
    OtherRun,
    /// The workload has no such event.
    #[error("no event with this id is scheduled for the workload")]
    NoSuchEvent,
    /// No document can be signed.
    #[error("no document can be signed: {0}")]
    Signer(CaError),
    /// There is no space left to store it.
    #[error("the disk of the control plane is full: make space on it, and try again")]
    DiskFull(StoreError),
    /// The store failed; the reason is for the log.
    #[error("the store is not available; try again")]
    Store(StoreError),
    /// The shell refused the request.
    #[error(transparent)]
    Unserved(#[from] Unserved),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Engine(EngineError::Full(_)) => Self::DiskFull(error),
            error => Self::Store(error),
        }
    }
}

impl Fault {
    /// The refusal as a reply.
    pub(crate) fn reply(&self) -> Reply {
        let (status, code) = match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "NotFound"),
            Self::Malformed(_) => (StatusCode::BAD_REQUEST, "Malformed"),
            Self::NoCertificate => (StatusCode::UNAUTHORIZED, code::NO_CERTIFICATE),
            Self::UnknownHost(_) => (StatusCode::FORBIDDEN, code::UNKNOWN_HOST),
            Self::Disabled(_) => (StatusCode::FORBIDDEN, code::HOST_DISABLED),
            Self::Frozen(_) => (StatusCode::FORBIDDEN, code::HOST_FROZEN),
            Self::JoinAgain(_) => (StatusCode::FORBIDDEN, code::JOIN_AGAIN),
            Self::Proof | Self::TooOld => (StatusCode::FORBIDDEN, "Proof"),
            Self::Clock(_) => (StatusCode::SERVICE_UNAVAILABLE, "Clock"),
            Self::Token => (StatusCode::FORBIDDEN, "Token"),
            Self::Key(_) => (StatusCode::BAD_REQUEST, "Key"),
            Self::NotPlaced => (StatusCode::FORBIDDEN, "NotPlaced"),
            Self::Signer(_) => (StatusCode::SERVICE_UNAVAILABLE, "Signer"),
            Self::NoSuchEvent => (StatusCode::NOT_FOUND, code::NO_SUCH_EVENT),
            Self::OtherRun => (StatusCode::CONFLICT, code::OTHER_RUN),
            Self::DiskFull(_) => (StatusCode::SERVICE_UNAVAILABLE, code::DISK_FULL),
            Self::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "Store"),
            Self::Unserved(why) => (why.status(), unserved(*why)),
        };
        let reply = Reply::json(status, &HostsError { code: code.into(), message: self.to_string() });
        let reply = match self {
            Self::DiskFull(error) | Self::Store(error) => reply.because(error),
            Self::Clock(error) => reply.because(error),
            _ => reply,
        };
        if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            reply.with("retry-after", "1")
        } else {
            reply
        }
    }
}

fn unserved(why: Unserved) -> &'static str {
    match why {
        Unserved::OtherUser => "OtherUser",
        Unserved::CertificateExpired => code::CERTIFICATE_EXPIRED,
        Unserved::TargetTooLong => "TargetTooLong",
        Unserved::HeadTooLarge => "HeadTooLarge",
        Unserved::HeadMalformed => "HeadMalformed",
        Unserved::BodyTooLarge => "BodyTooLarge",
        Unserved::BodyTooSlow => "BodyTooSlow",
        Unserved::BodyBroken => "BodyBroken",
        Unserved::Busy | Unserved::ShareTaken => "Busy",
        Unserved::Failed => "Failed",
    }
}
