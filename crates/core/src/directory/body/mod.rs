//! The part of a resource that no type shares with another: what was sent, less its secrets. It is stored, and it comes
//! out in one way only, `access::Sights`: by what `data/members.txt` says of its members and by what the caller may.

pub(super) mod bytes;
mod marks;
mod named;
mod patch;
mod shown;
#[cfg(test)]
mod tests;

use bonafide_types::ResourceId;
use bonafide_types::json::JsonError;
use marks::Marks;
pub use named::Named;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
pub use shown::Shown;
pub(crate) use shown::Sight;
use std::fmt;

/// The top-level members of a resource that no field of its own holds (`location`, `properties`, `sku`, `kind`, `zones`, …).
///
/// It has no `Serialize` and prints nothing, so that it cannot get into an answer or a log as it is.
#[derive(Clone, Default, PartialEq)]
pub struct Body(Map<String, Value>);

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Body(..)")
    }
}

impl Body {
    /// The body of a resource as it may be stored: without the members that its type marks as secret.
    pub fn kept(id: &ResourceId, sent: Map<String, Value>) -> Self {
        let mut body = Self(sent);
        body.drop_secrets(id);
        body
    }

    /// Makes of the body of a resource, stored by whatever version, one as it may be stored; true if it had secrets.
    pub(super) fn drop_secrets(&mut self, id: &ResourceId) -> bool {
        Marks::of(id).drop_secrets(&mut self.0)
    }

    /// JSON merge patch (RFC 7396): objects are merged, null removes, everything else replaces. The outcome is
    /// bounded as a body that is sent, so that a resource cannot grow patch by patch; then it loses its secrets.
    ///
    /// # Errors
    /// [`JsonError::TooDeep`] or [`JsonError::TooMany`].
    pub fn patch(&mut self, id: &ResourceId, patch: &Map<String, Value>) -> Result<(), JsonError> {
        patch::merge(&mut self.0, patch);
        patch::check_bounds(&self.0)?;
        self.drop_secrets(id);
        Ok(())
    }

    /// Puts the members that are sent, those of `properties` each for itself, in place of those of the same name, and
    /// keeps the others; null removes one.
    ///
    /// # Errors
    /// [`JsonError::TooDeep`] or [`JsonError::TooMany`], as for [`Body::patch`].
    pub fn replace_members(&mut self, id: &ResourceId, mut sent: Map<String, Value>) -> Result<(), JsonError> {
        if let Some(Value::Object(inner)) = sent.get_mut(PROPERTIES)
            && let Some(Value::Object(old)) = self.0.get_mut(PROPERTIES)
        {
            patch::replace(old, std::mem::take(inner));
            sent.shift_remove(PROPERTIES);
        }
        patch::replace(&mut self.0, sent);
        patch::check_bounds(&self.0)?;
        self.drop_secrets(id);
        Ok(())
    }

    /// The member at the end of a path of names, in any case, for a decision. It is not for showing: what a caller sees,
    /// `access::Sights` decides.
    pub fn member(&self, path: &[&str]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(named(&self.0, first)?, |value, name| named(value.as_object()?, name))
    }

    /// Puts a value at the end of a path of names, in any case; objects that are missing on the way are made. A value on
    /// the way that is no object stays, and nothing is put.
    pub fn set_member(&mut self, path: &[&str], value: Value) {
        let Some((last, above)) = path.split_last() else { return };
        let mut object = &mut self.0;
        for name in above {
            let slot = object.entry(spelled(object, name)).or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(inner) = slot else { return };
            object = inner;
        }
        object.insert(spelled(object, last), value);
    }

    /// Takes out the member at the end of a path of names, in any case, and gives it.
    pub fn take_member(&mut self, path: &[&str]) -> Option<Value> {
        let (last, above) = path.split_last()?;
        let mut object = &mut self.0;
        for name in above {
            object = object.get_mut(&spelled(object, name))?.as_object_mut()?;
        }
        object.shift_remove(&spelled(object, last))
    }

    /// True when it says the same as another body but for these members of `properties`, in any case.
    pub(crate) fn is_same_but_for(&self, exempt: &[&str], other: &Self) -> bool {
        let counts = |name: &str| !exempt.iter().any(|exempt| name.eq_ignore_ascii_case(exempt));
        let is_same = |name: &str, value: &Value| match (name, value, other.0.get(name)) {
            (PROPERTIES, Value::Object(these), Some(Value::Object(those))) => {
                let these = these.iter().filter(|(name, _)| counts(name));
                let count = those.keys().filter(|name| counts(name)).count();
                these.clone().count() == count && these.clone().all(|(name, value)| those.get(name) == Some(value))
            }
            (_, value, found) => found == Some(value),
        };
        self.0.len() == other.0.len() && self.0.iter().all(|(name, value)| is_same(name, value))
    }

    /// The location.
    pub fn location(&self) -> Option<&str> {
        self.0.get(LOCATION).and_then(Value::as_str)
    }

    /// Sets the location, or takes it away.
    pub fn set_location(&mut self, location: Option<String>) {
        match location {
            Some(location) => drop(self.0.insert(LOCATION.to_owned(), location.into())),
            None => drop(self.0.shift_remove(LOCATION)),
        }
    }

    /// Bytes that it counts for among those of the resource above.
    pub fn bytes(&self) -> u64 {
        bytes::of_object(&self.0)
    }

    /// The user-assigned identities that it names.
    pub fn named(&self) -> Vec<Named> {
        named::in_object(&self.0)
    }

    /// True for a group of an earlier version that is being deleted: it said so here.
    pub(super) fn says_deleting(&self) -> bool {
        self.0.get(DELETING) == Some(&Value::Bool(true))
    }

    /// Takes away what groups of earlier versions said here.
    pub fn forget_deleting(&mut self) {
        self.0.shift_remove(DELETING);
    }
}

/// A digest of all that is known to be secret: it differs where [`Body::kept`] drops other members.
pub fn digest_of_secrets() -> String {
    marks::digest_of_secrets()
}

/// A member of an object, in any case of its name.
fn named<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object
        .get(name)
        .or_else(|| object.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// The spelling in which an object has a member, or else the one that is asked for.
fn spelled(object: &Map<String, Value>, name: &str) -> String {
    object.keys().find(|other| other.eq_ignore_ascii_case(name)).cloned().unwrap_or_else(|| name.to_owned())
}

const PROPERTIES: &str = "properties";
const LOCATION: &str = "location";
const DELETING: &str = "deleting";

/// The form in which a body is stored, with its resource.
pub(super) fn store<S: Serializer>(body: &Body, serializer: S) -> Result<S::Ok, S::Error> {
    body.0.serialize(serializer)
}

/// A stored body, as the version that stored it left it: what it shows is decided when it is shown.
pub(super) fn load<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Body, D::Error> {
    Map::deserialize(deserializer).map(Body)
}
