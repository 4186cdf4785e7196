//! What the deployment calls itself: from configuration, never from a request.

use bonafide_core::tokens::{
    AcceptedAudiences, Audiences, AudiencesError, Authority, AuthorityError, Registration, TokenVersion,
};
use bonafide_types::ClientId;

/// The application id of Azure Resource Manager ("Windows Azure Service Management API").
/// Source: Microsoft Learn, "Verify first-party Microsoft applications in sign-in reports".
const MANAGEMENT_APP: &str = "797f4846-ba00-4fd7-ba43-dac1f8f63013";
/// What stock clients ask tokens for when they mean the resource manager of the public cloud.
const PUBLIC_MANAGEMENT: [&str; 2] = ["https://management.azure.com", "https://management.core.windows.net"];

/// Where the public origin is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    /// The host's name.
    pub(crate) host: &'a str,
    /// Its port.
    pub(crate) port: u16,
}

impl Origin<'_> {
    /// `https://host:port`.
    pub(crate) fn url(&self) -> String {
        format!("https://{}:{}", self.host, self.port)
    }
}

/// Why a deployment cannot be called so.
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

/// The names that the surfaces work with.
pub(crate) struct Names {
    pub(crate) authority: Authority,
    pub(crate) audiences: Audiences,
    pub(crate) accepted: AcceptedAudiences,
    pub(crate) management: bonafide_management::Config,
}

impl Names {
    pub(crate) fn new(origin: Origin<'_>) -> Result<Self, NamesError> {
        let url = origin.url();
        let app: ClientId = MANAGEMENT_APP.parse()?;
        let own = Registration { app_id: Some(app), version: TokenVersion::V1, identifiers: vec![format!("{url}/")] };
        let bases = PUBLIC_MANAGEMENT.into_iter().chain([url.as_str()]);
        let spellings = bases.flat_map(|base| [base.to_owned(), format!("{base}/")]);
        let management = bonafide_management::Config {
            cloud_name: "bonafide".to_owned(),
            management: url.clone(),
            login: url.clone(),
            graph: url.clone(),
            portal: format!("{url}/portal"),
            vault_suffix: format!(".vault.{}:{}", origin.host, origin.port),
            audiences: vec![format!("{url}/"), "https://management.azure.com/".to_owned()],
        };
        Ok(Self {
            authority: Authority::new(&url)?,
            audiences: Audiences::new(&[own])?,
            accepted: AcceptedAudiences::new(app, spellings),
            management,
        })
    }
}
