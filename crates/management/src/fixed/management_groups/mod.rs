//! `/providers/Microsoft.Management`: management groups, and the subscriptions that lie in them.
//!
//! Source: the package azure-mgmt-managementgroups 1.0.0 in azure-cli 2.91 (api-version 2021-04-01), and the public
//! examples of that version.

mod lists;
mod sent;
mod settings;
mod show;
mod subscriptions;
mod tree;
mod write;

use super::{Answer, Fixed, Named, everything};
use crate::command::Call;
use crate::fault::Fault;
use crate::order::access::Access;
use crate::right::Right;
use bonafide_core::access::management_groups::{DELETE, PLACE, TAKE, WRITE};
use bonafide_types::{MANAGEMENT_GROUP_TYPE, ManagementGroupUuid, ResourceId, Scope};
use http::Method;

const LIST: &str = "/providers/Microsoft.Management/managementGroups";
const GROUP: &str = "/providers/Microsoft.Management/managementGroups/{managementGroup}";
const PLACED: &str = "/providers/Microsoft.Management/managementGroups/{managementGroup}/subscriptions/{subscription}";
const SETTINGS: &str = "/providers/Microsoft.Management/managementGroups/{managementGroup}/settings";
const DEFAULT: &str = "/providers/Microsoft.Management/managementGroups/{managementGroup}/settings/default";
const ENTITIES: &str = "/providers/Microsoft.Management/getEntities";

const READ: &str = "Microsoft.Management/managementGroups/read";
const READ_PLACED: &str = "Microsoft.Management/managementGroups/subscriptions/read";

pub(super) static ENDPOINTS: &[Fixed] = &[
    // Lists of what the caller may read.
    Fixed::get(LIST, |_| Right::SignedIn, lists::groups),
    Fixed::of_store(Method::POST, ENTITIES, |_| Right::SignedIn, Answer::Read(lists::entities)),
    // The following pages of the same list: clients ask for a next link with GET (azure-cli 2.91).
    Fixed::get(ENTITIES, |_| Right::SignedIn, lists::entities),
    Fixed::of_store(
        Method::POST,
        "/providers/Microsoft.Management/checkNameAvailability",
        |_| Right::SignedIn,
        Answer::Read(lists::check_name),
    ),
    Fixed::get(GROUP, |named| at(named, READ), show::get),
    Fixed::of_store(Method::PUT, GROUP, placing, Answer::Change(show::etag, write::put)),
    Fixed::of_store(Method::PATCH, GROUP, |named| at(named, WRITE), Answer::Change(show::etag, write::patch)),
    Fixed::of_store(Method::DELETE, GROUP, |named| at(named, DELETE), Answer::Change(show::etag, write::delete)),
    Fixed::get(
        "/providers/Microsoft.Management/managementGroups/{managementGroup}/descendants",
        |named| at(named, READ),
        lists::descendants,
    ),
    Fixed::get(
        "/providers/Microsoft.Management/managementGroups/{managementGroup}/subscriptions",
        |named| at(named, READ_PLACED),
        subscriptions::list,
    ),
    Fixed::get(PLACED, |named| at(named, READ_PLACED), subscriptions::get),
    Fixed::of_store(
        Method::PUT,
        PLACED,
        |named| at(named, PLACE),
        Answer::Change(subscriptions::etag, subscriptions::put),
    ),
    Fixed::of_store(
        Method::DELETE,
        PLACED,
        |named| at(named, TAKE),
        Answer::Change(subscriptions::etag, subscriptions::delete),
    ),
    Fixed::get(SETTINGS, |named| at(named, settings::READ), settings::list),
    Fixed::get(DEFAULT, |named| at(named, settings::READ), settings::get),
    Fixed::of_store(
        Method::PUT,
        DEFAULT,
        |named| at(named, settings::WRITE),
        Answer::Change(settings::etag, settings::put),
    ),
    Fixed::of_store(
        Method::PATCH,
        DEFAULT,
        |named| at(named, settings::WRITE),
        Answer::Change(settings::etag, settings::patch),
    ),
    Fixed::of_store(
        Method::DELETE,
        DEFAULT,
        |named| at(named, settings::DELETE),
        Answer::Change(settings::etag, settings::delete),
    ),
    // Both read alone: what is to be done is done.
    Fixed::of_store(
        Method::POST,
        "/providers/Microsoft.Management/tenantBackfillStatus",
        |_| Right::SignedIn,
        Answer::Read(settings::backfill),
    ),
    Fixed::of_store(
        Method::POST,
        "/providers/Microsoft.Management/startTenantBackfill",
        |_| Right::SignedIn,
        Answer::Read(settings::backfill),
    ),
];

/// The right to do `action` at the management group of the path.
fn at(named: &Named, action: &str) -> Right {
    scope(named).map_or_else(everything, |scope| Right::Action(action.to_owned(), scope))
}

/// The right to write a management group that may not be there yet.
fn placing(named: &Named) -> Right {
    scope(named).map_or_else(everything, |scope| Right::Placing(WRITE.to_owned(), scope))
}

/// The management group of the path as a scope; `None` for a name that no id can have.
fn scope(named: &Named) -> Option<Scope> {
    let id = ResourceId::parse(&id_of(named.text("managementGroup"))).ok()?;
    match Scope::of(id) {
        Scope::ManagementGroup(id) => Some(Scope::ManagementGroup(id)),
        Scope::Root | Scope::Id(_) => None,
    }
}

/// The id of a management group.
pub(crate) fn id_of(name: &str) -> String {
    format!("/providers/{MANAGEMENT_GROUP_TYPE}/{name}")
}

/// The management group of a call, which must be there.
fn found(call: &Call<'_>, access: &Access) -> Result<ManagementGroupUuid, Fault> {
    let missing = || Ok::<_, Fault>(Fault::ManagementGroupNotFound(call.named()?.text("managementGroup").to_owned()));
    match access.place.management_group {
        Some(uuid) => Ok(uuid),
        None => Err(missing()?),
    }
}
