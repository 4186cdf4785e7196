//! The token service from outside: requests in, replies out.

#![allow(clippy::unwrap_used, reason = "a test may insist, in its fixture too")]

mod agents;
mod assertion_spellings;
mod assertions;
mod audiences;
mod bounds;
mod documents;
mod fixture;
mod requests;
mod secrets;
mod shares;
