//! `Microsoft.Resources/deployments` at resource groups: a template becomes commands of its caller's, one a step, in the
//! order of its dependencies (docs/wire/deployments.md).

mod asked;
mod check;
mod endpoints;
mod error;
mod put;
mod read;
mod row;
mod run;
mod runtime;
mod sealed;
mod show;
mod validate;

pub(crate) use asked::{evaluates, is_lenient, read_body};
pub(crate) use endpoints::ENDPOINTS;
pub(crate) use error::DeploymentError;
pub(crate) use row::{PER_GROUP_MAX, clear};
pub(crate) use run::WORKER;

use crate::command::Call;
use crate::fault::Fault;
use crate::order::access::Access;
use crate::resource_type::{Changes, ListRight, Own, ResourceType, Rows};
use bonafide_types::{ResourceId, ResourceUuid, Scope};

pub(crate) const NAME: &str = "Microsoft.Resources/deployments";

/// Longest name, in bytes. Source: the public specification (64).
const NAME_BYTES_MAX: usize = 64;

pub(crate) static DEPLOYMENTS: ResourceType = ResourceType {
    name: NAME,
    oldest: "2014-04-01",
    is_of_manager: true,
    rows: Rows::Own(&Own {
        check_name,
        get: Some(read::get),
        head: Some(read::head),
        list: Some((ListRight::Granted, read::list)),
        changes: Some(Changes { etag: read::etag, put: Some(put::put), patch: None, delete: Some(put::delete) }),
        ..Own::NOTHING
    }),
    ..ResourceType::PLAIN
};

fn check_name(name: &str) -> Result<(), Fault> {
    let is_right = (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.()".contains(&b));
    let rule = "1 to 64 letters, digits, '-', '.', '_', '(' and ')'";
    if is_right { Ok(()) } else { Err(Fault::NameInvalid { name: name.to_owned(), type_name: NAME.to_owned(), rule }) }
}

/// The resource group of a call. Deployments to other scopes are not served.
fn group(access: &Access, scope: &Scope) -> Result<(ResourceUuid, ResourceId), Fault> {
    match scope {
        Scope::Id(id) if id.is_group() => match &access.place.group {
            Some((uuid, group)) => Ok((*uuid, group.id.clone())),
            None => Err(Fault::GroupNotFound(id.name().to_owned())),
        },
        _ => Err(Fault::TypeNotFound { type_name: NAME.to_owned(), version: String::new(), supported: Vec::new() }),
    }
}

/// The deployment that a call is about: its group, and its name.
fn asked<'a>(call: &Call<'a>, access: &Access) -> Result<(ResourceUuid, ResourceId, &'a str), Fault> {
    let (scope, name) = match &call.command.target {
        crate::command::Target::Fixed(_, named) => (Scope::Id(named.scope()?), named.text("deployment")),
        _ => {
            let (scope, name) = call.own()?;
            (scope.clone(), name)
        }
    };
    let (uuid, id) = group(access, &scope)?;
    check_name(name)?;
    Ok((uuid, id, name))
}
