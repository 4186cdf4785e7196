//! The resource manager against a store in memory, with real tokens.

// A test of a time bound reads the clock.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, missing_docs, unreachable_pub)]

mod access;
mod answer;
mod authentication;
mod bad_input;
mod cloud;
mod custom_roles;
mod damage;
mod deployment_limits;
mod deployment_secrets;
mod deployment_steps;
mod deployments;
mod discovery;
mod etags;
mod extensions;
mod generic;
mod granting_bodies;
mod groups;
mod identities;
mod management_groups;
mod many;
mod network_children;
mod network_children_bounds;
mod operations;
mod races;
mod refusals;
mod registration;
mod role_assignments;
mod role_conditions;
mod scale_set_extensions;
mod scale_set_locks;
mod secret_values;
mod tags;
mod virtual_machines;
