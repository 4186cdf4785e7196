//! Values that may stand in the log.

use crate::Id;
use std::fmt::Display;
use uuid::Uuid;

/// A value that may stand in a line of the log: an id, or a name that the directory knows. A text is none, nor is the
/// audience that a client asks for: it could be anything that was pasted in the wrong place, a secret too (AU-03).
pub trait Loggable: Display {}

impl Loggable for Uuid {}
impl<K> Loggable for Id<K> {}
impl<T: Loggable> Loggable for &T {}
