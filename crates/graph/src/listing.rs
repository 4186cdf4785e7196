//! A page of a list, on the wire.

use crate::asked::Asked;
use crate::fault::Fault;
use crate::filter;
use crate::find::{self, Listed, Range};
use bonafide_types::ObjectId;
use serde_json::{Map, Value};

/// Header field and value by which a client accepts answers that may lag: Microsoft Graph counts for it only.
/// Source: Microsoft Learn, "Advanced query capabilities on Microsoft Entra ID objects".
const CONSISTENCY: (&str, &str) = ("consistencylevel", "eventual");

/// One page of those that pass `$filter`.
pub(crate) fn page<L: Listed>(
    asked: &Asked<'_>,
    selected: &str,
    print: impl Fn(ObjectId, &L::Row) -> Result<Map<String, Value>, Fault>,
) -> Result<Value, Fault> {
    let conditions = filter::read(asked.options.filter(), L::KIND)?;
    let counts = asked.options.count() && asked.request.header(CONSISTENCY.0) == Some(CONSISTENCY.1);
    let range = Range { after: asked.options.after()?, top: asked.options.top()?, counts };
    let page = find::page::<L>(asked, &conditions, &range)?;
    let items = page.items.iter().map(|(id, row)| print(*id, row).map(Value::Object)).collect::<Result<Vec<_>, _>>()?;
    let mut body = Map::new();
    body.insert("@odata.context".to_owned(), asked.context(&format!("{}{selected}", L::KIND.collection())).into());
    if let Some(total) = page.total {
        body.insert("@odata.count".to_owned(), total.into());
    }
    if let Some(next) = page.next {
        let query = asked.options.next(next);
        let link = format!("{}/{}/{}?{query}", asked.cx.endpoint, asked.version, L::KIND.collection());
        body.insert("@odata.nextLink".to_owned(), link.into());
    }
    body.insert("value".to_owned(), Value::Array(items));
    Ok(Value::Object(body))
}
