//! The one way out of a body.

use super::marks::{Mark, Marks, Node};
use crate::directory::Resource;
use serde_json::{Map, Value};
use std::iter;

/// The parts of a body that a caller may see. [`crate::access::Sights`] decides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Those that every reader may see.
    Declared,
    /// All that is stored and no secret.
    Whole,
}

/// A body as a caller sees it.
#[derive(Debug, PartialEq)]
pub struct Shown {
    /// Its members.
    pub members: Map<String, Value>,
    /// True where others see more: to store it again would lose that.
    pub is_partial: bool,
}

impl Resource {
    /// The members of the body that `wanted` names, as a caller may see them. A secret that an older version
    /// stored is not among them.
    pub(crate) fn shown(&self, sight: Sight, wanted: &dyn Fn(&str) -> bool) -> Shown {
        let mut filter = Filter { sight, is_partial: false };
        let body = self.body.0.iter().filter(|(name, _)| wanted(name));
        let members = match (Marks::of(&self.id), sight) {
            (Marks::Described(node), Sight::Whole) => filter.described(body, Some(node)),
            (Marks::Described(node), Sight::Declared) => filter.of_described_type(body, node),
            (Marks::Undescribed, Sight::Whole) => body.map(|(name, value)| (name.clone(), value.clone())).collect(),
            (Marks::Undescribed, Sight::Declared) => filter.declared(body, Node::common()),
        };
        Shown { members, is_partial: filter.is_partial }
    }
}

struct Filter {
    sight: Sight,
    is_partial: bool,
}

impl Filter {
    /// The members that the description has, `properties` always among them, and of the others those that are for
    /// everybody in every type.
    fn of_described_type<'a>(
        &mut self,
        body: impl Iterator<Item = (&'a String, &'a Value)>,
        node: &Node,
    ) -> Map<String, Value> {
        let mut shown = Map::with_capacity(body.size_hint().1.unwrap_or_default());
        for member in body {
            shown.extend(match node.member(member.0) {
                Some(_) => self.described(iter::once(member), Some(node)),
                None => self.declared(iter::once(member), Node::common()),
            });
        }
        shown
    }

    /// All members but those that are not for this caller.
    fn described<'a>(
        &mut self,
        members: impl Iterator<Item = (&'a String, &'a Value)>,
        node: Option<&Node>,
    ) -> Map<String, Value> {
        let mut shown = Map::with_capacity(members.size_hint().1.unwrap_or_default());
        for (name, value) in members {
            let inner = node.and_then(|node| node.member(name));
            match mark(name, value, inner) {
                Some(Mark::Secret) => {}
                Some(Mark::Writers) if self.sight == Sight::Declared => self.is_partial = true,
                _ => drop(shown.insert(name.clone(), self.described_value(value, inner))),
            }
        }
        shown
    }

    fn described_value(&mut self, value: &Value, node: Option<&Node>) -> Value {
        match value {
            Value::Object(object) => Value::Object(self.described(object.iter(), node)),
            Value::Array(elements) => {
                Value::Array(elements.iter().map(|element| self.described_value(element, node)).collect())
            }
            other => other.clone(),
        }
    }

    /// The members that are declared to be for everybody.
    fn declared<'a>(
        &mut self,
        members: impl Iterator<Item = (&'a String, &'a Value)>,
        node: &Node,
    ) -> Map<String, Value> {
        let mut shown = Map::new();
        for (name, value) in members {
            let seen = node.member(name).and_then(|node| match node.mark() {
                Some(Mark::Readable) => simple(value),
                _ => value.as_object().map(|object| Value::Object(self.declared(object.iter(), node))),
            });
            match seen {
                Some(seen) => drop(shown.insert(name.clone(), seen)),
                None => self.is_partial = true,
            }
        }
        shown
    }
}

/// The mark of a member of a described type. A value in which the description cannot be followed is for writers: the secrets
/// that are sought below it could be anywhere in it.
fn mark(name: &str, value: &Value, node: Option<&Node>) -> Option<Mark> {
    match node {
        Some(node) if node.mark().is_some() => node.mark(),
        _ if !could_hold_a_secret(value) => None,
        Some(node) => (!node.fits(value)).then_some(Mark::Writers),
        None => Marks::by_end(name),
    }
}

fn could_hold_a_secret(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(_))
}

/// A value that is a text, a number or a word, or a list of such: in what is declared nothing more can be hidden.
fn simple(value: &Value) -> Option<Value> {
    match value {
        Value::Object(_) => None,
        Value::Array(elements) if elements.iter().any(|one| one.is_object() || one.is_array()) => None,
        other => Some(other.clone()),
    }
}
