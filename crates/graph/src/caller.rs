//! The caller, and the right to read the directory.

use crate::Cx;
use crate::fault::Fault;
use bonafide_core::access::{self, Chain, Grants, Plane};
use bonafide_core::tokens::{self, Caller};
use bonafide_store::Read;
use bonafide_types::limits::VIEW_AGE_SECONDS_MAX;
use bonafide_wire::Request;

/// The right that every request here needs, at the root of the tenant. Source: Microsoft Learn, "Microsoft Entra
/// built-in roles" (`microsoft.directory/servicePrincipals/standard/read`, of Directory Readers). That a role
/// assignment at the root grants it is **ours**: there are no directory roles yet (docs/wire/graph.md).
const READ: &str = "Microsoft.Directory/servicePrincipals/standard/read";

/// Checks the token of a request, with a view that is not too old for it.
pub(crate) fn authenticate(cx: &Cx<'_>, request: &Request) -> Result<Caller, Fault> {
    // Before the view: a stranger without a token learns nothing of its age, and fills no log with it.
    let token = tokens::bearer(request.header("authorization")).map_err(Fault::Token)?;
    if cx.view_age_seconds > VIEW_AGE_SECONDS_MAX {
        return Err(Fault::ViewTooOld { seconds: cx.view_age_seconds });
    }
    tokens::verify(cx.view, cx.authority, cx.audiences, &cx.world, token).map_err(Fault::Token)
}

/// The caller's token must still count, and its principal have the right to read the directory, both at the revision
/// that the request is answered from.
pub(crate) fn check_may_read(tx: &impl Read, caller: &Caller) -> Result<(), Fault> {
    let grants = Grants::of(tx, caller)?.ok_or(Fault::PrincipalGone)?;
    access::check(&grants, &Chain::root(caller.tenant), READ, Plane::Control).map(drop).map_err(|_| Fault::MayNotRead)
}
