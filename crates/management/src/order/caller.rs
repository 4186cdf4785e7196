//! The caller of a request.

use crate::Cx;
use crate::fault::Fault;
use bonafide_core::tokens::{self, Caller};
use bonafide_types::limits::VIEW_AGE_SECONDS_MAX;

/// Checks a token, with a view that is not too old for it. It may still be that of a principal that was
/// deleted a moment ago: `Grants::of` asks.
pub(crate) fn authenticate(cx: &Cx<'_>, authorization: Option<&str>) -> Result<Caller, Fault> {
    let refused = |error| {
        let mut accepted: Vec<String> = cx.audiences.spellings().map(str::to_owned).collect();
        accepted.sort_unstable();
        Fault::Token { error, now: cx.world.now, accepted }
    };
    // Before the view: a stranger without a token learns nothing of its age, and fills no log with it.
    let token = tokens::bearer(authorization).map_err(refused)?;
    if cx.view_age_seconds > VIEW_AGE_SECONDS_MAX {
        return Err(Fault::ViewTooOld { seconds: cx.view_age_seconds });
    }
    tokens::verify(cx.view, cx.authority, cx.audiences, &cx.world, token).map_err(refused)
}
