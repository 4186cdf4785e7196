//! Tokens: what can be asked for, what a token says, issuing and checking.

mod audiences;
mod authority;
mod claims;
mod issue;
mod names;
mod published;
mod registered;
mod token_id;
mod verify;

pub use audiences::{Audiences, AudiencesError, Registration, Resolved, TokenVersion};
pub use authority::{Authority, AuthorityError, TENANT_PLACEHOLDER};
pub use claims::{Claims, Method, Subject, Validity};
pub use issue::{Authenticated, IssueError, Issued, issue};
pub use names::{Names, NamesError};
pub use published::published_keys;
pub use registered::{RESOURCES_REGISTERED, RegisterError, RegisteredResource, register, resolve};
pub use token_id::TokenId;
pub use verify::{AcceptedAudiences, Caller, TokenError, bearer, verify};

#[cfg(test)]
mod tests;
