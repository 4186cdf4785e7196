//! The identity block in a reply.

use bonafide_core::directory::ResourceIdentity;
use bonafide_types::TenantId;
use serde_json::{Map, Value, json};

/// Prints the identities of a resource; `None` when it has none, for then Azure leaves the member out.
///
/// Both types together are spelled with a blank after the comma: az compares the text and, without the
/// blank, wipes every identity of the resource (docs/wire/management-identity.md). `as_list` prints the ids in
/// `identityIds`, as Compute did before 2018-06-01.
pub(crate) fn show(identity: &ResourceIdentity, tenant: TenantId, as_list: bool) -> Option<Value> {
    let kind = match (&identity.system, identity.users.is_empty()) {
        (None, true) => return None,
        (Some(_), true) => "SystemAssigned",
        (None, false) => "UserAssigned",
        (Some(_), false) => "SystemAssigned, UserAssigned",
    };
    let mut block = Map::new();
    block.insert("type".to_owned(), kind.into());
    if let Some(system) = &identity.system {
        block.insert("principalId".to_owned(), system.principal_id.to_string().into());
        block.insert("tenantId".to_owned(), tenant.to_string().into());
    }
    if identity.users.is_empty() {
        return Some(Value::Object(block));
    }
    if as_list {
        let ids: Vec<&str> = identity.users.iter().map(|user| user.id.as_str()).collect();
        block.insert("identityIds".to_owned(), json!(ids));
        return Some(Value::Object(block));
    }
    let users = identity.users.iter().map(|user| {
        let ids = json!({
            "principalId": user.principal.principal_id.to_string(),
            "clientId": user.principal.client_id.to_string(),
        });
        (user.id.to_string(), ids)
    });
    block.insert("userAssignedIdentities".to_owned(), Value::Object(users.collect()));
    Some(Value::Object(block))
}
