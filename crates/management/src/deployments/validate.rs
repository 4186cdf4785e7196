//! `validate`: a deployment as far as it can be checked without beginning it.

use super::check::{planned, refusal};
use super::{asked, put, show};
use crate::command::Call;
use crate::fault::Fault;
use crate::order::access::Access;
use crate::outcome::Outcome;
use bonafide_store::ReadTx;

pub(super) fn validate(tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let (_, group_id, name) = asked(call, access)?;
    let plan = planned(tx, call, access)?;
    if let Some(fault) = refusal(tx, call, name, &plan)? {
        return Err(fault);
    }
    let hash = put::hash(call.body()?);
    Ok(Outcome::shown(show::validated(call, &group_id, name, &hash, &plan)))
}
