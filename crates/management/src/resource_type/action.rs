//! Operations on a resource beside reading, writing and deleting it.

use super::ReadFn;
use crate::fault::Fault;
use crate::order::linked::Link;
use crate::order::write::Write;
use http::Method;
use serde_json::Value;

/// An operation on a resource of a type beside reading, writing and deleting it.
#[derive(Debug)]
pub(crate) struct Action {
    /// The method.
    pub(crate) method: Method,
    /// The last segment of the path.
    pub(crate) name: &'static str,
    /// The action that a role must grant, without the type: `start/action`.
    pub(crate) right: &'static str,
    /// The function that runs it.
    pub(crate) run: Run,
}

impl Action {
    /// Changes the resource, where it does that.
    pub(crate) fn change(&self, write: &mut Write<'_, '_>) -> Result<(), Fault> {
        match self.run {
            Run::Read(_) | Run::Beside(_) => Ok(()),
            Run::Change(change) | Run::Quietly(change) => change(write),
        }
    }

    /// True for one that answers nothing, whatever goes on.
    pub(crate) fn is_quiet(&self) -> bool {
        matches!(self.run, Run::Quietly(_))
    }
}

/// The function that runs an action.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Run {
    /// It answers from what is stored.
    Read(ReadFn),
    /// It changes the resource, by the same order as every write.
    Change(fn(&mut Write<'_, '_>) -> Result<(), Fault>),
    /// The same, and the answer is 204, though it may go on.
    Quietly(fn(&mut Write<'_, '_>) -> Result<(), Fault>),
    /// It changes what is no part of the resource, by the same order, and has an answer of its own.
    Beside(&'static Beside),
}

/// An action that changes what is no part of its resource.
#[derive(Debug)]
pub(crate) struct Beside {
    /// The other resources that it involves, with the rights that they take (`order/linked.rs`).
    pub(crate) links: fn(&Write<'_, '_>) -> Result<Vec<Link>, Fault>,
    /// The function that runs it.
    pub(crate) run: fn(&mut Write<'_, '_>) -> Result<Value, Fault>,
}
