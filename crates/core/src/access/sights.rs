//! Bodies of resources as a caller may see them: the only way to show one. For many resources the caller's roles are
//! matched once for each type.

use super::{Chain, Grants, Plane, check};
use crate::directory::{Resource, Shown, Sight};
use bonafide_store::{Read, StoreError};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// The parts that one caller sees of the resources at a scope and below it.
#[derive(Debug)]
pub struct Sights<'a, R> {
    tx: &'a R,
    grants: &'a Grants,
    above: &'a Chain,
    /// By the name of the type.
    reach: RefCell<BTreeMap<String, Reach>>,
}

/// The resources of a type that a caller may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// All at the scope and below it: roles add up.
    All,
    /// None anywhere.
    None,
    /// Some below the scope, or outside of it.
    Some,
}

impl<'a, R: Read> Sights<'a, R> {
    /// The sights of a caller with these roles, at the scope of `above` and below it.
    pub fn new(tx: &'a R, grants: &'a Grants, above: &'a Chain) -> Self {
        Self { tx, grants, above, reach: RefCell::default() }
    }

    /// The members of a resource's body that `wanted` names, as the caller may see them: all but secrets where it may write
    /// the resource (`{type}/write`), and else those that are for every reader. `chain` gives the resource's place, and is
    /// asked for it only where that decides.
    ///
    /// # Errors
    /// That of `chain`, and the store's.
    pub fn show<E: From<StoreError>>(
        &self,
        resource: &Resource,
        type_name: &str,
        chain: impl FnOnce() -> Result<Chain, E>,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Shown, E> {
        let declared = resource.shown(Sight::Declared, &wanted);
        // Most resources are the same to all: then nobody's roles are looked at.
        if !declared.is_partial || !self.may_write(type_name, chain)? {
            return Ok(declared);
        }
        Ok(resource.shown(Sight::Whole, &wanted))
    }

    fn may_write<E: From<StoreError>>(
        &self,
        type_name: &str,
        chain: impl FnOnce() -> Result<Chain, E>,
    ) -> Result<bool, E> {
        match self.reach(type_name)? {
            Reach::All => Ok(true),
            Reach::None => Ok(false),
            Reach::Some => Ok(check(self.tx, self.grants, &chain()?, &write(type_name), Plane::Control)?.is_ok()),
        }
    }

    fn reach(&self, type_name: &str) -> Result<Reach, StoreError> {
        let mut reach = self.reach.borrow_mut();
        if let Some(known) = reach.get(type_name) {
            return Ok(*known);
        }
        let action = write(type_name);
        let found = if check(self.tx, self.grants, self.above, &action, Plane::Control)?.is_ok() {
            Reach::All
        } else if self.grants.may_grant_somewhere(self.tx, &action, Plane::Control)? {
            Reach::Some
        } else {
            Reach::None
        };
        reach.insert(type_name.to_owned(), found);
        Ok(found)
    }
}

/// The members of a resource's body that are for every reader of it, for a resource that shows another in its own body.
pub fn for_every_reader(resource: &Resource) -> Shown {
    resource.shown(Sight::Declared, &|_| true)
}

fn write(type_name: &str) -> String {
    format!("{type_name}/write")
}
