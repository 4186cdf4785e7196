//! The resource manager's own configuration.

use bonafide_core::names::PUBLIC_MANAGEMENT;

/// Endpoints and names, from configuration and never from a request.
#[derive(Debug, Clone)]
pub struct Config {
    /// The cloud's name in `/metadata/endpoints`. Not `AzureCloud`: az then puts its own login endpoint
    /// in place of ours (docs/wire/management.md).
    pub cloud_name: String,
    /// `https://host[:port]` of the resource manager, without a slash at the end.
    pub management: String,
    /// `https://host[:port]` of the token service, without a slash at the end.
    pub login: String,
    /// `https://host[:port]` of the directory's API, without a slash at the end.
    pub graph: String,
    /// URL of the portal.
    pub portal: String,
    /// The text after a vault's name in its host, `.vault.localhost:8443`.
    pub vault_suffix: String,
    /// The text after a registry's name in its host, `.azurecr.localhost:8443`.
    pub registry_suffix: String,
    /// The audiences published to clients; the first is the one that az asks tokens for.
    pub audiences: Vec<String>,
    /// The file that holds the causes of failures, which an answer of 500 names; `None` where there is none.
    pub log_file: Option<String>,
}

impl Config {
    /// An installation whose surfaces share one origin, `https://host[:port]`; its vaults and registries lie below that host.
    pub fn at(origin: &str) -> Self {
        let host = origin.strip_prefix("https://").unwrap_or(origin);
        Self {
            cloud_name: "bonafide".to_owned(),
            management: origin.to_owned(),
            login: origin.to_owned(),
            graph: origin.to_owned(),
            portal: format!("{origin}/portal"),
            vault_suffix: format!(".vault.{host}"),
            registry_suffix: format!(".azurecr.{host}"),
            audiences: vec![format!("{origin}/"), PUBLIC_MANAGEMENT.to_owned()],
            log_file: None,
        }
    }
}
