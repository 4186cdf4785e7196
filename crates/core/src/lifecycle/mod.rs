//! The life cycle of resources and managed identities: the only functions that change the directory and
//! the placement together. Each takes the proof that its caller may do so, and all that follows from a
//! change is in the same transaction.

mod deferred;
mod delete;
mod place;
mod save;

pub use deferred::{Budget, Progress, clear};
pub use delete::{Condemned, delete_principal, remove, save_condemned, withdraw};
pub use place::{PlaceError, place, take_away};
pub use save::{IdentityError, SaveError, save, users_of};
