//! `{resource}/providers/Microsoft.ManagedIdentity/identities/default`: a resource's system-assigned identity
//! as a resource.

use crate::fault::Fault;
use crate::pipeline::access::Access;
use bonafide_types::ResourceId;
use bonafide_wire::Reply;
use http::StatusCode;
use serde_json::{Value, json};

/// Reads it.
pub(crate) fn get(access: &Access, id: &ResourceId) -> Result<Reply, Fault> {
    let (_, resource) = access.place.found.as_ref().ok_or_else(|| Fault::ResourceNotFound(id.clone()))?;
    let missing = || Fault::ResourceNotFound(id.clone());
    let system = resource.identity.system.ok_or_else(missing)?;
    let body = json!({
        "id": format!("{}/providers/Microsoft.ManagedIdentity/identities/default", resource.id),
        "name": "default",
        "type": "Microsoft.ManagedIdentity/identities",
        "location": resource.body.get("location").cloned().unwrap_or(Value::Null),
        "tags": resource.tags,
        "properties": {
            "tenantId": resource.tenant.to_string(),
            "principalId": system.principal_id.to_string(),
            "clientId": system.client_id.to_string(),
        },
    });
    Ok(Reply::json(StatusCode::OK, &body))
}
