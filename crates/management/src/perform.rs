//! From a command to its outcome: the caller's right, then the call itself, in one read or one transaction.

use crate::Cx;
use crate::command::{Call, Command, Target, Verb};
use crate::fault::Fault;
use crate::fixed::{Answer, Fixed};
use crate::operations;
use crate::order::access::{self, Access};
use crate::order::delete::{self, Deleted};
use crate::order::{change, list, locks, read, write};
use crate::outcome::{Accepted, Outcome};
use crate::resource_type::{ChangeFn, Kind, ReadFn, Rows, Run};
use bonafide_core::access::Allowed;
use bonafide_store::{ReadTx, Tx};
use bonafide_types::{OperationId, SubscriptionId};

/// Steps of a deletion that its own request takes; polling takes one each. Source: ours; bounds the
/// request to some thousand resources.
const STEPS_AT_ONCE: usize = 16;

/// Does what is asked.
pub(crate) fn perform(cx: &Cx<'_>, command: &Command) -> Result<Outcome, Fault> {
    let call = &Call { cx, command };
    match (&command.target, command.verb) {
        (Target::Fixed(fixed, _), _) => answer_fixed(call, fixed),
        (Target::Own(_, kind, _), verb) => match own(kind, verb) {
            Some(Does::Read(answer)) => reading(call, answer),
            Some(Does::Change(change)) => writing(call, |tx, call, access, allowed| {
                check_locks(tx, call, access, kind)?;
                change(tx, call, access, allowed)
            }),
            None => Err(Fault::NoSuchRoute),
        },
        (Target::Resource(..), Verb::Get) => reading(call, |tx, call, access| read::get(tx, call, access)),
        (Target::Resource(..), Verb::Head) => reading(call, |_, call, access| read::head(call, access)),
        (Target::Resource(..), Verb::List) => reading(call, list::of_type),
        (Target::Resource(..), Verb::Put | Verb::Patch) => writing(call, write::resource),
        (Target::Resource(..), Verb::Action(action)) => match action.run {
            Run::Read(answer) => reading(call, answer),
            Run::Change(_) => writing(call, write::resource),
        },
        (Target::Resource(_, kind), Verb::Delete) => delete_resource(call, kind),
    }
}

/// Tells whether the caller may do what is asked, as far as its right decides. A store that cannot be read says no.
pub(crate) fn may_perform(cx: &Cx<'_>, command: &Command) -> bool {
    let (call, right) = (&Call { cx, command }, command.right());
    cx.store.read(|tx| access::enter(tx, call, &right)).is_ok()
}

fn reading(
    call: &Call<'_>,
    answer: impl FnOnce(&ReadTx<'_>, &Call<'_>, &Access) -> Result<Outcome, Fault>,
) -> Result<Outcome, Fault> {
    call.cx.store.read(|tx| answer(tx, call, &access::enter(tx, call, &call.command.right())?))
}

fn writing<T>(
    call: &Call<'_>,
    change: impl Fn(&mut Tx<'_>, &Call<'_>, &Access, &Allowed) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let right = call.command.right();
    call.cx.store.write(|tx| {
        let access = access::enter(tx, call, &right)?;
        let allowed = access.proof(call, &right)?;
        change(tx, call, &access, &allowed)
    })
}

/// The function of a type with rows of its own that a verb calls.
enum Does {
    Read(ReadFn),
    Change(ChangeFn),
}

fn own(kind: &Kind, verb: Verb) -> Option<Does> {
    let Rows::Own(own) = kind.of.rows else { return None };
    match verb {
        Verb::Get => own.get.map(Does::Read),
        Verb::List => own.list.map(|(_, list)| Does::Read(list)),
        Verb::Put => own.put.map(Does::Change),
        Verb::Delete => own.delete.map(Does::Change),
        Verb::Patch | Verb::Head | Verb::Action(_) => None,
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
        Answer::Change(of) => {
            return writing(call, |tx, call, access, allowed| change::endpoint(tx, call, access, allowed, of));
        }
        Answer::Operation(show) => show,
    };
    let key = call.named()?.operation()?;
    call.cx.store.read(|tx| access::enter(tx, call, &call.command.right()))?;
    let operation = operations::advance(call.cx.store, &call.cx.world, key, 1)?;
    let of_tenant = operation.filter(|operation| operation.tenant == call.command.by.tenant);
    show(call, key.1, &of_tenant.ok_or(Fault::OperationNotFound(key.1))?)
}

/// Deletes a resource or a group. A resource that is not there is gone already.
fn delete_resource(call: &Call<'_>, kind: &Kind) -> Result<Outcome, Fault> {
    let begin = |batch| writing(call, |tx, call, access, allowed| delete::resource(tx, call, access, allowed, batch));
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
    let namespace = kind.name.split('/').next().unwrap_or_default();
    let status = location.filter(|_| kind.of.status_address).map(|location| (namespace.to_owned(), location));
    Ok(Outcome::Accepted(Accepted { subscription: key.0, operation: key.1, status }))
}

/// Takes the first steps of an operation in the request that started it; true when they were the last ones,
/// too. A failure of theirs is none of the request, which was accepted: who polls the operation takes more
/// steps, and so does `operations::advance_all`.
fn first_steps(call: &Call<'_>, operation: (SubscriptionId, OperationId)) -> bool {
    operations::advance(call.cx.store, &call.cx.world, operation, STEPS_AT_ONCE)
        .is_ok_and(|operation| operation.is_some_and(|operation| operation.status() == operations::Status::Succeeded))
}
