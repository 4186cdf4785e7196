//! Questions to the token service, and the meaning of its refusals.

use bonafide_crypto::SignError;
use bonafide_types::{Audience, ClientId, ObjectId, ResourceUuid, TenantId};
use bonafide_wire::token::OAuthError;

/// The token that login is to be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenFetch {
    /// The workload that the token is for.
    pub workload: ResourceUuid,
    /// The tenant to sign in to.
    pub tenant: TenantId,
    /// The service principal whose key signs the assertion.
    pub principal: ObjectId,
    /// The client id that it signs in with.
    pub client_id: ClientId,
    /// The resource, as it was asked for.
    pub audience: Audience,
    /// `xms_cc`, as it was asked for.
    pub capabilities: Option<String>,
}

/// The reason why login gave no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// No answer in time, no connection, an answer of class 5xx, or no key to sign with yet.
    #[error("login gave no token: {0}")]
    Unreachable(String),
    /// No space on a disk, of the control plane or of this host, for what the identity, or the host, needs first.
    #[error("login was not asked: {0}")]
    DiskFull(String),
    /// No assertion could be signed.
    #[error("login gave no token: {0}")]
    Unsigned(SignError),
    /// An answer that is no token reply, or a token that had expired when it came.
    #[error("login answered with something else than a token")]
    Malformed,
    /// A refusal with the token service's error object.
    #[error("login refused: {} {:?}", .0.error, .0.error_codes)]
    Refused(Box<OAuthError>),
}

/// The meaning of a code of the token service for the identity that signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// There is no such identity here.
    Gone,
    /// There is, and it is disabled.
    Disabled,
    /// The key that signed is not, or no longer, registered.
    KeyUnknown,
    /// The client has asked too often.
    Throttled,
}

/// The codes that the agent acts on. Other refusals of our client, such as an expired assertion, pass with time,
/// and must not make an identity look as if it were gone. Source: docs/wire/login.md; 700030 is our own login's.
const CODES: [(u32, Meaning); 8] = [
    // Not found, and its old number.
    (700_016, Meaning::Gone),
    (70_001, Meaning::Gone),
    (7_000_112, Meaning::Disabled),
    // Without a service principal in the tenant.
    (7_000_229, Meaning::Gone),
    // No such tenant.
    (90_002, Meaning::Gone),
    // Not placed on this host.
    (700_030, Meaning::Gone),
    (700_027, Meaning::KeyUnknown),
    (90_055, Meaning::Throttled),
];

impl UpstreamError {
    /// True when login refused what the workload asked for, and not how this host asked.
    pub fn is_about_what_was_asked(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::DiskFull(_) | Self::Unsigned(_) | Self::Malformed => false,
            Self::Refused(error) => matches!(
                error.error.as_str(),
                "invalid_resource" | "invalid_scope" | "invalid_target" | "invalid_grant" | "access_denied"
            ),
        }
    }

    /// True when login says that the identity does not exist any more, or counts no more.
    pub fn says_identity_is_gone(&self) -> bool {
        self.says(Meaning::Gone) || self.says_disabled()
    }

    /// True when login says that the principal of the identity is disabled.
    pub fn says_disabled(&self) -> bool {
        self.says(Meaning::Disabled)
    }

    /// True when login does not know the key that signed, because the identity was taken away and given back.
    pub fn says_key_is_unknown(&self) -> bool {
        self.says(Meaning::KeyUnknown)
    }

    /// True when login says that this client has asked too often: asking again a second later helps.
    pub fn says_throttled(&self) -> bool {
        self.says(Meaning::Throttled)
    }

    fn says(&self, meaning: Meaning) -> bool {
        match self {
            Self::Unreachable(_) | Self::DiskFull(_) | Self::Unsigned(_) | Self::Malformed => false,
            Self::Refused(error) => error.error_codes.iter().any(|code| CODES.contains(&(*code, meaning))),
        }
    }
}
