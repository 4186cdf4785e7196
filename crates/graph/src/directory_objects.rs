//! `/directoryObjects`: objects of any type by their ids. Service principals are the only ones here.

use crate::asked::Asked;
use crate::fault::Fault;
use crate::limits::IDS_MAX;
use crate::properties::Select;
use crate::service_principal::{ODATA_TYPE, Printer};
use bonafide_core::directory::ServicePrincipal;
use bonafide_store::StoreError;
use bonafide_types::ObjectId;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::HashSet;

/// The names in `types` that service principals belong to.
const TYPES: [&str; 2] = ["servicePrincipal", "directoryObject"];

/// The body of `getByIds`.
#[derive(Deserialize)]
struct Ids {
    ids: Vec<String>,
    /// The types that the answer may have; every type when there is none.
    #[serde(default)]
    types: Option<Vec<String>>,
}

/// `GET /directoryObjects/{id}`.
pub(crate) fn by_id(asked: &Asked<'_>) -> Result<Value, Fault> {
    let text = asked.captures.get("id");
    let printer = Printer::new(asked, Select::read(asked.options.select())?)?;
    let id = read_id(text)?;
    let row = asked.principal(id)?.ok_or_else(|| Fault::NotFound(text.to_owned()))?;
    let context = asked.context("directoryObjects/$entity");
    let mut body = Map::from_iter([("@odata.context".to_owned(), context.into())]);
    body.extend(typed(&printer, id, &row)?);
    Ok(Value::Object(body))
}

/// `POST /directoryObjects/getByIds`: the objects that exist, each once, in the order in which they were
/// asked for.
pub(crate) fn by_ids(asked: &Asked<'_>) -> Result<Value, Fault> {
    let Ids { ids, types } =
        serde_json::from_slice(&asked.request.body).map_err(|error| Fault::Body(error.to_string()))?;
    if ids.len() > IDS_MAX {
        return Err(Fault::TooManyIds);
    }
    let ids = ids.iter().map(|text| read_id(text)).collect::<Result<Vec<ObjectId>, Fault>>()?;
    let printer = Printer::new(asked, Select::read(asked.options.select())?)?;
    let are_wanted = types.is_none_or(|types| types.is_empty() || types.iter().any(|name| is_ours(name)));
    let mut seen = HashSet::new();
    let mut items = Vec::new();
    for id in ids.into_iter().filter(|id| are_wanted && seen.insert(*id)) {
        if let Some(row) = asked.principal(id)? {
            items.push(typed(&printer, id, &row)?);
        }
    }
    Ok(json!({ "@odata.context": asked.context("directoryObjects"), "value": items }))
}

fn read_id(text: &str) -> Result<ObjectId, Fault> {
    text.parse().map_err(|_| Fault::ObjectId(text.to_owned()))
}

fn is_ours(name: &str) -> bool {
    TYPES.iter().any(|ours| ours.eq_ignore_ascii_case(name))
}

fn typed(printer: &Printer<'_>, id: ObjectId, row: &ServicePrincipal) -> Result<Map<String, Value>, StoreError> {
    let mut body = Map::from_iter([("@odata.type".to_owned(), ODATA_TYPE.into())]);
    body.extend(printer.print(id, row)?);
    Ok(body)
}
