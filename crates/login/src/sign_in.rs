//! The facts of a request to the token service that may be logged. Nothing in it is a secret.

use bonafide_core::directory::Resolved;
use bonafide_core::tokens::TokenId;
use bonafide_crypto::SignError;
use bonafide_types::{ClientId, ObjectId, TenantId};
use bonafide_wire::Record;
use uuid::Uuid;

/// The facts of a sign-in, which become known step by step.
#[derive(Debug, Default)]
pub(crate) struct SignIn {
    /// The tenant in the path, when it exists.
    pub(crate) tenant: Option<TenantId>,
    /// The client that wanted to sign in.
    pub(crate) client: Option<ClientId>,
    /// The principal that did.
    pub(crate) principal: Option<ObjectId>,
    /// The resource of the token (`aud`), once the client has signed in and it was found.
    pub(crate) resource: Option<Resolved>,
    /// The id of the token (`uti`).
    pub(crate) token: Option<TokenId>,
    /// A failure of ours to issue a token that was granted.
    pub(crate) failure: Option<Failure>,
    /// The number after `AADSTS`, when the request was refused.
    pub(crate) error: Option<u32>,
}

/// Server-side failure to issue a token that was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// The tenant has no valid signing key.
    #[error("the tenant has no signing key")]
    NoSigningKey,
    /// The clock shows a time before this program was made.
    #[error("the clock shows a time before this program was made: set the clock")]
    Clock,
    /// The key could not be used, or a signature failed its own check (JW-11).
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The claims could not be written.
    #[error("the claims cannot be written")]
    Claims,
}

impl SignIn {
    /// The fields of the log line, and the event of a failure (docs/log.md).
    pub(crate) fn record(&self, correlation: Uuid) -> Record {
        let record = Record::default()
            .with("correlation", Some(correlation))
            .with("tenant", self.tenant)
            .with("client", self.client)
            .with("principal", self.principal)
            .with("aud", self.resource.as_ref())
            .with("uti", self.token)
            .with_number("error", self.error.map(u64::from));
        match self.failure {
            // The machine's memory or processor is at fault, or keys are mixed up.
            Some(why @ Failure::Sign(SignError::SelfCheck)) => record.with_event("signatureCheckFailed", &why),
            Some(why) => record.with_event("tokenNotIssued", &why),
            None => record,
        }
    }
}
