//! `/organization`: the tenant itself.

use crate::asked::Asked;
use crate::fault::Fault;
use crate::kind::Kind;
use bonafide_core::directory::TENANTS;
use bonafide_store::Read;
use bonafide_types::TenantId;
use serde_json::{Map, Value, json};

/// `GET /organization`: one.
pub(crate) fn list(asked: &Asked<'_>) -> Result<Value, Fault> {
    let select = asked.select(Kind::Organization)?;
    Ok(asked.list(&format!("organization{}", select.context()), print(asked)?.into_iter().collect()))
}

/// `GET /organization/{id}`.
pub(crate) fn get(asked: &Asked<'_>) -> Result<Value, Fault> {
    let text = asked.captures.get("id");
    let not_found = || Fault::NotFound(text.to_owned());
    let id: TenantId = text.parse().map_err(|_| Fault::ObjectId(text.to_owned()))?;
    let printed = print(asked)?.filter(|_| id == asked.tenant).ok_or_else(not_found)?;
    let select = asked.select(Kind::Organization)?;
    Ok(asked.entity(&format!("organization{}/$entity", select.context()), printed))
}

fn print(asked: &Asked<'_>) -> Result<Option<Map<String, Value>>, Fault> {
    let select = asked.select(Kind::Organization)?;
    let Some(row) = asked.tx.get(&TENANTS, &asked.tenant)? else { return Ok(None) };
    let mut all = Kind::Organization.empty();
    all.insert("id".to_owned(), json!(asked.tenant));
    all.insert("displayName".to_owned(), json!(row.display_name));
    all.insert("createdDateTime".to_owned(), json!(row.created_at.second()));
    all.retain(|name, _| select.has(name));
    Ok(Some(all))
}
