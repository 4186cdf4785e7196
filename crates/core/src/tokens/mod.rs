//! Tokens: their audiences, their claims, issuing and checking.

mod authority;
mod claims;
mod issue;
mod published;
mod resolve;
mod token_id;
mod verify;

pub use crate::directory::TokenVersion;
pub use authority::{Authority, AuthorityError, TENANT_PLACEHOLDER};
pub use claims::{Claims, Method, Subject, Validity, Workload};
pub use issue::{Authenticated, IssueError, Issued, issue};
pub use published::published_keys;
pub use resolve::resolve;
pub use token_id::TokenId;
pub use verify::{AcceptedAudiences, Caller, TokenError, bearer, verify};

#[cfg(test)]
mod tests;
