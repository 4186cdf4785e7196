//! The on-behalf-of grant (RFC 7523): an application asks for a token in the name of who called it. Every caller
//! here is an application itself, and for those Entra does not serve the grant.

use super::Granted;
use crate::client::authenticate;
use crate::fault::Fault;
use crate::sign_in::SignIn;
use crate::{Cx, scope};
use bonafide_core::tokens::TokenVersion;
use bonafide_types::TenantId;
use bonafide_wire::{Parameters, Request};

/// Refuses the grant as Entra does, to a client that has proved who it is. Source: MSAL.NET #2130.
pub(super) fn handle(
    cx: &Cx<'_>,
    request: &Request,
    form: &Parameters,
    tenant: TenantId,
    version: TokenVersion,
    record: &mut SignIn,
) -> Result<Granted, Fault> {
    for name in ["assertion", "requested_token_use"] {
        form.get(name).filter(|value| !value.is_empty()).ok_or(Fault::MissingParameter(name))?;
    }
    let _ = scope::audience(form, version, tenant)?;
    let client = authenticate(cx, request, form, tenant, record)?.client;
    Err(Fault::OnBehalfOf { client: client.principal.client_id.to_string() })
}
