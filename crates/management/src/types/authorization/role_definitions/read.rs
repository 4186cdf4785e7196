//! Role definitions, one and all.

use super::show;
use crate::command::Call;
use crate::fault::Fault;
use crate::filter::{self, Term};
use crate::order::access::Access;
use crate::order::conditions;
use crate::order::place::chain_at;
use crate::outcome::{Outcome, Shown};
use bonafide_core::access::{CUSTOM_ROLES, CustomRole, ScopeKey, custom_roles, roles};
use bonafide_store::{Read, ReadTx};
use bonafide_types::{Excerpt, RoleDefinitionId};
use serde_json::{Value, json};

/// Reads one.
pub(super) fn get(tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let (scope, name) = call.own()?;
    let missing = || Fault::RoleNotFound(Excerpt::of(name).into());
    let id = name.parse().map_err(|_| missing())?;
    if let Some(role) = roles::by_id(id) {
        return Ok(Outcome::shown(show::built_in(scope, role)));
    }
    let role = near(tx, call, access, id)?.ok_or_else(missing)?;
    Ok(Outcome::Shown(Shown { body: show::custom(tx, scope, id, &role)?, etag: Some(tag(id, &role)) }))
}

/// The etag of a custom role. Source: ours; Azure has none.
pub(super) fn tag(id: RoleDefinitionId, role: &CustomRole) -> String {
    conditions::etag_of_row(role.mark, id.uuid(), role.updated_at)
}

/// The custom role with this id, if it can be assigned at the scope in the path or inside it: a role elsewhere
/// does not exist there. Assignments name roles by the id at the subscription, so that roles of a group are
/// read there too.
pub(super) fn near(
    tx: &impl Read,
    call: &Call<'_>,
    access: &Access,
    id: RoleDefinitionId,
) -> Result<Option<CustomRole>, Fault> {
    match tx.get(&CUSTOM_ROLES, &(call.command.by.tenant, id))? {
        Some(role) if is_assignable(tx, access, &role, true)? => Ok(Some(role)),
        _ => Ok(None),
    }
}

/// True when a role can be assigned at the scope in the path, or where `inside` says so, at one inside it.
fn is_assignable(tx: &impl Read, access: &Access, role: &CustomRole, inside: bool) -> Result<bool, Fault> {
    let chain = &access.place.chain;
    if role.is_assignable_at(chain) || inside && chain.scope() == ScopeKey::Root {
        return Ok(true);
    }
    for assignable in role.assignable.iter().filter(|_| inside) {
        let inner = chain_at(tx, chain.tenant(), assignable.scope)?;
        if inner.is_some_and(|inner| inner.scopes().contains(&chain.scope())) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The role definitions that a list is of.
#[derive(Debug, Default)]
struct Wanted<'a> {
    names: Vec<&'a str>,
    types: Vec<&'a str>,
    /// Those that can be assigned inside the scope, too.
    inside: bool,
}

impl Wanted<'_> {
    fn has(&self, name: &str, of_type: &str) -> bool {
        self.names.iter().all(|wanted| wanted.to_lowercase() == name.to_lowercase())
            && self.types.iter().all(|wanted| wanted.eq_ignore_ascii_case(of_type))
    }
}

/// Lists the role definitions that pass `$filter`, on one page as Azure does.
pub(super) fn list(tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let terms = filter::read(call.command.query.get("$filter"))?;
    let wanted = wanted(&terms)?;
    let (scope, _) = call.own()?;
    let built_in = roles::all().iter().filter(|role| wanted.has(role.name, "BuiltInRole"));
    let mut value: Vec<Value> = built_in.map(|role| show::built_in(scope, role)).collect();
    for (id, role) in candidates(tx, call, &wanted)? {
        if wanted.has(&role.name, "CustomRole") && is_assignable(tx, access, &role, wanted.inside)? {
            value.push(show::custom(tx, scope, id, &role)?);
        }
    }
    Ok(Outcome::shown(json!({ "value": value })))
}

/// The custom roles that can be wanted: with a name at most one.
fn candidates(
    tx: &impl Read,
    call: &Call<'_>,
    wanted: &Wanted<'_>,
) -> Result<Vec<(RoleDefinitionId, CustomRole)>, Fault> {
    let tenant = call.command.by.tenant;
    Ok(match wanted.names.first() {
        Some(name) => custom_roles::by_name(tx, tenant, name)?.into_iter().collect(),
        None => custom_roles::of_tenant(tx, tenant)?,
    })
}

fn wanted(terms: &[Term]) -> Result<Wanted<'_>, Fault> {
    let mut wanted = Wanted::default();
    for term in terms {
        match term {
            Term::Equals(name, value) if name == "rolename" => wanted.names.push(value),
            Term::Equals(name, value) if name == "type" => wanted.types.push(value),
            Term::Call(name, arguments) if name == "atscopeandbelow" && arguments.is_empty() => wanted.inside = true,
            Term::Call(name, arguments) if name == "atscope" && arguments.is_empty() => {}
            other => return Err(other.unsupported()),
        }
    }
    Ok(wanted)
}
