//! Everything that can be wrong with a request, as values. Each dialect words them in its own file.

use crate::path::PathError;
use crate::upstream::UpstreamError;
use bonafide_wire::token::OAuthError;
use bonafide_wire::{ParameterError, Unserved};
use std::sync::Arc;

/// The reason why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A guard turned it away.
    Guard(GuardError),
    /// The path cannot be read.
    Path(PathError),
    /// The path is not known.
    NotFound,
    /// The header is missing that a forged request cannot carry.
    Unproven,
    /// No session, where one is wanted.
    NoSession,
    /// A session without a life that it can have.
    SessionLife,
    /// The rules of the binding do not allow it.
    NotAllowed,
    /// The path is known, and served with another method; or, without a path, the method is served nowhere.
    Method(Option<&'static str>),
    /// `api-version` is missing, malformed or too old.
    ApiVersion,
    /// A parameter is wrong.
    Query(QueryError),
    /// `resource` is missing or empty.
    ResourceMissing,
    /// `resource` cannot be the name of any resource.
    ResourceMalformed,
    /// There is a `scope` in the place of the `resource`.
    Scope,
    /// `response_type` is another than `token`.
    ResponseType,
    /// It is not known here yet whether there is such an identity.
    Updating,
    /// Too many requests, or too many at once, here or at the token service.
    Throttled,
    /// The identity asked for is not assigned here, whether or not it exists elsewhere.
    IdentityNotFound,
    /// An identity was asked for where there is none at all.
    NoIdentityAtAll,
    /// No identity was asked for, and there is none to default to.
    NoDefaultIdentity,
    /// The principal of the identity is disabled.
    Disabled,
    /// No identity was asked for, and there are several to choose from.
    Ambiguous,
    /// The token service refused what was asked for.
    Refused(Box<OAuthError>),
    /// The token service gave no usable answer.
    Upstream(Logs),
    /// A document is asked for in a way in which there is none, or cannot be had now.
    Document(DocumentError),
    /// A disk is full, and the token service cannot be asked before there is space on it.
    DiskFull,
    /// The shell does not serve it.
    Unserved(Unserved),
}

/// The reason why a guard turns a request away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GuardError {
    #[error("the request target is not at this endpoint: this is not a proxy")]
    Target,
    #[error("exactly one Host header is required")]
    HostCount,
    #[error("the Host header does not name this endpoint")]
    Host,
    #[error("the request did not come over the workload's own loopback device")]
    NotLoopback,
    #[error("forwarded requests are refused")]
    Forwarded,
    #[error(
        "HTTP/1.0 is refused, because proxies that do not say so ask in it; send HTTP/1.1, or allow it with \
         --allow-http-1.0 of bonafide up or bonafide exec"
    )]
    Http10,
    #[error("the connection cannot be upgraded")]
    Upgrade,
    #[error("the request must not have a body")]
    Body,
    #[error("the request body must be a form")]
    Form,
}

/// The reason why the parameters of a token request are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum QueryError {
    #[error(transparent)]
    Parameters(#[from] ParameterError),
    #[error("the parameter '{0}' does not select an identity here")]
    ForeignSelector(&'static str),
    #[error("the parameters '{0}' and '{1}' exclude each other")]
    TwoSelectors(&'static str, &'static str),
    #[error("the only value of 'bypass_cache' is 'true'")]
    BypassCache,
    #[error("the parameter 'xms_cc' is not well formed")]
    Capabilities,
}

/// The reason why a document other than a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DocumentError {
    #[error("a leaf has no JSON form: add 'format=text'")]
    LeafAsJson,
    #[error("the values of 'format' are 'json' and 'text'")]
    Format,
    #[error("the parameter 'nonce' must be 1 to 32 letters and digits")]
    Nonce,
    #[error("the body must be JSON with 'StartRequests', a list of objects with an 'EventId' each")]
    StartRequests,
    #[error("no event with this 'EventId' is scheduled")]
    NoSuchEvent,
    #[error("Missing required parameter \"api-version\". Fix the request and retry.")]
    NoApiVersion,
    #[error("Parameter value isn't allowed: the only value of \"format\" is \"json\". Fix the request and retry.")]
    LoadBalancerFormat,
    #[error("the machine is behind no load balancer")]
    NoLoadBalancer,
    #[error("the control plane of this host does not answer now; try again")]
    Away,
}

impl DocumentError {
    /// True when the same request can succeed later.
    pub(crate) fn is_passing(self) -> bool {
        self == Self::Away
    }
}

/// The file that holds the causes of failures, where there is one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Logs(Option<Arc<str>>);

impl Logs {
    pub(crate) fn in_file(path: &str) -> Self {
        Self(Some(path.into()))
    }

    /// The place to look at, and the id to look for.
    pub(crate) fn for_details(&self, request: &str) -> Option<String> {
        self.0.as_ref().map(|path| format!("For details see logs in {path} (request {request})"))
    }
}

impl Refusal {
    /// True where the identity, or any identity at all, is not known here.
    pub(crate) fn is_of_something_unknown(&self) -> bool {
        matches!(self, Self::IdentityNotFound | Self::NoIdentityAtAll | Self::NoDefaultIdentity)
    }
}

impl From<GuardError> for Refusal {
    fn from(error: GuardError) -> Self {
        Self::Guard(error)
    }
}

impl From<PathError> for Refusal {
    fn from(error: PathError) -> Self {
        Self::Path(error)
    }
}

impl From<QueryError> for Refusal {
    fn from(error: QueryError) -> Self {
        Self::Query(error)
    }
}

impl From<DocumentError> for Refusal {
    fn from(error: DocumentError) -> Self {
        Self::Document(error)
    }
}

impl From<ParameterError> for Refusal {
    fn from(error: ParameterError) -> Self {
        Self::Query(error.into())
    }
}

impl From<&UpstreamError> for Refusal {
    /// The caller is told what is wrong with its own request. Whatever concerns our request (its key, its
    /// form) is our fault and none of the caller's business.
    fn from(error: &UpstreamError) -> Self {
        match error {
            UpstreamError::Unreachable(_) | UpstreamError::Unsigned(_) | UpstreamError::Malformed => {
                Self::Upstream(Logs::default())
            }
            UpstreamError::DiskFull(_) => Self::DiskFull,
            UpstreamError::Refused(_) if error.says_disabled() => Self::Disabled,
            UpstreamError::Refused(_) if error.says_identity_is_gone() => Self::IdentityNotFound,
            UpstreamError::Refused(_) if error.says_throttled() => Self::Throttled,
            UpstreamError::Refused(refusal) if error.is_about_what_was_asked() => Self::Refused(refusal.clone()),
            UpstreamError::Refused(_) => Self::Upstream(Logs::default()),
        }
    }
}
