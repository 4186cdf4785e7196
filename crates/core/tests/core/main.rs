//! The directory and what hosts see of it, on the memory engine.

#![allow(clippy::unwrap_used, reason = "a test may insist")]

mod cloud;
mod life_cycles;
mod sizes;
