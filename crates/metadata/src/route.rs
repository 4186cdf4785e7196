//! Which path means what.

use crate::caller::Dialect;

/// What is asked for. Everything is asked for with `GET`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// An access token.
    Token,
    /// The workload's tenant and identities.
    IdentityInfo,
    /// The api-versions there are.
    Versions,
}

/// What is served, one line for each arm of [`route`].
pub const ROUTES: &[&str] = &[
    "GET /metadata/identity/oauth2/token",
    "GET /metadata/identity/info",
    "GET /metadata/versions",
    // The dialect `app-service`.
    "GET /msi/token",
];

/// The call that a canonical path stands for. The paths of Azure's second protocol,
/// `getplatformmetadata` and `issuecredential`, must stay unknown until they are implemented:
/// MSAL.NET takes a 400 there for proof that they are (docs/wire/imds.md).
pub(crate) fn route(dialect: &Dialect, path: &str) -> Option<Call> {
    match (dialect, path) {
        (Dialect::Imds, "/metadata/identity/oauth2/token") => Some(Call::Token),
        (Dialect::Imds, "/metadata/identity/info") => Some(Call::IdentityInfo),
        (Dialect::Imds, "/metadata/versions") => Some(Call::Versions),
        (Dialect::AppService { .. }, "/msi/token") => Some(Call::Token),
        (Dialect::Imds | Dialect::AppService { .. }, _) => None,
    }
}
