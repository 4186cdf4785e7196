//! The template language of Resource Manager: a JSON template and its parameters become resources in the order in which
//! they are deployed, and outputs. Pure, bounded and synchronous: what only the deployment itself can know, such as
//! `reference`, is left in the result and asked of a [`Runtime`] when its turn comes.
//!
//! The language is measured against Microsoft's own engine; docs/wire/deployments.md says which part of it is served.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod arguments;
mod context;
mod dependencies;
mod depth;
mod document;
mod error;
mod evaluate;
mod expression;
mod flat;
mod functions;
mod ids;
mod json;
mod lenient;
mod limits;
mod member;
mod outputs;
mod parameters;
mod plan;
mod residue;
mod resource;
mod scope;
mod secure;

pub use context::{Context, Group, Subscription};
pub use error::TemplateError;
pub use lenient::read_lenient;
pub use limits::{PARAMETERS_MAX, RESOURCES_MAX};
pub use outputs::PlannedOutput;
pub use parameters::ShownParameter;
pub use plan::{Plan, Planned, plan};
pub use residue::{Residue, Runtime};
