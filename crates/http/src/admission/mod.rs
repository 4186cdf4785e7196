//! Admission: who holds how many connections and how many bytes. Everything that holds either has a guard of one of
//! these, so that nothing is held that is not counted, and nothing stays counted that is not held
//! (docs/adr/0017-one-admission-layer.md).

mod holder;
mod places;
pub(crate) mod proxy;
mod room;
mod shared;
mod trusted;
mod waits;

pub(crate) use holder::Holder;
pub use holder::LocalUser;
pub(crate) use places::{Place, Places};
pub(crate) use room::{Held, Rooms};
pub use shared::SharedConnections;
pub use trusted::TrustedProxy;
pub use waits::Waits;
