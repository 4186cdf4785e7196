//! `/directoryObjects`: objects of any type by their ids.

use crate::application;
use crate::asked::{Asked, read_id};
use crate::fault::Fault;
use crate::kind::Kind;
use crate::limits::IDS_MAX;
use crate::properties::Select;
use crate::service_principal::Printer;
use bonafide_store::Read;
use bonafide_types::ObjectId;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::HashSet;

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
    let id = read_id(text)?;
    let object = Objects::new(asked)?.print(id)?.ok_or_else(|| Fault::NotFound(text.to_owned()))?;
    Ok(asked.entity("directoryObjects/$entity", object.1))
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
    let objects = Objects::new(asked)?;
    let types = types.filter(|types| !types.is_empty());
    let is_wanted = |of: Kind| {
        let is = |name: &String| name.eq_ignore_ascii_case(of.name()) || name.eq_ignore_ascii_case("directoryObject");
        types.as_ref().is_none_or(|types| types.iter().any(is))
    };
    let mut seen = HashSet::new();
    let mut items = Vec::new();
    for id in ids.into_iter().filter(|id| seen.insert(*id)) {
        items.extend(objects.print(id)?.filter(|(of, _)| is_wanted(*of)).map(|(_, object)| object));
    }
    Ok(asked.list("directoryObjects", items))
}

/// An object with its type.
type Printed = (Kind, Map<String, Value>);

/// Prints objects of any type, each with its type.
pub(crate) struct Objects<'a, R> {
    asked: &'a Asked<'a, R>,
    principals: Printer<'a, R>,
    applications: Select,
}

impl<'a, R: Read> Objects<'a, R> {
    /// Prints what `$select` names of a service principal, and every property of an application where it has not all of
    /// these.
    pub(crate) fn new(asked: &'a Asked<'a, R>) -> Result<Self, Fault> {
        Ok(Self {
            asked,
            principals: Printer::new(asked, asked.select(Kind::ServicePrincipal)?)?,
            applications: asked.select(Kind::Application).unwrap_or(Select::All),
        })
    }

    /// The object of the tenant with an id.
    pub(crate) fn print(&self, id: ObjectId) -> Result<Option<Printed>, Fault> {
        let (of, printed) = match self.asked.principal(id)? {
            Some(row) => (Kind::ServicePrincipal, self.principals.print(id, &row)?),
            None => match self.asked.application(id)? {
                Some(row) => (Kind::Application, application::print(self.asked.tx, &self.applications, id, &row)?),
                None => return Ok(None),
            },
        };
        let mut object = Map::from_iter([("@odata.type".to_owned(), of.odata_type().into())]);
        object.extend(printed);
        Ok(Some((of, object)))
    }
}
