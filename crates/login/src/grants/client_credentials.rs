//! The client credentials grant (RFC 6749 section 4.4): a client asks for a token of its own.

use super::Granted;
use crate::client::{SignedIn, authenticate};
use crate::fault::Fault;
use crate::replay::Refused;
use crate::sign_in::{Failure, SignIn};
use crate::{Cx, capabilities, scope};
use bonafide_core::tokens::{self, IssueError, TokenVersion};
use bonafide_types::TenantId;
use bonafide_wire::{Parameters, Request};

/// Authenticates, then decides, then uses a single-use assertion up, then signs: an answer that may
/// still be taken back (`is_negative`) uses nothing up.
pub(crate) fn handle(
    cx: &Cx<'_>,
    request: &Request,
    form: &Parameters,
    tenant: TenantId,
    version: TokenVersion,
    record: &mut SignIn,
) -> Result<Granted, Fault> {
    check_token_type(form)?;
    let asked = scope::audience(form, version, tenant)?;
    let capabilities = capabilities::read(form)?;
    let SignedIn { client, single_use } = authenticate(cx, request, form, tenant, record)?;
    let resource = tokens::resolve(cx.view, &cx.service.audiences, tenant, &asked)
        .ok_or_else(|| Fault::UnknownResource { asked: asked.as_str().to_owned(), tenant: tenant.to_string() })?;
    record.resource = Some(resource.clone());
    let application = resource.app_id.and_then(|app_id| cx.view.principal_by_client(tenant, app_id));
    if application.is_some_and(|(_, row)| !row.enabled) {
        return Err(Fault::ResourceDisabled { asked: asked.as_str().to_owned() });
    }
    if !client.principal.enabled {
        return Err(Fault::Disabled { client: client.principal.client_id.to_string() });
    }
    if let Some(once) = single_use {
        cx.service.spent.spend(cx.world.now, &once).map_err(|refused| match refused {
            Refused::Nonce(nonce) => Fault::Nonce(nonce),
            Refused::Used => Fault::Replayed,
            Refused::Full => Fault::Busy,
        })?;
    }
    let issued = tokens::issue(cx.view, &cx.service.authority, &cx.world, &client, &resource, &capabilities);
    let issued = issued.map_err(|error| {
        let failure = match error {
            IssueError::Disabled => return Fault::Disabled { client: client.principal.client_id.to_string() },
            IssueError::NoSigningKey => Failure::NoSigningKey,
            IssueError::Clock => Failure::Clock,
            IssueError::Sign(error) => Failure::Sign(error),
            IssueError::Claims(_) => Failure::Claims,
        };
        record.failure = Some(failure);
        Fault::Internal
    })?;
    record.token = Some(issued.id);
    Ok(Granted { issued, asked })
}

/// A client that asks for a token that is bound to a key must not get one that works without it
/// (docs/wire/login.md). A key alone asks for one too.
fn check_token_type(form: &Parameters) -> Result<(), Fault> {
    let given = |name| form.get(name).filter(|value| !value.is_empty());
    match (given("token_type"), given("req_cnf")) {
        (None, None) => Ok(()),
        (Some(token_type), _) if token_type.eq_ignore_ascii_case("Bearer") => Ok(()),
        (Some(token_type), _) => Err(Fault::TokenType(token_type.to_owned())),
        (None, Some(_)) => Err(Fault::TokenType("pop".to_owned())),
    }
}
