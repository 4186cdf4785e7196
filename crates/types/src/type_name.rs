//! Resource type names.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

/// Longest resource type, in bytes. Source: ours.
const TYPE_NAME_BYTES_MAX: usize = 256;

/// The text is not `Namespace/type[/childType…]`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a resource type")]
pub struct TypeNameError(String);

/// A resource type, `Microsoft.Compute/virtualMachines`. Compares without case; prints as written.
#[derive(Debug, Clone)]
pub struct TypeName(Box<str>);

impl TypeName {
    /// The type as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the first slash.
    pub fn namespace(&self) -> &str {
        self.0.split('/').next().unwrap_or(&self.0)
    }

    /// The part after the first slash: `virtualMachines/extensions`.
    pub fn types(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, types)| types)
    }

    /// True when this is the type named, in any case.
    pub fn is(&self, name: &str) -> bool {
        self.0.eq_ignore_ascii_case(name)
    }

    /// The type in lower case, for keys.
    pub fn fold(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl TypeName {
    /// The type of a namespace and the types in it, which are known to be in the form of one.
    pub(crate) fn joined<'a>(namespace: &str, types: impl Iterator<Item = &'a str>) -> Self {
        let mut text = String::with_capacity(TYPE_NAME_BYTES);
        text.push_str(namespace);
        for segment in types {
            text.push('/');
            text.push_str(segment);
        }
        Self(text.into())
    }

    /// True when a namespace and the types in it are in the form of a type.
    pub(crate) fn are_segments<'a>(namespace: &'a str, types: impl Iterator<Item = &'a str>) -> bool {
        let (mut bytes, mut count) = (0, 0);
        std::iter::once(namespace).chain(types).all(|segment| {
            bytes += segment.len();
            count += 1;
            is_segment(segment)
        }) && count > 1
            && bytes + count - 1 <= TYPE_NAME_BYTES_MAX
    }
}

/// Room for an ordinary type, so that it does not move as it grows.
const TYPE_NAME_BYTES: usize = 64;

fn is_segment(segment: &str) -> bool {
    !segment.is_empty()
        && segment.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
        && !segment.starts_with('.')
        && !segment.ends_with('.')
}

fn is_type_name(text: &str) -> bool {
    text.len() <= TYPE_NAME_BYTES_MAX && text.contains('/') && text.split('/').all(is_segment)
}

impl FromStr for TypeName {
    type Err = TypeNameError;

    fn from_str(text: &str) -> Result<Self, TypeNameError> {
        if is_type_name(text) { Ok(Self(text.into())) } else { Err(TypeNameError(text.chars().take(128).collect())) }
    }
}

impl PartialEq for TypeName {
    fn eq(&self, other: &Self) -> bool {
        self.is(&other.0)
    }
}

impl Eq for TypeName {}

impl Hash for TypeName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.fold().hash(state);
    }
}

impl fmt::Display for TypeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for TypeName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TypeName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
