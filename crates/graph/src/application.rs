//! An application as Microsoft Graph shows it.

use crate::credentials::Credentials;
use crate::kind::Kind;
use crate::merge::merge;
use crate::properties::Select;
use bonafide_core::directory::{Application, TokenVersion};
use bonafide_store::{Read, StoreError};
use bonafide_types::ObjectId;
use serde_json::{Map, Value, json};

/// One application with the properties that were selected.
pub(crate) fn print(
    tx: &impl Read,
    select: &Select,
    id: ObjectId,
    row: &Application,
) -> Result<Map<String, Value>, StoreError> {
    let mut all = Value::Object(Kind::Application.empty());
    let version = row.token_version.map(|version| match version {
        TokenVersion::V1 => 1,
        TokenVersion::V2 => 2,
    });
    merge(&mut all, Value::Object(row.properties.clone()));
    merge(
        &mut all,
        json!({
            "id": id,
            "appId": row.client_id,
            "api": { "requestedAccessTokenVersion": version },
            "createdDateTime": row.created_at.second(),
            "displayName": row.display_name,
            "identifierUris": row.identifier_uris,
            "signInAudience": "AzureADMyOrg",
        }),
    );
    if select.has("keyCredentials") || select.has("passwordCredentials") {
        let Credentials { keys, passwords } = Credentials::of(tx, id)?;
        merge(&mut all, json!({ "keyCredentials": keys, "passwordCredentials": passwords }));
    }
    let mut all = match all {
        Value::Object(all) => all,
        _ => Map::new(),
    };
    all.retain(|name, _| select.has(name));
    Ok(all)
}
