//! The domain: directory, access, placement, the life cycle above them, tokens. Synchronous and pure: it is given the time and
//! a source of chance, touches the store through transactions only, and knows no surface.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod access;
pub mod audit;
pub mod directory;
pub mod instance;
pub mod keys;
pub mod lifecycle;
pub mod names;
pub mod placement;
pub mod tokens;
pub mod view;
