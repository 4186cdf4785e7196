//! Changes through endpoints that are no resources: the order that all of them share.

use super::access::Access;
use super::place::check_open;
use super::{audit, conditions, locks};
use crate::command::{Call, Target};
use crate::fault::Fault;
use crate::fixed::Answer;
use crate::outcome::Outcome;
use crate::resource_type::ChangeFn;
use crate::right::Right;
use bonafide_core::access::Allowed;
use bonafide_store::Tx;
use http::Method;

/// Changes what an endpoint is about. Access was checked before, in the same transaction (`access::enter`); what the
/// path names must be there and not be going, and the preconditions and its locks must allow it. Who did it is recorded with it.
pub(crate) fn endpoint(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    access: &Access,
    allowed: &Allowed,
    change: ChangeFn,
) -> Result<Outcome, Fault> {
    let Target::Fixed(fixed, named) = &call.command.target else { return Err(Fault::NoSuchRoute) };
    let (Right::Action(action, scope) | Right::Placing(action, scope)) = call.command.right() else {
        return Err(Fault::WrongProof);
    };
    if let (Some(group), None) = (&named.group, &access.place.group) {
        return Err(Fault::GroupNotFound(group.name().to_owned()));
    }
    if let Answer::Change(etag, _) = fixed.answer {
        conditions::check_change(tx, call, access, etag)?;
    }
    match fixed.route.method {
        Method::DELETE => locks::check_delete_at(tx, call, &access.place)?,
        _ => locks::check_write(tx, call, &access.place)?,
    }
    check_open(&access.place)?;
    let outcome = change(tx, call, access, allowed)?;
    audit::record(tx, call, &action, &scope.to_string())?;
    Ok(outcome)
}
