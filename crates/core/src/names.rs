//! The names of an installation: its public origin, and the audiences of its token service, resource manager and
//! directory.

use crate::directory::{Audiences, AudiencesError, Registration, TokenVersion};
use crate::tokens::{AcceptedAudiences, Authority, AuthorityError};
use bonafide_types::ClientId;

/// The application id of Azure Resource Manager ("Windows Azure Service Management API").
/// Source: Microsoft Learn, "Verify first-party Microsoft applications in sign-in reports".
const MANAGEMENT_APP: &str = "797f4846-ba00-4fd7-ba43-dac1f8f63013";
/// The audience that stock clients ask tokens for when they mean the resource manager of the public cloud.
pub const PUBLIC_MANAGEMENT: &str = "https://management.azure.com/";
/// The older audience of the same, without a slash at the end.
const PUBLIC_MANAGEMENT_OLD: &str = "https://management.core.windows.net";
/// The application id of Microsoft Graph. Source: the same.
const GRAPH_APP: &str = "00000003-0000-0000-c000-000000000000";
/// The audience that stock clients ask tokens for when they mean Microsoft Graph of the public cloud.
const PUBLIC_GRAPH: [&str; 1] = ["https://graph.microsoft.com"];

/// The reason why an installation cannot have such names.
#[derive(Debug, thiserror::Error)]
pub enum NamesError {
    /// The origin cannot be that of a token service.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The audiences are not acceptable.
    #[error(transparent)]
    Audiences(#[from] AudiencesError),
    /// A built-in id cannot be read.
    #[error(transparent)]
    Id(#[from] bonafide_types::GuidError),
}

/// The names of an installation whose surfaces share one origin.
#[derive(Debug)]
pub struct Names {
    /// The token service.
    pub authority: Authority,
    /// The audiences that tokens can be asked for.
    pub audiences: Audiences,
    /// The audiences of tokens for the resource manager, in every spelling.
    pub accepted: AcceptedAudiences,
    /// The audiences of the directory (Microsoft Graph), in every spelling.
    pub graph: AcceptedAudiences,
}

impl Names {
    /// The names at `origin`, `https://host[:port]`.
    ///
    /// # Errors
    /// [`NamesError`].
    pub fn new(origin: &str) -> Result<Self, NamesError> {
        let app: ClientId = MANAGEMENT_APP.parse()?;
        let own =
            Registration { app_id: Some(app), version: TokenVersion::V1, identifiers: vec![format!("{origin}/")] };
        Ok(Self {
            authority: Authority::new(origin)?,
            audiences: Audiences::new(&[own])?,
            accepted: accepted(app, &[PUBLIC_MANAGEMENT.trim_end_matches('/'), PUBLIC_MANAGEMENT_OLD], origin),
            graph: accepted(GRAPH_APP.parse()?, &PUBLIC_GRAPH, origin),
        })
    }
}

/// An application by its public names and by the origin, each with and without a slash at the end.
fn accepted(app: ClientId, public: &[&str], origin: &str) -> AcceptedAudiences {
    let bases = public.iter().chain([&origin]);
    AcceptedAudiences::new(app, bases.flat_map(|base| [(*base).to_owned(), format!("{base}/")]))
}
