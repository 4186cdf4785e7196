//! Finding service principals: by an index where a condition names one, else one page of the tenant's.

use crate::asked::Asked;
use crate::filter::Condition;
use crate::service_principal::type_of;
use bonafide_core::directory::{PRINCIPAL_BY_CLIENT, RESOURCES_REGISTERED, ServicePrincipal};
use bonafide_store::{Read, StoreError};
use bonafide_types::{Audience, ClientId, ObjectId};

/// Rows read for one page: a page of a filter that few rows pass can be short, even empty, and have a next one.
/// Source: ours.
const ROWS_PER_PAGE_MAX: usize = 5_000;

/// A service principal and its object id.
pub(crate) type Found = (ObjectId, ServicePrincipal);

/// The part of a list that is asked for.
pub(crate) struct Range {
    /// The object after which it begins; none for the beginning.
    pub(crate) after: Option<ObjectId>,
    /// Most items.
    pub(crate) top: usize,
    /// True if the number of all items is asked for too.
    pub(crate) counts: bool,
}

/// One page of service principals.
pub(crate) struct Page {
    pub(crate) items: Vec<Found>,
    /// The object after which the next page begins, if there may be one.
    pub(crate) next: Option<ObjectId>,
    /// The number of items on all pages; `None` where it was not asked for, or takes more rows than a page may read.
    pub(crate) total: Option<usize>,
}

/// The service principal of an application id.
pub(crate) fn by_app_id(asked: &Asked<'_>, client: ClientId) -> Result<Option<Found>, StoreError> {
    let Some(id) = asked.tx.find(&PRINCIPAL_BY_CLIENT, &client)? else { return Ok(None) };
    Ok(asked.principal(id)?.map(|row| (id, row)))
}

/// The page of those that fulfil every condition.
pub(crate) fn page(asked: &Asked<'_>, conditions: &[Condition], range: &Range) -> Result<Page, StoreError> {
    for condition in conditions {
        if let Some(one) = by_index(asked, condition)? {
            let mut items = Vec::new();
            if let Some(found) = one
                && fulfils(asked, conditions, &found)?
            {
                items.push(found);
            }
            return Ok(Page { total: range.counts.then_some(items.len()), items, next: None });
        }
    }
    scan(asked, conditions, range)
}

/// The one that a condition can mean: `Some(None)` when there is none, `None` when there can be several.
fn by_index(asked: &Asked<'_>, condition: &Condition) -> Result<Option<Option<Found>>, StoreError> {
    match condition {
        Condition::Id(id) => Ok(Some(asked.principal(*id)?.map(|row| (*id, row)))),
        Condition::AppId(client) => by_app_id(asked, *client).map(Some),
        Condition::Named(name) => by_name(asked, name).map(Some),
        Condition::DisplayName(_) | Condition::DisplayNameBegins(_) | Condition::Type(_) => Ok(None),
    }
}

/// The service principal with one of these names: its application id, or an identifier that it registered.
fn by_name(asked: &Asked<'_>, name: &str) -> Result<Option<Found>, StoreError> {
    if let Ok(client) = name.parse() {
        return by_app_id(asked, client);
    }
    let Ok(identifier) = Audience::parse(name) else { return Ok(None) };
    match asked.tx.get(&RESOURCES_REGISTERED, &(asked.tenant, identifier.lookup_key()))? {
        Some(resource) => by_app_id(asked, resource.app_id),
        None => Ok(None),
    }
}

fn fulfils(asked: &Asked<'_>, conditions: &[Condition], (id, row): &Found) -> Result<bool, StoreError> {
    for condition in conditions {
        let fulfilled = match condition {
            Condition::Id(wanted) => id == wanted,
            Condition::AppId(wanted) => row.client_id == *wanted,
            Condition::DisplayName(name) => row.display_name.to_lowercase() == *name,
            Condition::DisplayNameBegins(begin) => row.display_name.to_lowercase().starts_with(begin),
            Condition::Type(name) => type_of(&row.kind).eq_ignore_ascii_case(name),
            Condition::Named(name) => by_name(asked, name)?.is_some_and(|(named, _)| named == *id),
        };
        if !fulfilled {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Goes through the tenant's service principals in the order of their ids, as the view knows them, and reads their
/// rows: ids and rows of other tenants are never read, and a page ends after [`ROWS_PER_PAGE_MAX`] rows.
fn scan(asked: &Asked<'_>, conditions: &[Condition], range: &Range) -> Result<Page, StoreError> {
    let &Range { after, top, counts } = range;
    let all = |after| asked.cx.view.principals_of(asked.tenant, after).map(|(id, _)| id);
    let total = (counts && conditions.is_empty()).then(|| all(None).count());
    let mut page = Page { items: Vec::new(), next: None, total };
    let (mut matches, mut last) = (0, after);
    for (rows, id) in all(after).enumerate() {
        if rows == ROWS_PER_PAGE_MAX {
            page.next = page.next.or(last);
            return Ok(page);
        }
        if let Some(found) = asked.principal(id)?.map(|row| (id, row))
            && fulfils(asked, conditions, &found)?
        {
            matches += 1;
            if page.items.len() < top {
                page.items.push(found);
            } else {
                page.next = page.next.or(last);
                if !counts || page.total.is_some() {
                    return Ok(page);
                }
            }
        }
        last = Some(id);
    }
    // The tenant has been read to its end, and from its beginning on the first page.
    page.total = page.total.or((counts && after.is_none()).then_some(matches));
    Ok(page)
}
