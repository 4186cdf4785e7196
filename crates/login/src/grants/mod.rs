//! Grant types: one file and one line each.

mod client_credentials;
mod jwt_bearer;

use crate::Cx;
use crate::fault::Fault;
use crate::sign_in::SignIn;
use bonafide_core::tokens::{Issued, TokenVersion};
use bonafide_types::{Audience, TenantId};
use bonafide_wire::{Parameters, Request};

/// A token for a resource, as asked for.
pub(crate) struct Granted {
    pub(crate) issued: Issued,
    pub(crate) asked: Audience,
}

/// Decides a token request of one grant type.
pub(crate) type Grant =
    fn(&Cx<'_>, &Request, &Parameters, TenantId, TokenVersion, &mut SignIn) -> Result<Granted, Fault>;

/// The grants, by `grant_type`.
pub(crate) const GRANTS: &[(&str, Grant)] = &[
    ("client_credentials", client_credentials::handle),
    ("urn:ietf:params:oauth:grant-type:jwt-bearer", jwt_bearer::handle),
];
