//! `/servicePrincipals`.

use crate::asked::Asked;
use crate::fault::Fault;
use crate::filter;
use crate::find::{self, Found, Range};
use crate::properties::Select;
use crate::service_principal::Printer;
use serde_json::{Map, Value, json};

/// Header field and value by which a client accepts answers that may lag: Microsoft Graph counts for it only.
/// Source: Microsoft Learn, "Advanced query capabilities on Microsoft Entra ID objects".
const CONSISTENCY: (&str, &str) = ("consistencylevel", "eventual");

/// `GET /servicePrincipals`: one page of those that pass `$filter`.
pub(crate) fn list(asked: &Asked<'_>) -> Result<Value, Fault> {
    let conditions = filter::read(asked.options.filter())?;
    let printer = Printer::new(asked, Select::read(asked.options.select())?)?;
    let counts = asked.options.count() && asked.request.header(CONSISTENCY.0) == Some(CONSISTENCY.1);
    let range = Range { after: asked.options.after()?, top: asked.options.top()?, counts };
    let page = find::page(asked, &conditions, &range)?;
    let items = page.items.iter().map(|(id, row)| printer.print(*id, row)).collect::<Result<Vec<_>, _>>()?;
    let mut body = Map::new();
    body.insert("@odata.context".to_owned(), asked.context(&format!("servicePrincipals{}", printer.context())).into());
    if let Some(total) = page.total {
        body.insert("@odata.count".to_owned(), total.into());
    }
    if let Some(next) = page.next {
        let query = asked.options.next(next);
        let link = format!("{}/{}/servicePrincipals?{query}", asked.cx.endpoint, asked.version);
        body.insert("@odata.nextLink".to_owned(), link.into());
    }
    body.insert("value".to_owned(), json!(items));
    Ok(Value::Object(body))
}

/// `GET /servicePrincipals/{id}`.
pub(crate) fn by_id(asked: &Asked<'_>) -> Result<Value, Fault> {
    let text = asked.captures.get("id");
    let id = text.parse().map_err(|_| Fault::ObjectId(text.to_owned()))?;
    one(asked, text, asked.principal(id)?.map(|row| (id, row)))
}

/// `GET /servicePrincipals(appId='{appId}')`.
pub(crate) fn by_app_id(asked: &Asked<'_>) -> Result<Value, Fault> {
    let text = asked.captures.get("appId");
    let client = text.parse().map_err(|_| Fault::Value("appId"))?;
    one(asked, text, find::by_app_id(asked, client)?)
}

fn one(asked: &Asked<'_>, name: &str, found: Option<Found>) -> Result<Value, Fault> {
    let printer = Printer::new(asked, Select::read(asked.options.select())?)?;
    let (id, row) = found.ok_or_else(|| Fault::NotFound(name.to_owned()))?;
    let context = asked.context(&format!("servicePrincipals{}/$entity", printer.context()));
    let mut body = Map::from_iter([("@odata.context".to_owned(), context.into())]);
    body.extend(printer.print(id, &row)?);
    Ok(Value::Object(body))
}
