//! The dialect of `http://169.254.169.254` (docs/wire/imds.md).

use super::Rules;
use crate::query::SelectorKind;
use crate::token::Token;
use bonafide_types::{ClientId, ObjectId, ResourceId, TenantId, Timestamp};
use bonafide_wire::Reply;
use bonafide_wire::hosts::{Identity, IdentityKind, Workload};
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, SERVER};
use serde::Serialize;
use std::sync::LazyLock;

/// MSAL.NET refuses answers whose `Server` does not name IMDS; the number is one that Azure sends.
const SERVER_NAME: HeaderValue = HeaderValue::from_static("IMDS/150.870.65.512");

/// Every api-version of Azure's metadata service, oldest first ("Azure Instance Metadata Service",
/// learn.microsoft.com, section "Supported API versions").
#[rustfmt::skip]
pub(crate) const VERSIONS: [&str; 35] = [
    "2017-03-01", "2017-04-02", "2017-08-01", "2017-10-01", "2017-12-01", "2018-02-01", "2018-04-02",
    "2018-10-01", "2019-02-01", "2019-03-11", "2019-04-30", "2019-06-01", "2019-06-04", "2019-08-01",
    "2019-08-15", "2019-11-01", "2020-06-01", "2020-07-15", "2020-09-01", "2020-10-01", "2020-12-01",
    "2021-01-01", "2021-02-01", "2021-03-01", "2021-05-01", "2021-08-01", "2021-10-01", "2021-11-01",
    "2021-11-15", "2021-12-13", "2023-07-01", "2023-11-15", "2024-03-15", "2024-07-17", "2025-04-07",
];

pub(crate) static RULES: Rules = Rules {
    oldest: "2018-02-01",
    selectors: &[
        ("client_id", SelectorKind::Client),
        ("object_id", SelectorKind::Principal),
        ("msi_res_id", SelectorKind::Resource),
        ("mi_res_id", SelectorKind::Resource),
        ("resource_id", SelectorKind::Resource),
    ],
    fault: crate::fault::imds,
    reply: token,
};

/// The three newest api-versions, newest first.
pub(crate) fn newest_versions() -> impl Iterator<Item = &'static str> {
    VERSIONS.iter().rev().take(3).copied()
}

/// The same reply as IMDS sends it.
pub(crate) fn signed(mut reply: Reply) -> Reply {
    reply.headers.insert(SERVER, SERVER_NAME);
    reply
}

/// The header fields of every token reply: copied, which takes less than to put them together.
static TOKEN_HEADERS: LazyLock<HeaderMap> = LazyLock::new(|| {
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert(SERVER, SERVER_NAME);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers
});

fn token(token: &Token, now: Timestamp) -> Reply {
    Reply { status: StatusCode::OK, headers: TOKEN_HEADERS.clone(), body: token.imds_body(now), why: None }
}

/// `GET /metadata/versions`.
pub(crate) fn versions() -> Reply {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Versions {
        api_versions: &'static [&'static str],
    }
    signed(Reply::json(StatusCode::OK, &Versions { api_versions: &VERSIONS }))
}

/// `GET /metadata/identity/info`: Azure's `tenantId`, and our list of the workload's identities.
pub(crate) fn identity_info(workload: &Workload) -> Reply {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Info<'a> {
        tenant_id: TenantId,
        identities: Vec<Listed<'a>>,
    }
    let identities = workload.identities.iter().map(Listed::from).collect();
    signed(Reply::json(StatusCode::OK, &Info { tenant_id: workload.tenant_id, identities }))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    principal_id: ObjectId,
    client_id: ClientId,
    resource_id: &'a ResourceId,
}

impl<'a> From<&'a Identity> for Listed<'a> {
    fn from(identity: &'a Identity) -> Self {
        let kind = match identity.kind {
            IdentityKind::SystemAssigned => "SystemAssigned",
            IdentityKind::UserAssigned => "UserAssigned",
        };
        Self {
            kind,
            principal_id: identity.principal_id,
            client_id: identity.client_id,
            resource_id: &identity.resource_id,
        }
    }
}
