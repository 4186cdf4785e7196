//! The caller, and the rights to read and to change the directory.

use crate::Cx;
use crate::asked::Asked;
use crate::fault::Fault;
use bonafide_core::access::{self, Allowed, Chain, Grants, Plane, READ_DIRECTORY, may_change_directory, may_manage};
use bonafide_core::tokens::{self, Caller};
use bonafide_store::Read;
use bonafide_types::limits::VIEW_AGE_SECONDS_MAX;
use bonafide_wire::Request;

/// Checks the token of a request, with a view that is not too old for it.
pub(crate) fn authenticate(cx: &Cx<'_>, request: &Request) -> Result<Caller, Fault> {
    // Before the view: a stranger without a token learns nothing of its age, and fills no log with it.
    let token = tokens::bearer(request.header("authorization")).map_err(Fault::Token)?;
    if cx.view_age_seconds > VIEW_AGE_SECONDS_MAX {
        return Err(Fault::ViewTooOld { seconds: cx.view_age_seconds });
    }
    tokens::verify(cx.view, cx.authority, cx.audiences, &cx.world, token).map_err(Fault::Token)
}

/// The caller's token must still count, and its principal have the right to read the directory or own the object that the
/// path names, both at the revision that the request is answered from.
pub(crate) fn check_may_read<R: Read>(asked: &Asked<'_, R>, who: &Caller) -> Result<(), Fault> {
    let grants = Grants::of(asked.tx, who)?.ok_or(Fault::PrincipalGone)?;
    if access::check(asked.tx, &grants, &Chain::root(who.tenant), READ_DIRECTORY, Plane::Control)?.is_ok() {
        return Ok(());
    }
    manage(asked, &grants).map(drop)
}

/// The proof that the caller, whose token must still count, may change the object that the path names, or the whole
/// directory where it names none.
pub(crate) fn may_change<R: Read>(asked: &Asked<'_, R>, who: &Caller) -> Result<Allowed, Fault> {
    let grants = Grants::of(asked.tx, who)?.ok_or(Fault::PrincipalGone)?;
    match may_change_directory(asked.tx, &grants, who.tenant)? {
        Ok(allowed) => Ok(allowed),
        Err(_) => manage(asked, &grants),
    }
}

/// The proof of an owner. Others learn nothing of an object, not even whether it is there.
fn manage<R: Read>(asked: &Asked<'_, R>, grants: &Grants) -> Result<Allowed, Fault> {
    let Some(kind) = asked.about.owned() else { return Err(Fault::MayNot) };
    let (id, _) = asked.target(kind).map_err(|_| Fault::MayNot)?;
    may_manage(asked.tx, grants, asked.tenant, id)?.map_err(|_| Fault::MayNot)
}
