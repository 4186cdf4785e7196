//! `/metadata/endpoints`: what clients ask to learn about a cloud, without a token.

use crate::config::Config;
use crate::fault::Fault;
use crate::pipeline::api_version;
use bonafide_types::ApiVersion;
use bonafide_wire::{Parameters, Reply};
use http::StatusCode;
use serde_json::{Value, json};

/// The oldest document under its other name: Azure Stack's, which Azure PowerShell and go-autorest ask for.
const STACK: &str = "1.0";
/// From this version on the answer is an array of clouds; before, the document of 2015. Source: 2015-01-01 and
/// 2019-05-01 are those that clients ask for; where between them it changed is ours.
const ARRAY_FROM: &str = "2018-01-01";
/// From this version on the answer is one cloud. az reads both, each where it expects it
/// (docs/wire/management.md).
const OBJECT_FROM: &str = "2022-09-01";

/// Describes this cloud in the shape of the version that is asked for.
pub(crate) fn endpoints(config: &Config, query: &Parameters) -> Result<Reply, Fault> {
    if query.get("api-version") == Some(STACK) {
        return Ok(Reply::json(StatusCode::OK, &oldest(config)));
    }
    let version: ApiVersion = api_version::read(query, None)?;
    let body = if version.at_least(OBJECT_FROM) {
        cloud(config)
    } else if version.at_least(ARRAY_FROM) {
        json!([cloud(config)])
    } else {
        oldest(config)
    };
    Ok(Reply::json(StatusCode::OK, &body))
}

/// A cloud. What is not served is left out: portal, gallery, suffixes of services, and `graph` and `graphAudience`,
/// which are those of Azure AD Graph (docs/wire/management.md). Clients need `suffixes` to be there (az, Azure
/// PowerShell).
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
        "suffixes": {},
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
