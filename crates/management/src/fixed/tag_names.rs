//! `/subscriptions/{s}/tagNames`: the names of tags that people agreed on before they used them, and how often each name
//! and value is used. To tag something needs none of them.

use super::{Answer, Fixed, Named, in_subscription};
use crate::command::Call;
use crate::fault::Fault;
use crate::limits::TAG_VALUE_CHARS_MAX;
use crate::order::access::Access;
use crate::order::{conditions, tags};
use crate::outcome::{Outcome, Shown};
use crate::right::Right;
use bonafide_core::access::Allowed;
use bonafide_core::directory::{RESOURCES, RESOURCES_OF_SUBSCRIPTION};
use bonafide_store::{Absence, Read, ReadTx, StoreError, Table, Tx};
use bonafide_types::{Excerpt, SubscriptionId};
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A name that was agreed on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct TagName {
    /// As it was written.
    name: String,
    /// Its values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    values: Vec<String>,
}

/// Names that were agreed on, by the name in lower case.
const TAG_NAMES: Table<(SubscriptionId, String), TagName> = Table::new("tag-name", Absence::Withholds);

/// Names in one subscription, and values of one name. Source: ours; Azure counts 80,000 that are in use.
const AGREED_MAX: usize = 1_000;
/// Rows read at once. Source: ours.
const ROWS_AT_ONCE: usize = 256;

const NAME: &str = "/subscriptions/{subscription}/tagNames/{tagName}";
const VALUE: &str = "/subscriptions/{subscription}/tagNames/{tagName}/tagValues/{tagValue}";

pub(super) static ENDPOINTS: &[Fixed] = &[
    Fixed::get("/subscriptions/{subscription}/tagNames", |named| right(named, "/read"), list),
    Fixed::of_store(Method::PUT, NAME, |named| right(named, "/write"), Answer::Change(etag, put)),
    Fixed::of_store(Method::DELETE, NAME, |named| right(named, "/delete"), Answer::Change(etag, delete)),
    Fixed::of_store(
        Method::PUT,
        VALUE,
        |named| right(named, "/tagValues/write"),
        Answer::Change(etag_of_value, put_value),
    ),
    Fixed::of_store(
        Method::DELETE,
        VALUE,
        |named| right(named, "/tagValues/delete"),
        Answer::Change(etag_of_value, delete_value),
    ),
];

fn right(named: &Named, verb: &str) -> Right {
    in_subscription(named, format!("Microsoft.Resources/subscriptions/tagNames{verb}"))
}

/// The key of the name in the path, and its row.
fn named(tx: &impl Read, call: &Call<'_>) -> Result<((SubscriptionId, String), Option<TagName>), Fault> {
    let named = call.named()?;
    let key = (named.subscription()?, named.text("tagName").to_ascii_lowercase());
    let row = tx.get(&TAG_NAMES, &key)?;
    Ok((key, row))
}

fn etag(tx: &Tx<'_>, call: &Call<'_>, _access: &Access) -> Result<Option<String>, Fault> {
    let ((id, _), row) = named(tx, call)?;
    Ok(row.map(|row| conditions::etag_of_content(&shown(id, &row))))
}

fn etag_of_value(tx: &Tx<'_>, call: &Call<'_>, _access: &Access) -> Result<Option<String>, Fault> {
    let ((id, _), row) = named(tx, call)?;
    let value = call.named()?.text("tagValue");
    let row = row.filter(|row| row.values.iter().any(|known| known == value));
    Ok(row.map(|row| conditions::etag_of_content(&value_of(id, &row.name, value))))
}

/// A body with an etag that is made from it. Source: ours; Azure has none.
fn tagged(body: Value) -> Shown {
    let etag = Some(conditions::etag_of_content(&body));
    Shown { body, etag }
}

fn put(tx: &mut Tx<'_>, call: &Call<'_>, _access: &Access, _allowed: &Allowed) -> Result<Outcome, Fault> {
    let (key, row) = named(tx, call)?;
    if let Some(row) = row {
        return Ok(Outcome::Shown(tagged(shown(key.0, &row))));
    }
    let name = call.named()?.text("tagName").to_owned();
    tags::check_name(&name)?;
    if tx.page(&TAG_NAMES, &key.0, None, AGREED_MAX)?.len() == AGREED_MAX {
        return Err(Fault::TooManyTagNames { of: "subscription", max: AGREED_MAX });
    }
    let row = TagName { name, values: Vec::new() };
    tx.put(&TAG_NAMES, &key, &row)?;
    Ok(Outcome::Created(tagged(shown(key.0, &row))))
}

/// Takes a name away that has no values; one that is not there is gone already.
fn delete(tx: &mut Tx<'_>, call: &Call<'_>, _access: &Access, _allowed: &Allowed) -> Result<Outcome, Fault> {
    let (key, row) = named(tx, call)?;
    let Some(row) = row else { return Ok(Outcome::Nothing) };
    if !row.values.is_empty() {
        return Err(Fault::TagNameHasValues(Excerpt::of(&row.name).into()));
    }
    tx.delete(&TAG_NAMES, &key)?;
    Ok(Outcome::Done)
}

fn put_value(tx: &mut Tx<'_>, call: &Call<'_>, _access: &Access, _allowed: &Allowed) -> Result<Outcome, Fault> {
    let (key, row) = named(tx, call)?;
    let Some(mut row) = row else {
        return Err(Fault::TagNameNotFound(Excerpt::of(call.named()?.text("tagName")).into()));
    };
    let value = call.named()?.text("tagValue");
    if value.chars().count() > TAG_VALUE_CHARS_MAX {
        return Err(Fault::TagValueTooLong(Excerpt::of(value).into()));
    }
    let body = || value_of(key.0, &row.name, value);
    if row.values.iter().any(|known| known == value) {
        return Ok(Outcome::Shown(tagged(body())));
    }
    if row.values.len() == AGREED_MAX {
        return Err(Fault::TooManyTagNames { of: "name", max: AGREED_MAX });
    }
    let body = body();
    row.values.push(value.to_owned());
    tx.put(&TAG_NAMES, &key, &row)?;
    Ok(Outcome::Created(tagged(body)))
}

fn delete_value(tx: &mut Tx<'_>, call: &Call<'_>, _access: &Access, _allowed: &Allowed) -> Result<Outcome, Fault> {
    let (key, row) = named(tx, call)?;
    let value = call.named()?.text("tagValue");
    let Some(mut row) = row.filter(|row| row.values.iter().any(|known| known == value)) else {
        return Ok(Outcome::Nothing);
    };
    row.values.retain(|known| known != value);
    tx.put(&TAG_NAMES, &key, &row)?;
    Ok(Outcome::Done)
}

/// The uses of a name: in all, and by value.
#[derive(Default)]
struct Uses {
    name: String,
    all: usize,
    by_value: BTreeMap<String, usize>,
}

/// The names that were agreed on and those that are in use, with how often.
fn list(tx: &ReadTx<'_>, call: &Call<'_>, _access: &Access) -> Result<Outcome, Fault> {
    let id = call.named()?.subscription()?;
    let mut uses = uses(tx, id)?;
    for ((_, key), row) in tx.page(&TAG_NAMES, &id, None, AGREED_MAX)? {
        let of = uses.entry(key).or_default();
        of.name = row.name;
        row.values.into_iter().for_each(|value| {
            of.by_value.entry(value).or_default();
        });
    }
    let value: Vec<Value> = uses.values().map(|of| show(id, of)).collect();
    Ok(Outcome::shown(json!({ "value": value })))
}

fn uses(tx: &impl Read, id: SubscriptionId) -> Result<BTreeMap<String, Uses>, StoreError> {
    let mut uses: BTreeMap<String, Uses> = BTreeMap::new();
    let mut after = None;
    loop {
        let keys = tx.many(&RESOURCES_OF_SUBSCRIPTION, &id, after.as_ref(), ROWS_AT_ONCE)?;
        for (_, uuid) in &keys {
            let Some(resource) = tx.get(&RESOURCES, uuid)? else { continue };
            for (name, value) in &resource.tags {
                let of = uses.entry(name.to_ascii_lowercase()).or_default();
                of.name.clone_from(name);
                of.all += 1;
                *of.by_value.entry(value.as_str().unwrap_or_default().to_owned()).or_default() += 1;
            }
        }
        if keys.len() < ROWS_AT_ONCE {
            return Ok(uses);
        }
        after = keys.into_iter().next_back();
    }
}

fn show(id: SubscriptionId, of: &Uses) -> Value {
    let values: Vec<Value> =
        of.by_value.iter().map(|(value, uses)| with_count(value_of(id, &of.name, value), *uses)).collect();
    let mut shown = with_count(shown(id, &TagName { name: of.name.clone(), values: Vec::new() }), of.all);
    shown["values"] = values.into();
    shown
}

fn with_count(mut shown: Value, uses: usize) -> Value {
    shown["count"] = json!({ "type": "Total", "value": uses });
    shown
}

/// A name without its uses, which a change does not count.
fn shown(id: SubscriptionId, row: &TagName) -> Value {
    let values: Vec<Value> = row.values.iter().map(|value| value_of(id, &row.name, value)).collect();
    json!({ "id": format!("/subscriptions/{id}/tagNames/{}", row.name), "tagName": row.name, "values": values })
}

fn value_of(id: SubscriptionId, name: &str, value: &str) -> Value {
    json!({ "id": format!("/subscriptions/{id}/tagNames/{name}/tagValues/{value}"), "tagValue": value })
}
