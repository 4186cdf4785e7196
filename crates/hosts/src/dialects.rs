//! The dialects that a host's agent serves: what nobody serves is told to whoever asks for it, and not waited for.

use crate::{Cx, Fault};
use bonafide_core::placement::{HOSTS, Host};
use bonafide_store::Read;
use bonafide_types::HostId;
use bonafide_wire::Reply;
use bonafide_wire::hosts::{DIALECT_BYTES_MAX, DIALECTS_MAX, DialectsRequest};
use http::StatusCode;

/// Takes down what an agent serves from now on.
pub(crate) fn take_down(cx: &Cx<'_>, host: HostId, request: DialectsRequest) -> Result<Reply, Fault> {
    let mut dialects = request.dialects;
    let is_name = |name: &String| {
        (1..=DIALECT_BYTES_MAX).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if dialects.len() > DIALECTS_MAX || !dialects.iter().all(is_name) {
        let rule = format!("at most {DIALECTS_MAX} names of small letters, digits and dashes");
        return Err(Fault::Malformed(format!("'dialects' is not a list of {rule}")));
    }
    dialects.sort_unstable();
    dialects.dedup();
    cx.store.write(|tx| {
        let mut row = tx.get(&HOSTS, &host)?.filter(Host::may_speak).ok_or(Fault::UnknownHost(host))?;
        if row.dialects == dialects {
            return Ok(());
        }
        row.dialects.clone_from(&dialects);
        Ok::<_, Fault>(tx.put(&HOSTS, &host, &row)?)
    })?;
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}
