//! The `identity` member of a resource: what a request asks for, what a reply says.

mod asked;
mod shown;

pub(crate) use asked::{Asked, Verb, identity_id, read};
pub(crate) use shown::show;
