//! Roles of applications: `/servicePrincipals/{id}/appRoleAssignments`, those that a service principal has, and
//! `/servicePrincipals/{id}/appRoleAssignedTo`, those that are given at a service.

use crate::about::Named;
use crate::asked::{Asked, read_id};
use crate::change::{Change, Done};
use crate::fault::Fault;
use crate::kind::Kind;
use crate::properties::Select;
use bonafide_core::directory::{
    APP_ROLE_ASSIGNMENTS, APP_ROLES_ASSIGNED_TO, AppRoleAssignment, AppRoleAssignmentId, PRINCIPALS,
};
use bonafide_core::lifecycle::{self, NewAppRoleAssignment};
use bonafide_store::{Read, StoreError};
use bonafide_types::ObjectId;
use serde_json::{Map, Value, json};
use uuid::Uuid;

const KIND: Kind = Kind::AppRoleAssignment;

/// The end of a role assignment that a path names.
#[derive(Clone, Copy)]
enum End {
    /// The one that has the role.
    Principal,
    /// The service at which it is given.
    Resource,
}

impl End {
    fn segment(self) -> &'static str {
        match self {
            Self::Principal => "appRoleAssignments",
            Self::Resource => "appRoleAssignedTo",
        }
    }

    fn of(self, id: AppRoleAssignmentId, row: &AppRoleAssignment) -> ObjectId {
        match self {
            Self::Principal => id.0,
            Self::Resource => row.resource,
        }
    }
}

/// `GET /servicePrincipals/{id}/appRoleAssignments`.
pub(crate) fn held(asked: &Asked<'_>) -> Result<Value, Fault> {
    list(asked, End::Principal)
}

/// `GET /servicePrincipals/{id}/appRoleAssignedTo`.
pub(crate) fn given(asked: &Asked<'_>) -> Result<Value, Fault> {
    list(asked, End::Resource)
}

/// One page, in the order of the ids. There are no conditions to find them by.
fn list(asked: &Asked<'_>, end: End) -> Result<Value, Fault> {
    if !asked.options.filter().is_empty() {
        return Err(Fault::Filter("appRoleAssignments are listed whole, by principal or by resource"));
    }
    let (object, select) = (asked.named()?, asked.select(KIND)?);
    let (after, top) = (asked.options.skip_token(), asked.options.top()?);
    let after = after.map(|text| text.parse::<AppRoleAssignmentId>().map_err(|()| Fault::SkipToken)).transpose()?;
    let mut rows = rows(asked, end, object.id, after, top + 1)?;
    let has_more = rows.len() > top;
    rows.truncate(top);
    let next = rows.last().filter(|_| has_more).map(|(id, _)| *id);
    let mut items = Vec::new();
    for (id, row) in &rows {
        items.push(print(asked, &select, *id, row)?);
    }
    let part = format!("{}('{}')/{}", object.kind.collection(), object.id, end.segment());
    let mut body = asked.list(&part, items);
    if let (Some(next), Value::Object(body)) = (next, &mut body) {
        let query = asked.options.next(next);
        let path = format!("{}/{}/{}", object.kind.collection(), object.id, end.segment());
        let link = format!("{}/{}/{path}?{query}", asked.cx.endpoint, asked.version);
        body.insert("@odata.nextLink".to_owned(), link.into());
    }
    Ok(body)
}

/// So many assignments after one.
fn rows(
    asked: &Asked<'_>,
    end: End,
    object: ObjectId,
    after: Option<AppRoleAssignmentId>,
    limit: usize,
) -> Result<Vec<(AppRoleAssignmentId, AppRoleAssignment)>, StoreError> {
    let after = after.map(AppRoleAssignmentId::key);
    let keys = match end {
        End::Principal => {
            let rows = asked.tx.page(&APP_ROLE_ASSIGNMENTS, &object, after.as_ref(), limit)?;
            return Ok(rows
                .into_iter()
                .map(|((principal, id), row)| (AppRoleAssignmentId(principal, id), row))
                .collect());
        }
        End::Resource => asked.tx.many(&APP_ROLES_ASSIGNED_TO, &object, after.as_ref(), limit)?,
    };
    let mut rows = Vec::new();
    for key in keys {
        if let Some(row) = asked.tx.get(&APP_ROLE_ASSIGNMENTS, &key)? {
            rows.push((AppRoleAssignmentId(key.0, key.1), row));
        }
    }
    Ok(rows)
}

fn print<R: Read>(
    asked: &Asked<'_, R>,
    select: &Select,
    id: AppRoleAssignmentId,
    row: &AppRoleAssignment,
) -> Result<Map<String, Value>, StoreError> {
    let name = |id: ObjectId| Ok::<_, StoreError>(asked.tx.get(&PRINCIPALS, &id)?.map(|row| row.display_name));
    let mut all = KIND.empty();
    let mut set = |name: &str, value: Value| drop(all.insert(name.to_owned(), value));
    set("id", json!(id.to_string()));
    set("appRoleId", json!(row.role));
    set("createdDateTime", json!(row.created_at.second()));
    set("principalDisplayName", json!(name(id.0)?));
    set("principalId", json!(id.0));
    set("resourceDisplayName", json!(name(row.resource)?));
    set("resourceId", json!(row.resource));
    all.retain(|name, _| select.has(name));
    Ok(all)
}

/// `GET /servicePrincipals/{id}/appRoleAssignments/{assignment}`.
pub(crate) fn one_held(asked: &Asked<'_>) -> Result<Value, Fault> {
    get(asked, End::Principal)
}

/// `GET /servicePrincipals/{id}/appRoleAssignedTo/{assignment}`.
pub(crate) fn one_given(asked: &Asked<'_>) -> Result<Value, Fault> {
    get(asked, End::Resource)
}

fn get(asked: &Asked<'_>, end: End) -> Result<Value, Fault> {
    let object = asked.named()?;
    let (id, row) = named(asked, object, end)?;
    entity(asked, object, end, (id, &row))
}

/// The assignment that a path names, at the object that it names.
fn named<R: Read>(
    asked: &Asked<'_, R>,
    object: Named,
    end: End,
) -> Result<(AppRoleAssignmentId, AppRoleAssignment), Fault> {
    let text = asked.captures.get("assignment");
    let none = || Fault::NotFound(text.to_owned());
    let id: AppRoleAssignmentId = text.parse().map_err(|()| none())?;
    let row = asked.tx.get(&APP_ROLE_ASSIGNMENTS, &id.key())?.filter(|row| end.of(id, row) == object.id);
    Ok((id, row.ok_or_else(none)?))
}

fn entity<R: Read>(
    asked: &Asked<'_, R>,
    object: Named,
    end: End,
    (id, row): (AppRoleAssignmentId, &AppRoleAssignment),
) -> Result<Value, Fault> {
    let part = format!("{}('{}')/{}/$entity", object.kind.collection(), object.id, end.segment());
    Ok(asked.entity(&part, print(asked, &asked.select(KIND)?, id, row)?))
}

/// `POST /servicePrincipals/{id}/appRoleAssignments`.
pub(crate) fn give_to(change: &mut Change<'_, '_>) -> Result<Done, Fault> {
    create(change, End::Principal)
}

/// `POST /servicePrincipals/{id}/appRoleAssignedTo`.
pub(crate) fn give(change: &mut Change<'_, '_>) -> Result<Done, Fault> {
    create(change, End::Resource)
}

fn create(change: &mut Change<'_, '_>, end: End) -> Result<Done, Fault> {
    let object = change.named()?;
    let sent = change.body()?;
    if let Some(name) = sent.keys().find(|name| !["appRoleId", "principalId", "resourceId"].contains(&name.as_str())) {
        return Err(match KIND.empty().contains_key(name) {
            true => Fault::ReadOnly(name.clone(), KIND),
            false => Fault::Property(name.clone(), KIND),
        });
    }
    let text = |name| sent.get(name).and_then(Value::as_str).ok_or(Fault::Missing(name));
    let (principal, resource) = (read_id(text("principalId")?)?, read_id(text("resourceId")?)?);
    let role: Uuid = text("appRoleId")?.parse().map_err(|_| Fault::Value("appRoleId", KIND))?;
    let (of_path, name) = match end {
        End::Principal => (principal, "principalId"),
        End::Resource => (resource, "resourceId"),
    };
    if of_path != object.id {
        return Err(Fault::OtherObject(name));
    }
    let (tenant, world) = (change.request.who.tenant, change.request.cx.world);
    let new = NewAppRoleAssignment { tenant, principal, resource, role };
    let (id, row) = lifecycle::assign_app_role(change.tx, &world, change.allowed, new)?;
    let body = entity(&change.asked(), object, end, (id, &row))?;
    Ok(Done::created(body, scope(id, row.resource)))
}

/// The assignment as an audit record names it: service and principal.
fn scope(id: AppRoleAssignmentId, resource: ObjectId) -> String {
    format!("/servicePrincipals/{resource}/appRoleAssignedTo/{id}/servicePrincipals/{}", id.0)
}

/// `DELETE /servicePrincipals/{id}/appRoleAssignments/{assignment}`.
pub(crate) fn take_from(change: &mut Change<'_, '_>) -> Result<Done, Fault> {
    delete(change, End::Principal)
}

/// `DELETE /servicePrincipals/{id}/appRoleAssignedTo/{assignment}`.
pub(crate) fn take(change: &mut Change<'_, '_>) -> Result<Done, Fault> {
    delete(change, End::Resource)
}

fn delete(change: &mut Change<'_, '_>, end: End) -> Result<Done, Fault> {
    let object = change.named()?;
    let (id, row) = named(&change.asked(), object, end)?;
    lifecycle::take_app_role(change.tx, change.allowed, id)?;
    Ok(Done::nothing(scope(id, row.resource)))
}
