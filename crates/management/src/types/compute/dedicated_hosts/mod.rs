//! `Microsoft.Compute/hostGroups` and `hostGroups/hosts`: the machines that run agents. A host's row (`placement::HOSTS`)
//! comes and goes with its resource; its actions make tokens to join with, put workloads on it, and end it.
//!
//! The forms are Azure's (DedicatedHostGroups and DedicatedHosts of the public specification of compute 2024-11-01); what
//! Azure does not have says so.

mod decide;
mod groups;
mod hosts;
mod instance_view;
mod join_token;
mod workloads;

pub(crate) use bonafide_core::directory::HOST_TYPE;
pub(crate) use groups::HOST_GROUPS;
pub(crate) use hosts::HOSTS;
