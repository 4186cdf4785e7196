//! `{resource}/providers/Microsoft.ManagedIdentity/identities/default`: a resource's system-assigned identity
//! as a resource.

use crate::command::Call;
use crate::fault::Fault;
use crate::order::access::Access;
use crate::outcome::Outcome;
use crate::resource_type::{Own, ResourceType, Rows};
use bonafide_store::ReadTx;
use bonafide_types::Scope;
use serde_json::json;

const NAME: &str = "Microsoft.ManagedIdentity/identities";

pub(crate) static IDENTITIES: ResourceType = ResourceType {
    name: NAME,
    rows: Rows::Own(&Own { only: Some("default"), get: Some(get), ..Own::NOTHING }),
    ..ResourceType::PLAIN
};

fn get(_tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let (Scope::Id(id), _) = call.own()? else { return Err(Fault::NoSuchRoute) };
    let missing = || Fault::ResourceNotFound(id.clone());
    let (_, resource) = access.place.found.as_ref().ok_or_else(missing)?;
    let system = resource.identity.system.ok_or_else(missing)?;
    Ok(Outcome::shown(json!({
        "id": format!("{}/providers/{NAME}/default", resource.id),
        "name": "default",
        "type": NAME,
        "location": resource.body.location(),
        "tags": resource.tags,
        "properties": {
            "tenantId": resource.tenant.to_string(),
            "principalId": system.principal_id.to_string(),
            "clientId": system.client_id.to_string(),
        },
    })))
}
