//! The directory, what hosts see of it, and custom roles, on the memory engine.

#![allow(clippy::unwrap_used, reason = "a test may insist")]

mod app_roles;
mod applications;
mod cloud;
mod custom_roles;
mod differential;
mod extensions;
mod hosts;
mod instance_facts;
mod instances;
mod life_cycles;
mod news;
mod root_owners;
mod sizes;
