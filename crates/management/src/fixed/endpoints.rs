//! `/metadata/endpoints`: what clients ask to learn about a cloud, without a token.

use super::images::ALIASES;
use super::{Answer, Fixed};
use crate::config::Config;
use crate::right::Right;
use bonafide_types::ApiVersion;
use bonafide_types::limits::MANAGEMENT_BODY_BYTES_MAX;
use bonafide_wire::Route;
use http::Method;
use serde_json::{Value, json};

pub(super) static ENDPOINTS: &[Fixed] = &[Fixed {
    route: Route::of_view(Method::GET, "/metadata/endpoints", MANAGEMENT_BODY_BYTES_MAX),
    right: |_| Right::SignedIn,
    answer: Answer::Public(endpoints),
}];

/// From this version on the answer is an array of clouds; before, the document of 2015. Source: 2015-01-01 and
/// 2019-05-01 are those that clients ask for; where between them it changed is ours.
const ARRAY_FROM: &str = "2018-01-01";
/// From this version on the answer is one cloud. az reads both, each where it expects it
/// (docs/wire/management.md).
const OBJECT_FROM: &str = "2022-09-01";

/// Describes this cloud in the shape of the version that is asked for; `None` is that of Azure
/// Stack, which is the oldest document.
fn endpoints(config: &Config, version: Option<&ApiVersion>) -> Value {
    match version {
        Some(version) if version.at_least(OBJECT_FROM) => cloud(config),
        Some(version) if version.at_least(ARRAY_FROM) => json!([cloud(config)]),
        _ => oldest(config),
    }
}

/// A cloud. What is not served is left out: portal, gallery, most suffixes of services, and `graph` and
/// `graphAudience`, which are those of Azure AD Graph (docs/wire/management.md). Clients need `suffixes` to be there
/// (az, Azure PowerShell). Those that are there have no dot before them, as Azure's have none; without them az runs no command of
/// `az keyvault` and not `az acr identity`, though they ask the resource manager only (observed with 2.91).
fn cloud(config: &Config) -> Value {
    json!({
        "name": config.cloud_name,
        "resourceManager": format!("{}/", config.management),
        "authentication": {
            "loginEndpoint": config.login,
            "audiences": config.audiences,
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "microsoftGraphResourceId": format!("{}/", config.graph),
        "vmImageAliasDoc": format!("{}{ALIASES}?api-version={OBJECT_FROM}", config.management),
        "suffixes": {
            "keyVaultDns": config.vault_suffix.trim_start_matches('.'),
            "acrLoginServer": config.registry_suffix.trim_start_matches('.'),
        },
    })
}

/// The document of 2015. Azure PowerShell refuses it when one of the first three is absent or empty, so that
/// each is an address of ours, whatever is served there. A script of its time appends the tenant to
/// `loginEndpoint`, which ends in a slash.
fn oldest(config: &Config) -> Value {
    let management = format!("{}/", config.management);
    json!({
        "galleryEndpoint": management,
        "graphEndpoint": format!("{}/", config.graph),
        "portalEndpoint": management,
        "authentication": { "loginEndpoint": format!("{}/", config.login), "audiences": config.audiences },
    })
}
