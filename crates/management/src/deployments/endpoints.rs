//! The paths of deployments that are none of a resource: `validate`, the operations of a deployment, and its status.

use super::{NAME, put, read, validate};
use crate::fixed::{Answer, Fixed, Named, everything, poll_status};
use crate::right::Right;
use bonafide_types::Scope;
use http::Method;

pub(crate) static ENDPOINTS: &[Fixed] = &[
    Fixed::of_store(
        Method::POST,
        "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Resources/deployments/{deployment}/validate",
        |named| right(named, "validate/action"),
        Answer::Read(validate::validate),
    ),
    Fixed::of_store(
        Method::POST,
        "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Resources/deployments/{deployment}/cancel",
        |named| right(named, "cancel/action"),
        Answer::Change(read::etag, put::cancel),
    ),
    Fixed::get(
        "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Resources/deployments/{deployment}/operations",
        |named| right(named, "operations/read"),
        read::operations,
    ),
    Fixed::get(
        "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Resources/deployments/{deployment}/operations/{step}",
        |named| right(named, "operations/read"),
        read::operation,
    ),
    // As az and PowerShell ask for them.
    Fixed::get(
        "/subscriptions/{subscription}/resourceGroups/{group}/deployments/{deployment}/operations",
        |named| right(named, "operations/read"),
        read::operations,
    ),
    Fixed::get(
        "/subscriptions/{subscription}/resourceGroups/{group}/deployments/{deployment}/operations/{step}",
        |named| right(named, "operations/read"),
        read::operation,
    ),
    poll_status(
        "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Resources/deployments/{deployment}/operationStatuses/{operation}",
    ),
];

/// The right to do something with a deployment, at its group.
fn right(named: &Named, action: &str) -> Right {
    match &named.group {
        Some(group) => Right::Action(format!("{NAME}/{action}"), Scope::Id(group.clone())),
        None => everything(),
    }
}
