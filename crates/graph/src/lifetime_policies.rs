//! `/policies/tokenLifetimePolicies`, and which application or service principal has which.

use crate::asked::{Asked, read_id};
use crate::change::{Change, Done};
use crate::directory_objects::Objects;
use crate::fault::Fault;
use crate::kind::Kind;
use crate::lifetime_definition;
use crate::properties::Select;
use crate::sent::{read_bool, required_name};
use bonafide_core::directory::{
    LIFETIME_POLICIES_OF_TENANT, LIFETIME_POLICY_OF, LIFETIME_POLICY_USES, TOKEN_LIFETIME_POLICIES, TokenLifetimePolicy,
};
use bonafide_core::lifecycle;
use bonafide_store::{Read, StoreError};
use bonafide_types::ObjectId;
use serde_json::{Map, Value, json};

const KIND: Kind = Kind::TokenLifetimePolicy;
/// Objects with one policy that are shown at most. Source: ours; bounds one answer.
const USES_MAX: usize = 999;

/// `GET /policies/tokenLifetimePolicies`.
pub(crate) fn list(asked: &Asked<'_>) -> Result<Value, Fault> {
    let ids = asked.tx.many(&LIFETIME_POLICIES_OF_TENANT, &asked.tenant, None, usize::MAX)?;
    show(asked, "policies/tokenLifetimePolicies", &ids)
}

/// `GET …/{id}/tokenLifetimePolicies` of an application or a service principal.
pub(crate) fn of(asked: &Asked<'_>) -> Result<Value, Fault> {
    let ids: Vec<ObjectId> = asked.tx.get(&LIFETIME_POLICY_OF, &asked.named()?.id)?.into_iter().collect();
    show(asked, "tokenLifetimePolicies", &ids)
}

fn show(asked: &Asked<'_>, part: &str, ids: &[ObjectId]) -> Result<Value, Fault> {
    let select = asked.select(KIND)?;
    let mut items = Vec::new();
    for id in ids {
        items.extend(policy(asked, *id)?.map(|row| print(&select, *id, &row)));
    }
    Ok(asked.list(part, items))
}

/// A policy of the caller's tenant. One of another tenant does not exist (TN-01).
fn policy<R: Read>(asked: &Asked<'_, R>, id: ObjectId) -> Result<Option<TokenLifetimePolicy>, StoreError> {
    Ok(asked.tx.get(&TOKEN_LIFETIME_POLICIES, &id)?.filter(|row| row.tenant == asked.tenant))
}

/// The policy that a path names.
fn named<R: Read>(asked: &Asked<'_, R>, capture: &str) -> Result<(ObjectId, TokenLifetimePolicy), Fault> {
    let text = asked.captures.get(capture);
    let id = read_id(text)?;
    let row = policy(asked, id)?.ok_or_else(|| Fault::NotFound(text.to_owned()))?;
    Ok((id, row))
}

fn print(select: &Select, id: ObjectId, row: &TokenLifetimePolicy) -> Map<String, Value> {
    let mut all = KIND.empty();
    all.insert("id".to_owned(), json!(id));
    all.insert("definition".to_owned(), json!([row.definition]));
    all.insert("displayName".to_owned(), json!(row.display_name));
    all.insert("isOrganizationDefault".to_owned(), json!(row.is_default));
    all.retain(|name, _| select.has(name));
    all
}

fn entity<R: Read>(asked: &Asked<'_, R>, id: ObjectId, row: &TokenLifetimePolicy) -> Result<Value, Fault> {
    let printed = print(&asked.select(KIND)?, id, row);
    Ok(asked.entity("policies/tokenLifetimePolicies/$entity", printed))
}

/// `GET /policies/tokenLifetimePolicies/{policy}`.
pub(crate) fn get(asked: &Asked<'_>) -> Result<Value, Fault> {
    let (id, row) = named(asked, "policy")?;
    entity(asked, id, &row)
}

/// `GET /policies/tokenLifetimePolicies/{policy}/appliesTo`.
pub(crate) fn applies_to(asked: &Asked<'_>) -> Result<Value, Fault> {
    let (id, _) = named(asked, "policy")?;
    let objects = Objects::new(asked)?;
    let mut items = Vec::new();
    for object in asked.tx.many(&LIFETIME_POLICY_USES, &id, None, USES_MAX)? {
        items.extend(objects.print(object)?.map(|(_, printed)| printed));
    }
    Ok(asked.list("directoryObjects", items))
}

/// `POST /policies/tokenLifetimePolicies`.
pub(crate) fn create(change: &mut Change<'_, '_>) -> Result<Done, Fault> {
    let sent = change.body()?;
    let (definition, seconds) = lifetime_definition::read(sent.get("definition").unwrap_or(&Value::Null))?;
    let display_name = required_name(sent.get("displayName"), KIND)?;
    let tenant = change.request.who.tenant;
    let mut row = TokenLifetimePolicy { tenant, display_name, definition, seconds, is_default: false };
    apply(&mut row, &sent)?;
    let id = lifecycle::create_lifetime_policy(change.tx, &change.request.cx.world, change.allowed, &row)?;
    let body = entity(&change.asked(), id, &row)?;
    Ok(Done::created(body, format!("/policies/tokenLifetimePolicies/{id}")))
}

fn apply(row: &mut TokenLifetimePolicy, sent: &Map<String, Value>) -> Result<(), Fault> {
    for (name, value) in sent {
        match name.as_str() {
            "definition" => (row.definition, row.seconds) = lifetime_definition::read(value)?,
            "displayName" => row.display_name = required_name(Some(value), KIND)?,
            "isOrganizationDefault" => row.is_default = read_bool(value, "isOrganizationDefault", KIND)?,
            name => return Err(Fault::Property(name.to_owned(), KIND)),
        }
    }
    Ok(())
}

/// `PATCH /policies/tokenLifetimePolicies/{policy}`.
pub(crate) fn update(change: &mut Change<'_, '_>) -> Result<Done, Fault> {
    let (id, mut row) = named(&change.asked(), "policy")?;
    apply(&mut row, &change.body()?)?;
    lifecycle::save_lifetime_policy(change.tx, change.allowed, id, &row)?;
    Ok(Done::nothing(format!("/policies/tokenLifetimePolicies/{id}")))
}

/// `DELETE /policies/tokenLifetimePolicies/{policy}`.
pub(crate) fn delete(change: &mut Change<'_, '_>) -> Result<Done, Fault> {
    let (id, _) = named(&change.asked(), "policy")?;
    lifecycle::delete_lifetime_policy(change.tx, change.allowed, id)?;
    Ok(Done::nothing(format!("/policies/tokenLifetimePolicies/{id}")))
}

/// `POST …/{id}/tokenLifetimePolicies/$ref` of an application or a service principal. That of a managed identity has one,
/// too: it is an order of the tenant about its tokens, and gives it nothing.
pub(crate) fn assign(change: &mut Change<'_, '_>) -> Result<Done, Fault> {
    let object = change.named()?;
    let id = change.reference()?;
    if policy(&change.asked(), id)?.is_none() {
        return Err(Fault::NotFound(id.to_string()));
    }
    lifecycle::assign_lifetime_policy(change.tx, change.allowed, change.request.who.tenant, object.id, id)?;
    Ok(Done::nothing(object.scope()))
}

/// `DELETE …/{id}/tokenLifetimePolicies/{policy}/$ref` of an application or a service principal.
pub(crate) fn unassign(change: &mut Change<'_, '_>) -> Result<Done, Fault> {
    let object = change.named()?;
    let id = read_id(change.request.captures.get("policy"))?;
    lifecycle::unassign_lifetime_policy(change.tx, change.allowed, change.request.who.tenant, object.id, id)?;
    Ok(Done::nothing(object.scope()))
}
