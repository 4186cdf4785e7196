//! Finding applications and service principals: by an index where a condition names one, else one page of the tenant's.

use crate::asked::Asked;
use crate::filter::Condition;
use crate::kind::Kind;
use crate::service_principal::type_of;
use bonafide_core::directory::{
    APPLICATIONS_OF_TENANT, Application, PRINCIPAL_BY_CLIENT, RESOURCES_REGISTERED, ServicePrincipal,
    application_by_client,
};
use bonafide_store::{Read, StoreError};
use bonafide_types::{Audience, ClientId, ObjectId};

/// Rows read for one page: a page of a filter that few rows pass can be short, even empty, and have a next one.
/// Source: ours.
const ROWS_PER_PAGE_MAX: usize = 5_000;

/// A type of object that can be listed.
pub(crate) trait Listed {
    /// Its row.
    type Row;
    /// The type.
    const KIND: Kind;

    /// The ids of those after one, in their order, as far as one page goes at least.
    fn ids<'a>(
        asked: &'a Asked<'a>,
        after: Option<ObjectId>,
    ) -> Result<Box<dyn Iterator<Item = ObjectId> + 'a>, StoreError>;
    /// The number of all.
    fn count(asked: &Asked<'_>) -> Result<usize, StoreError>;
    /// The one with an id, in the caller's tenant.
    fn row(asked: &Asked<'_>, id: ObjectId) -> Result<Option<Self::Row>, StoreError>;
    /// The one with an application id, in the caller's tenant.
    fn by_app_id(asked: &Asked<'_>, client: ClientId) -> Result<Option<Found<Self>>, StoreError>;
    /// The application id of one.
    fn app_id(row: &Self::Row) -> ClientId;
    /// The name of one.
    fn name(row: &Self::Row) -> &str;
    /// `servicePrincipalType`.
    fn type_name(row: &Self::Row) -> &'static str;
}

/// A row and its object id.
pub(crate) type Found<L> = (ObjectId, <L as Listed>::Row);

/// Service principals.
pub(crate) struct ServicePrincipals;

impl Listed for ServicePrincipals {
    type Row = ServicePrincipal;
    const KIND: Kind = Kind::ServicePrincipal;

    fn ids<'a>(
        asked: &'a Asked<'a>,
        after: Option<ObjectId>,
    ) -> Result<Box<dyn Iterator<Item = ObjectId> + 'a>, StoreError> {
        // As the view knows them: ids of other tenants are never read from the store.
        Ok(Box::new(asked.cx.view.principals_of(asked.tenant, after).map(|(id, _)| id)))
    }

    fn count(asked: &Asked<'_>) -> Result<usize, StoreError> {
        Ok(asked.cx.view.principals_of(asked.tenant, None).count())
    }

    fn row(asked: &Asked<'_>, id: ObjectId) -> Result<Option<ServicePrincipal>, StoreError> {
        asked.principal(id)
    }

    fn by_app_id(asked: &Asked<'_>, client: ClientId) -> Result<Option<Found<Self>>, StoreError> {
        let Some(id) = asked.tx.find(&PRINCIPAL_BY_CLIENT, &client)? else { return Ok(None) };
        Ok(asked.principal(id)?.map(|row| (id, row)))
    }

    fn app_id(row: &ServicePrincipal) -> ClientId {
        row.client_id
    }

    fn name(row: &ServicePrincipal) -> &str {
        &row.display_name
    }

    fn type_name(row: &ServicePrincipal) -> &'static str {
        type_of(&row.kind)
    }
}

/// Applications.
pub(crate) struct Applications;

impl Listed for Applications {
    type Row = Application;
    const KIND: Kind = Kind::Application;

    fn ids<'a>(
        asked: &'a Asked<'a>,
        after: Option<ObjectId>,
    ) -> Result<Box<dyn Iterator<Item = ObjectId> + 'a>, StoreError> {
        let ids = asked.tx.many(&APPLICATIONS_OF_TENANT, &asked.tenant, after.as_ref(), ROWS_PER_PAGE_MAX + 1)?;
        Ok(Box::new(ids.into_iter()))
    }

    fn count(asked: &Asked<'_>) -> Result<usize, StoreError> {
        Ok(asked.tx.many(&APPLICATIONS_OF_TENANT, &asked.tenant, None, usize::MAX)?.len())
    }

    fn row(asked: &Asked<'_>, id: ObjectId) -> Result<Option<Application>, StoreError> {
        asked.application(id)
    }

    fn by_app_id(asked: &Asked<'_>, client: ClientId) -> Result<Option<Found<Self>>, StoreError> {
        application_by_client(asked.tx, asked.tenant, client)
    }

    fn app_id(row: &Application) -> ClientId {
        row.client_id
    }

    fn name(row: &Application) -> &str {
        &row.display_name
    }

    fn type_name(_row: &Application) -> &'static str {
        "Application"
    }
}

/// The part of a list that is asked for.
pub(crate) struct Range {
    /// The object after which it begins; none for the beginning.
    pub(crate) after: Option<ObjectId>,
    /// Most items.
    pub(crate) top: usize,
    /// True if the number of all items is asked for too.
    pub(crate) counts: bool,
}

/// One page.
pub(crate) struct Page<L: Listed + ?Sized> {
    pub(crate) items: Vec<Found<L>>,
    /// The object after which the next page begins, if there may be one.
    pub(crate) next: Option<ObjectId>,
    /// The number of items on all pages; `None` where it was not asked for, or takes more rows than a page may read.
    pub(crate) total: Option<usize>,
}

/// The page of those that fulfil every condition.
pub(crate) fn page<L: Listed>(
    asked: &Asked<'_>,
    conditions: &[Condition],
    range: &Range,
) -> Result<Page<L>, StoreError> {
    for condition in conditions {
        if let Some(one) = by_index::<L>(asked, condition)? {
            let mut items = Vec::new();
            if let Some(found) = one
                && fulfils::<L>(asked, conditions, &found)?
            {
                items.push(found);
            }
            return Ok(Page { total: range.counts.then_some(items.len()), items, next: None });
        }
    }
    scan::<L>(asked, conditions, range)
}

/// The one that a condition can mean: `Some(None)` when there is none, `None` when there can be several.
fn by_index<L: Listed>(asked: &Asked<'_>, condition: &Condition) -> Result<Option<Option<Found<L>>>, StoreError> {
    match condition {
        Condition::Id(id) => Ok(Some(L::row(asked, *id)?.map(|row| (*id, row)))),
        Condition::AppId(client) => L::by_app_id(asked, *client).map(Some),
        Condition::Named(name) => by_name::<L>(asked, name).map(Some),
        Condition::DisplayName(_) | Condition::DisplayNameBegins(_) | Condition::Type(_) => Ok(None),
    }
}

/// The one with one of these names: an identifier that it registered, or, of a service principal, its application id.
fn by_name<L: Listed>(asked: &Asked<'_>, name: &str) -> Result<Option<Found<L>>, StoreError> {
    if let Ok(client) = name.parse() {
        return if L::KIND == Kind::ServicePrincipal { L::by_app_id(asked, client) } else { Ok(None) };
    }
    let Ok(identifier) = Audience::parse(name) else { return Ok(None) };
    match asked.tx.get(&RESOURCES_REGISTERED, &(asked.tenant, identifier.lookup_key()))? {
        Some(resource) => L::by_app_id(asked, resource.app_id),
        None => Ok(None),
    }
}

fn fulfils<L: Listed>(asked: &Asked<'_>, conditions: &[Condition], (id, row): &Found<L>) -> Result<bool, StoreError> {
    for condition in conditions {
        let fulfilled = match condition {
            Condition::Id(wanted) => id == wanted,
            Condition::AppId(wanted) => L::app_id(row) == *wanted,
            Condition::DisplayName(name) => L::name(row).to_lowercase() == *name,
            Condition::DisplayNameBegins(begin) => L::name(row).to_lowercase().starts_with(begin),
            Condition::Type(name) => L::type_name(row).eq_ignore_ascii_case(name),
            Condition::Named(name) => by_name::<L>(asked, name)?.is_some_and(|(named, _)| named == *id),
        };
        if !fulfilled {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Goes through the tenant's objects in the order of their ids and reads their rows: a page ends after
/// [`ROWS_PER_PAGE_MAX`] of them.
fn scan<L: Listed>(asked: &Asked<'_>, conditions: &[Condition], range: &Range) -> Result<Page<L>, StoreError> {
    let &Range { after, top, counts } = range;
    let total = if counts && conditions.is_empty() { Some(L::count(asked)?) } else { None };
    let mut page = Page { items: Vec::new(), next: None, total };
    let (mut matches, mut last) = (0, after);
    for (rows, id) in L::ids(asked, after)?.enumerate() {
        if rows == ROWS_PER_PAGE_MAX {
            page.next = page.next.or(last);
            return Ok(page);
        }
        if let Some(found) = L::row(asked, id)?.map(|row| (id, row))
            && fulfils::<L>(asked, conditions, &found)?
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
