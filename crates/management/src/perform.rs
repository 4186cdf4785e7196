//! From a command to its outcome: the caller's right, then the call itself, in one read or one transaction.

use crate::Cx;
use crate::command::{Call, Command, Target, Verb};
use crate::deployments::{self, evaluates};
use crate::fault::Fault;
use crate::fixed::{Answer, Fixed};
use crate::operations;
use crate::order::access::{self, Access};
use crate::order::delete::{self, Deleted};
use crate::order::{change, conditions, list, locks, read, write};
use crate::outcome::{Accepted, Begun, Outcome, Shown, StatusAddress};
use crate::resource_type::{ChangeFn, Kind, Own, ReadFn, Rows, Run};
use bonafide_core::access::Attributes;
use bonafide_store::{Read, ReadTx, Tx};
use bonafide_types::{OperationId, Scope, SubscriptionId};
use serde_json::Value;

/// Steps of an operation that its own request takes; polling takes one each. Source: ours; bounds the
/// request to some thousand resources.
const STEPS_AT_ONCE: usize = 16;

/// Does what is asked.
pub(crate) fn perform(cx: &Cx<'_>, command: &Command) -> Result<Outcome, Fault> {
    let call = &Call { cx, command };
    match does(command)? {
        Does::Answer(fixed) => answer_fixed(call, fixed),
        Does::Read(answer) => reading(call, answer),
        Does::Change(change) => match cx.store.write(|tx| changing(tx, call, change))? {
            Outcome::Begun(begun) => go_on(call, begun),
            Outcome::Accepted(accepted) if first_steps(call, accepted.key()) || is_quiet(command) => {
                Ok(match command.verb {
                    Verb::Action(action) if action.is_quiet() => Outcome::Nothing,
                    Verb::Delete => Outcome::Done,
                    _ => Outcome::shown(write::done(call)),
                })
            }
            done => Ok(done),
        },
        Does::Delete(kind) => delete_resource(call, kind),
    }
}

fn is_quiet(command: &Command) -> bool {
    matches!(command.verb, Verb::Action(action) if action.is_quiet())
}

/// Does what is asked inside a transaction of somebody else's, with the same checks as [`perform`]: the caller's right,
/// locks, linked access, the audit record. An operation that it begins takes its steps later. Only a change of one
/// thing can be a part of a transaction; whatever reads is asked apart.
pub(crate) fn perform_in(tx: &mut Tx<'_>, call: &Call<'_>) -> Result<Outcome, Fault> {
    match does(call.command)? {
        Does::Change(change) => changing(tx, call, change),
        Does::Answer(_) | Does::Read(_) | Does::Delete(_) => Err(Fault::NoSuchRoute),
    }
}

/// Reads a resource as its GET shows it, in whatever reads on behalf of a command's caller.
pub(crate) fn read_in(tx: &impl Read, call: &Call<'_>) -> Result<Value, Fault> {
    let (Target::Resource(..), Verb::Get) = (&call.command.target, call.command.verb) else {
        return Err(Fault::NoSuchRoute);
    };
    let access = access::enter(tx, call, &call.command.right())?;
    match read::get(tx, call, &access)? {
        Outcome::Shown(shown) => Ok(shown.body),
        _ => Err(Fault::NoSuchRoute),
    }
}

/// The function that a command calls.
enum Does<'a> {
    Answer(&'static Fixed),
    Read(ReadFn),
    Change(ChangeFn),
    Delete(&'a Kind),
}

fn does(command: &Command) -> Result<Does<'_>, Fault> {
    Ok(match (&command.target, command.verb) {
        (Target::Fixed(fixed, _), _) => match fixed.answer {
            Answer::Change(_, change) => Does::Change(change),
            _ => Does::Answer(fixed),
        },
        (Target::Own(_, kind, _), verb) => own(kind, verb).ok_or(Fault::NoSuchRoute)?,
        (Target::Resource(..), Verb::Get) => Does::Read(|tx, call, access| read::get(tx, call, access)),
        (Target::Resource(..), Verb::Head) => Does::Read(|tx, call, access| read::head(tx, call, access)),
        (Target::Resource(..), Verb::List) => Does::Read(list::of_type),
        (Target::Resource(..), Verb::Put | Verb::Patch) => Does::Change(write::resource),
        (Target::Resource(..), Verb::Action(action)) => match action.run {
            Run::Read(answer) => Does::Read(answer),
            Run::Change(_) | Run::Quietly(_) | Run::Beside(_) => Does::Change(write::resource),
        },
        (Target::Resource(_, kind), Verb::Delete) => Does::Delete(kind),
    })
}

/// Tells whether the caller may do what is asked, as far as its right decides. A store that cannot be read says no.
pub(crate) fn may_perform(cx: &Cx<'_>, command: &Command) -> bool {
    let (call, right) = (&Call { cx, command }, command.right());
    cx.store.read(|tx| access::enter_before_body(tx, call, &right)).is_ok()
}

fn reading(
    call: &Call<'_>,
    answer: impl FnOnce(&ReadTx<'_>, &Call<'_>, &Access) -> Result<Outcome, Fault>,
) -> Result<Outcome, Fault> {
    let right = call.command.right();
    call.cx.store.read(|tx| {
        let access = access::enter(tx, call, &right)?;
        check_group(call, &access)?;
        answer(tx, call, &access)
    })
}

/// Changes something, once the caller's right and the locks allow it.
fn changing(tx: &mut Tx<'_>, call: &Call<'_>, change: ChangeFn) -> Result<Outcome, Fault> {
    let right = call.command.right();
    let access = access::enter_before_body(tx, call, &right)?;
    let allowed = access.proof(call, &right, || attributes(tx, call, &access))?;
    check_group(call, &access)?;
    match &call.command.target {
        Target::Fixed(..) => return change::endpoint(tx, call, &access, &allowed, change),
        Target::Own(_, kind, _) => {
            if let Rows::Own(Own { changes: Some(changes), .. }) = kind.of.rows {
                conditions::check_change(tx, call, &access, changes.etag)?;
            }
            check_locks(tx, call, &access, kind)?;
        }
        Target::Resource(..) => {}
    }
    change(tx, call, &access, &allowed)
}

/// A row at a management group needs the group: the right was asked for above it, if it is not there.
fn check_group(call: &Call<'_>, access: &Access) -> Result<(), Fault> {
    match &call.command.target {
        Target::Own(Scope::ManagementGroup(id), ..) if access.place.management_group.is_none() => {
            Err(Fault::ManagementGroupNotFound(id.name().to_owned()))
        }
        _ => Ok(()),
    }
}

/// The attributes of a change, which a condition of a role may ask for beside its action.
fn attributes(tx: &Tx<'_>, call: &Call<'_>, access: &Access) -> Result<Attributes, Fault> {
    match &call.command.target {
        Target::Own(_, kind, _) => match kind.of.rows {
            Rows::Own(own) => (own.attributes)(tx, call, access),
            Rows::Resources => Ok(Attributes::default()),
        },
        Target::Fixed(..) | Target::Resource(..) => Ok(Attributes::default()),
    }
}

fn own(kind: &Kind, verb: Verb) -> Option<Does<'static>> {
    let Rows::Own(own) = kind.of.rows else { return None };
    match verb {
        Verb::Get => own.get.map(Does::Read),
        Verb::Head => own.head.map(Does::Read),
        Verb::List => own.list.map(|(_, list)| Does::Read(list)),
        Verb::Put | Verb::Patch | Verb::Delete | Verb::Action(_) => own.change(verb).map(Does::Change),
    }
}

/// Checks the locks of a call. A row at a scope is locked with the scope.
fn check_locks(tx: &Tx<'_>, call: &Call<'_>, access: &Access, kind: &Kind) -> Result<(), Fault> {
    match (&kind.of.rows, call.command.verb) {
        (Rows::Own(own), _) if own.is_above_locks => Ok(()),
        (_, Verb::Delete) => locks::check_delete_at(tx, call, &access.place),
        _ => locks::check_write(tx, call, &access.place),
    }
}

fn answer_fixed(call: &Call<'_>, fixed: &Fixed) -> Result<Outcome, Fault> {
    let show = match fixed.answer {
        Answer::Public(answer) => return Ok(Outcome::shown(answer(call.cx.config, Some(&call.command.version)))),
        Answer::Read(answer) => return reading(call, answer),
        Answer::Change(..) => return Err(Fault::NoSuchRoute),
        Answer::Operation(show) => show,
    };
    let key = call.named()?.operation()?;
    call.cx.store.read(|tx| access::enter(tx, call, &call.command.right()))?;
    // Templates are evaluated in their own lane: a poll in another one takes no step of a deployment.
    let operation = match call.cx.store.read(|tx| operations::find(tx, key.0, key.1))? {
        Some(found)
            if found.work.kind == deployments::WORKER.kind && !evaluates(call.command.verb, &call.command.target) =>
        {
            Some(found)
        }
        _ => operations::advance(call.cx, key, 1)?,
    };
    let of_tenant = operation.filter(|operation| operation.tenant == call.command.by.tenant);
    show(call, key.1, &of_tenant.ok_or(Fault::OperationNotFound(key.1))?)
}

/// Deletes a resource or a group. A resource that is not there is gone already.
fn delete_resource(call: &Call<'_>, kind: &Kind) -> Result<Outcome, Fault> {
    let right = call.command.right();
    let begin = |batch| {
        call.cx.store.write(|tx| {
            let access = access::enter_before_body(tx, call, &right)?;
            let allowed = access.proof(call, &right, || attributes(tx, call, &access))?;
            delete::resource(tx, call, &access, &allowed, batch)
        })
    };
    let deleted = match begin(operations::STEP_ITEMS_MAX) {
        // Few things, but large ones: the operation finds out how many of them a commit holds.
        Err(Fault::TooMuchAtOnce) => begin(0)?,
        other => other?,
    };
    let (key, location) = match deleted {
        Deleted::Absent => return Ok(Outcome::Nothing),
        Deleted::Begun { operation, location } if !first_steps(call, operation) => (operation, location),
        Deleted::Gone | Deleted::Begun { .. } => return Ok(Outcome::Done),
    };
    let status = location.filter(|_| kind.of.status_address).map(|location| StatusAddress::of(kind, location));
    Ok(Outcome::Accepted(Accepted { subscription: key.0, operation: key.1, status }))
}

/// Goes on with the operation that a write began, and shows the resource as it is then. One that has succeeded leaves
/// its client nothing to wait for; of one that has not, or has failed, the client is told where it can be read.
fn go_on(call: &Call<'_>, begun: Begun) -> Result<Outcome, Fault> {
    let is_done = first_steps(call, begun.operation.key());
    let right = call.command.right();
    let shown = call.cx.store.read(|tx| show_again(tx, call, &access::enter(tx, call, &right)?));
    // It was accepted: whatever its steps have made of the resource, or of the caller's rights, is no refusal.
    let shown = shown.unwrap_or(begun.shown);
    Ok(match (is_done, begun.is_new) {
        (false, is_new) => Outcome::Begun(Begun { shown, is_new, operation: begun.operation }),
        (true, true) => Outcome::Created(shown),
        (true, false) => Outcome::Shown(shown),
    })
}

/// The target of a write as it is shown to the writer.
fn show_again(tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Shown, Fault> {
    let outcome = match &call.command.target {
        Target::Own(_, kind, _) => match own(kind, Verb::Get) {
            Some(Does::Read(get)) => get(tx, call, access)?,
            _ => return Err(Fault::NoSuchRoute),
        },
        _ => read::get(tx, call, access)?,
    };
    match outcome {
        Outcome::Shown(shown) => Ok(shown),
        _ => Err(Fault::NoSuchRoute),
    }
}

/// Takes the first steps of an operation in the request that started it; true when they were the last ones,
/// too. A failure of theirs is none of the request, which was accepted: who polls the operation takes more
/// steps, and so does `operations::advance_all`.
fn first_steps(call: &Call<'_>, operation: (SubscriptionId, OperationId)) -> bool {
    operations::advance(call.cx, operation, STEPS_AT_ONCE)
        .is_ok_and(|operation| operation.is_some_and(|operation| operation.status() == operations::Status::Succeeded))
}
