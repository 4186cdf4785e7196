//! `{scope}/providers/Microsoft.Authorization/roleAssignments`.

use super::role_definitions;
use crate::command::{Call, Verb};
use crate::fault::Fault;
use crate::filter::{self, Term};
use crate::fixed::management_group_id;
use crate::order::access::Access;
use crate::order::granting_body::{self, Grants};
use crate::order::place::chain_at;
use crate::order::{audit, conditions};
use crate::outcome::{Outcome, Shown};
use crate::resource_type::{Changes, ListRight, Own, ResourceType, Rows};
use bonafide_core::access::assignments::{self, AssignmentKey};
use bonafide_core::access::{
    Allowed, Attributes, NewAssignment, RoleAssignment, ScopeKey, chain_of_management_group, management_groups,
};
use bonafide_core::directory::{RESOURCES, SUBSCRIPTIONS_OF_TENANT};
use bonafide_store::{Read, ReadTx, Tx};
use bonafide_types::{Excerpt, ObjectId, ResourceId, RoleAssignmentId, RoleDefinitionId, Scope};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Longest description, in bytes. Source: ours.
const DESCRIPTION_BYTES_MAX: usize = 1_024;

/// Longest id that a refusal repeats, in characters. Source: ours.
const ID_CHARS_MAX: usize = 128;

pub(crate) static ROLE_ASSIGNMENTS: ResourceType = ResourceType {
    name: "Microsoft.Authorization/roleAssignments",
    rows: Rows::Own(&Own {
        check_name: |name| read_name(name).map(drop),
        get: Some(get),
        list: Some((ListRight::Granted, list)),
        changes: Some(Changes { etag, put: Some(put), patch: None, delete: Some(delete) }),
        attributes,
        ..Own::NOTHING
    }),
    ..ResourceType::PLAIN
};

/// The type of every principal that there is.
const SERVICE_PRINCIPAL: &str = "ServicePrincipal";

type Row = (AssignmentKey, RoleAssignment);

/// Makes a role assignment. Old and new SDKs together accept only 201 (docs/wire/management-access.md).
fn put(tx: &mut Tx<'_>, call: &Call<'_>, access: &Access, allowed: &Allowed) -> Result<Outcome, Fault> {
    let (scope, name) = asked(call)?;
    check_scope(access, scope)?;
    let sent = call.body()?;
    let new = read(sent, name)?;
    check_same_scope(sent, scope, name)?;
    let row = assignments::create(tx, &call.cx.world, allowed, &access.place.chain, &new)?;
    let shown = show(tx, scope, &row)?.ok_or(Fault::AssignmentNotFound(name))?;
    audit::record(tx, call, "Microsoft.Authorization/roleAssignments/write", &scope.to_string())?;
    Ok(Outcome::Created(Shown { body: shown, etag: Some(tag(&row)) }))
}

/// A body may repeat its scope, as a GET shows it; another one would be granted elsewhere than it asks for. Clients that
/// deploy templates write it so (docs/wire/deployments.md).
fn check_same_scope(sent: &Map<String, Value>, scope: &Scope, name: RoleAssignmentId) -> Result<(), Fault> {
    let properties = sent.iter().find(|(name, _)| name.eq_ignore_ascii_case("properties"));
    let properties = properties.and_then(|(_, properties)| properties.as_object());
    let asked = properties.and_then(|members| members.iter().find(|(name, _)| name.eq_ignore_ascii_case("scope")));
    let Some(asked) = asked.and_then(|(_, asked)| asked.as_str()) else { return Ok(()) };
    let (here, there) = (scope.to_string(), asked.trim_end_matches('/'));
    if there.eq_ignore_ascii_case(here.trim_end_matches('/')) {
        return Ok(());
    }
    Err(Fault::AssignmentScopeUnmatched { name, asked: Excerpt::of(asked).into(), path: here })
}

/// Deletes a role assignment, which may lie below or above the scope in the path only if the caller may
/// delete those there; one that is not there is gone already.
fn delete(tx: &mut Tx<'_>, call: &Call<'_>, access: &Access, allowed: &Allowed) -> Result<Outcome, Fault> {
    let (scope, name) = asked(call)?;
    let found = at_scope(tx, call, access, name)?;
    let Some(row) = found else { return Ok(Outcome::Nothing) };
    let shown = show(tx, scope, &row)?;
    assignments::delete(tx, allowed, &row.0)?;
    audit::record(tx, call, "Microsoft.Authorization/roleAssignments/delete", &scope.to_string())?;
    Ok(match shown {
        Some(shown) => Outcome::shown(shown),
        None => Outcome::Done,
    })
}

/// Reads a role assignment.
fn get(tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let (scope, name) = asked(call)?;
    let missing = || Fault::AssignmentNotFound(name);
    let row = at_scope(tx, call, access, name)?.ok_or_else(missing)?;
    let shown = show(tx, scope, &row)?.ok_or_else(missing)?;
    Ok(Outcome::Shown(Shown { body: shown, etag: Some(tag(&row)) }))
}

/// The attributes that conditions of roles ask for, of the role assignment that is to be made or of the one that
/// is there. Source: the conditions of the built-in roles (`core/data/roles.txt`).
fn attributes(tx: &Tx<'_>, call: &Call<'_>, access: &Access) -> Result<Attributes, Fault> {
    const ROLE: &str = "Microsoft.Authorization/roleAssignments:RoleDefinitionId";
    const PRINCIPAL: &str = "Microsoft.Authorization/roleAssignments:PrincipalId";
    const TYPE: &str = "Microsoft.Authorization/roleAssignments:PrincipalType";
    let (_, name) = asked(call)?;
    let known = Attributes::default();
    Ok(match call.command.verb {
        Verb::Put => {
            let new = read(call.body()?, name)?;
            known.request(ROLE, new.role).request(PRINCIPAL, new.principal).request(TYPE, SERVICE_PRINCIPAL)
        }
        _ => match at_scope(tx, call, access, name)? {
            Some((key, row)) => {
                known.resource(ROLE, row.role).resource(PRINCIPAL, key.1).resource(TYPE, SERVICE_PRINCIPAL)
            }
            None => known,
        },
    })
}

/// The scope and name of the role assignment that a call is about.
fn asked<'a>(call: &Call<'a>) -> Result<(&'a Scope, RoleAssignmentId), Fault> {
    let (scope, name) = call.own()?;
    Ok((scope, read_name(name)?))
}

fn read_name(name: &str) -> Result<RoleAssignmentId, Fault> {
    name.parse().map_err(|_| Fault::AssignmentNameInvalid(Excerpt::of(name).into()))
}

fn etag(tx: &Tx<'_>, call: &Call<'_>, access: &Access) -> Result<Option<String>, Fault> {
    let (scope, name) = asked(call)?;
    check_scope(access, scope)?;
    Ok(at_scope(tx, call, access, name)?.as_ref().map(tag))
}

/// The etag of a role assignment. Source: ours; Azure has none.
fn tag((key, row): &Row) -> String {
    conditions::etag_of_row(row.mark, key.2.uuid(), row.updated_at)
}

/// The assignment of this name, if it is at exactly the scope in the path: what lies elsewhere was not
/// authorised.
fn at_scope(tx: &impl Read, call: &Call<'_>, access: &Access, name: RoleAssignmentId) -> Result<Option<Row>, Fault> {
    let row = assignments::by_name(tx, call.command.by.tenant, name)?;
    Ok(row.filter(|(_, row)| row.scope == access.place.chain.scope()))
}

/// Lists role assignments. Without `atScope()` those below the scope are among them.
fn list(tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let (scope, _) = call.own()?;
    check_scope(access, scope)?;
    let (only_here, principal) = wanted(&filter::read(call.command.query.get("$filter"))?)?;
    let tenant = call.command.by.tenant;
    let mut rows: BTreeMap<AssignmentKey, RoleAssignment> = BTreeMap::new();
    for at in access.place.chain.scopes() {
        rows.extend(assignments::at(tx, tenant, *at)?);
    }
    if !only_here {
        let subscriptions = match scope {
            Scope::Id(id) => id.subscription().into_iter().collect(),
            Scope::Root | Scope::ManagementGroup(_) => tx.many(&SUBSCRIPTIONS_OF_TENANT, &tenant, None, usize::MAX)?,
        };
        if !matches!(scope, Scope::Id(_)) {
            for group in management_groups::all(tx, tenant)? {
                let chain = chain_of_management_group(tx, tenant, Some(group))?;
                if chain.scopes().contains(&access.place.chain.scope()) {
                    rows.extend(assignments::at(tx, tenant, chain.scope())?);
                }
            }
        }
        for subscription in subscriptions {
            for row in assignments::in_subscription(tx, tenant, subscription)? {
                if below(tx, &row.1, access)? {
                    rows.insert(row.0, row.1);
                }
            }
        }
    }
    let mut value = Vec::new();
    for row in rows.into_iter().filter(|(key, _)| principal.is_none_or(|principal| key.1 == principal)) {
        value.extend(show(tx, scope, &row)?);
    }
    Ok(Outcome::shown(json!({ "value": value })))
}

/// True when an assignment's scope is that of the list or lies inside it.
fn below(tx: &impl Read, row: &RoleAssignment, access: &Access) -> Result<bool, Fault> {
    let list = &access.place.chain;
    Ok(chain_at(tx, list.tenant(), row.scope)?.is_some_and(|chain| chain.scopes().contains(&list.scope())))
}

/// `atScope()`, `principalId eq '…'`, `assignedTo('…')`.
fn wanted(terms: &[Term]) -> Result<(bool, Option<ObjectId>), Fault> {
    let (mut only_here, mut principal) = (false, None);
    for term in terms {
        let id = match term {
            Term::Call(name, arguments) if name == "atscope" && arguments.is_empty() => {
                only_here = true;
                continue;
            }
            Term::Call(name, arguments) if name == "assignedto" && arguments.len() == 1 => &arguments[0],
            Term::Equals(name, id) if name == "principalid" => id,
            other => return Err(other.unsupported()),
        };
        let id = id.parse().map_err(|_| Fault::filter("a principal's id is a GUID"))?;
        if principal.replace(id).is_some_and(|other: ObjectId| other != id) {
            return Err(Fault::filter("it names two principals"));
        }
    }
    Ok((only_here, principal))
}

/// The resource or group that a scope names must exist.
pub(crate) fn check_scope(access: &Access, scope: &Scope) -> Result<(), Fault> {
    let id = match scope {
        // A management group is there (`perform.rs`).
        Scope::Root | Scope::ManagementGroup(_) => return Ok(()),
        Scope::Id(id) => id,
    };
    if id.parent().is_none() || access.place.found.is_some() {
        return Ok(());
    }
    match id.resource_group() {
        Some(name) if access.place.group.is_none() => Err(Fault::GroupNotFound(name.to_owned())),
        _ => Err(Fault::ResourceNotFound(id.clone())),
    }
}

fn read(body: &Map<String, Value>, name: RoleAssignmentId) -> Result<NewAssignment, Fault> {
    let wrong = |what: &str| Fault::BodyInvalid(format!("'properties.{what}' is missing or not valid"));
    // Versions before 2018 and the Java SDK send the properties at the top.
    let properties = match body.get("properties") {
        None => granting_body::read(body, &[Grants::AssignmentProperties, Grants::Assignment])?,
        Some(inner) => {
            granting_body::read(body, &[Grants::Assignment])?;
            let inner = inner.as_object();
            let inner = inner.ok_or_else(|| Fault::BodyInvalid("'properties' is not an object".to_owned()))?;
            granting_body::read(inner, &[Grants::AssignmentProperties])?
        }
    };
    let text = |member: &str| properties.get(member).and_then(Value::as_str).filter(|text| !text.is_empty());
    let principal = principal_id(text("principalId"))?;
    let role = role_id(text("roleDefinitionId"))?;
    if let Some(asked) = text("principalType")
        && !asked.eq_ignore_ascii_case(SERVICE_PRINCIPAL)
    {
        return Err(Fault::PrincipalTypeUnmatched { principal, asked: Excerpt::of(asked).into() });
    }
    let description = match properties.get("description") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if text.len() <= DESCRIPTION_BYTES_MAX => Some(text.clone()),
        Some(_) => return Err(wrong("description")),
    };
    Ok(NewAssignment { name, principal, role, description })
}

fn principal_id(text: Option<&str>) -> Result<ObjectId, Fault> {
    let text = text.ok_or(Fault::PrincipalIdMissing)?;
    text.parse().map_err(|_| Fault::PrincipalIdInvalid(text.chars().take(ID_CHARS_MAX).collect()))
}

/// The GUID at the end of a role definition's id, whatever scope stands before it.
fn role_id(text: Option<&str>) -> Result<RoleDefinitionId, Fault> {
    const ABOVE: &str = "/providers/Microsoft.Authorization/roleDefinitions";
    let text = text.ok_or(Fault::RoleAssignmentMalformed)?;
    let (above, name) = text.rsplit_once('/').ok_or(Fault::RoleAssignmentMalformed)?;
    let start = above.len().checked_sub(ABOVE.len()).ok_or(Fault::RoleAssignmentMalformed)?;
    if !above.get(start..).is_some_and(|end| end.eq_ignore_ascii_case(ABOVE)) {
        return Err(Fault::RoleAssignmentMalformed);
    }
    let role = name.parse().map_err(|_| Fault::RoleIdInvalid(name.chars().take(ID_CHARS_MAX).collect()))?;
    ResourceId::parse(text).map_err(|_| Fault::RoleAssignmentMalformed)?;
    Ok(role)
}

/// A role assignment as it is read at the scope that was asked; `None` when what it is about is gone.
fn show(tx: &impl Read, asked: &Scope, (key, row): &Row) -> Result<Option<Value>, Fault> {
    let (scope, above) = match row.scope {
        ScopeKey::Root => ("/".to_owned(), String::new()),
        ScopeKey::Subscription(id) => (format!("/subscriptions/{id}"), format!("/subscriptions/{id}")),
        ScopeKey::ManagementGroup(uuid) => match management_groups::name_of(tx, key.0, uuid)? {
            Some(name) => (management_group_id(&name), management_group_id(&name)),
            None => return Ok(None),
        },
        ScopeKey::Group(uuid) | ScopeKey::Resource(uuid) => match tx.get(&RESOURCES, &uuid)? {
            Some(resource) => (resource.id.to_string(), resource.id.to_string()),
            None => return Ok(None),
        },
    };
    Ok(Some(json!({
        "properties": {
            "roleDefinitionId": role_definitions::id_at(asked, row.role),
            "principalId": key.1.to_string(),
            "principalType": SERVICE_PRINCIPAL,
            "scope": scope,
            "condition": null,
            "conditionVersion": null,
            "createdOn": row.created_at.arm(),
            "updatedOn": row.updated_at.arm(),
            "createdBy": row.created_by.map(|id| id.to_string()),
            "updatedBy": row.updated_by.map(|id| id.to_string()),
            "delegatedManagedIdentityResourceId": null,
            "description": row.description,
        },
        "id": format!("{above}/providers/Microsoft.Authorization/roleAssignments/{}", key.2),
        "type": "Microsoft.Authorization/roleAssignments",
        "name": key.2.to_string(),
    })))
}
