//! The part of the directory that an endpoint is about.

use crate::kind::Kind;
use bonafide_types::ObjectId;

/// The part of the directory that an endpoint is about, and with it who may ask besides those with a right to the whole
/// directory.
#[derive(Clone, Copy)]
pub(crate) enum About {
    /// A collection, or what has neither an owner nor an application id.
    Directory,
    /// The object of this type that the path names, in a matter that is not its owners' to decide.
    Object(Kind),
    /// The object of this type that the path names, whose owners may ask, too.
    Owned(Kind),
}

impl About {
    /// The type of the object that the path names.
    pub(crate) fn kind(self) -> Option<Kind> {
        match self {
            Self::Directory => None,
            Self::Object(kind) | Self::Owned(kind) => Some(kind),
        }
    }

    /// The type of the object whose owners may ask.
    pub(crate) fn owned(self) -> Option<Kind> {
        match self {
            Self::Directory | Self::Object(_) => None,
            Self::Owned(kind) => Some(kind),
        }
    }
}

/// An object that a path names, which exists in the caller's tenant.
#[derive(Clone, Copy)]
pub(crate) struct Named {
    pub(crate) id: ObjectId,
    pub(crate) kind: Kind,
}

impl Named {
    /// The object as an audit record names it.
    pub(crate) fn scope(self) -> String {
        format!("/{}/{}", self.kind.collection(), self.id)
    }
}
