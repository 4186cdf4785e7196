//! `/metadata/endpoints`: what az and Terraform ask to learn about a cloud, without a token.

use crate::config::Config;
use bonafide_types::ApiVersion;
use bonafide_wire::Reply;
use http::StatusCode;
use serde_json::json;

/// From this version on the answer is one object; before, an array of them. az reads both, each where it
/// expects it (docs/wire/management.md).
const OBJECT_FROM: &str = "2022-09-01";

/// Describes this cloud. What we do not have (batch, media, …) is left out.
pub(crate) fn endpoints(config: &Config, version: &ApiVersion) -> Reply {
    let management = format!("{}/", config.management);
    let graph = format!("{}/", config.graph);
    let cloud = json!({
        "portal": config.portal,
        "authentication": {
            "loginEndpoint": format!("{}/", config.login),
            "audiences": config.audiences,
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "graph": graph,
        "graphAudience": graph,
        "microsoftGraphResourceId": graph,
        "name": config.cloud_name,
        "resourceManager": management,
        "gallery": management,
        "suffixes": { "keyVaultDns": config.vault_suffix.trim_start_matches('.') },
    });
    if version.at_least(OBJECT_FROM) {
        Reply::json(StatusCode::OK, &cloud)
    } else {
        Reply::json(StatusCode::OK, &[cloud])
    }
}
