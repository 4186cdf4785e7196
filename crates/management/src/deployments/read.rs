//! Deployments and their operations, read.

use super::row::{DEPLOYMENTS, Deployment, OF_GROUP, PARTS, key, parts};
use super::{DeploymentError, asked, group, show};
use crate::command::Call;
use crate::fault::Fault;
use crate::filter::{self, Term};
use crate::order::access::Access;
use crate::outcome::Outcome;
use crate::page::{self, PAGE_BYTES_MAX};
use bonafide_store::{Read, ReadTx, Tx};
use bonafide_types::{Excerpt, ResourceId};
use serde_json::{Value, json};

/// Reads a deployment.
pub(super) fn get(tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let (group, row) = existing(tx, call, access)?;
    Ok(Outcome::Shown(show::deployment(tx, &group, &row)?))
}

/// Says whether a deployment is there.
pub(super) fn head(tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    existing(tx, call, access).map(|_| Outcome::Nothing)
}

pub(super) fn etag(tx: &Tx<'_>, call: &Call<'_>, access: &Access) -> Result<Option<String>, Fault> {
    let (group, _, name) = asked(call, access)?;
    Ok(tx.get(&DEPLOYMENTS, &key(group, name))?.as_ref().map(show::tag))
}

fn existing(tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<(ResourceId, Deployment), Fault> {
    let (group, id, name) = asked(call, access)?;
    let row = tx.get(&DEPLOYMENTS, &key(group, name))?;
    row.map(|row| (id, row)).ok_or_else(|| DeploymentError::NotFound(name.to_owned()).into())
}

/// Lists the deployments of a group, the newest first, a page at a time.
pub(super) fn list(tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let (uuid, id) = group(access, call.own()?.0)?;
    let terms = filter::read(call.command.query.get("$filter"))?;
    let mut wanted = None;
    for term in &terms {
        match term {
            Term::Equals(name, state) if name == "provisioningstate" => wanted = Some(state.to_ascii_lowercase()),
            other => return Err(other.unsupported()),
        }
    }
    let asked = page::read(call)?;
    let after = asked.after.map(|(after, _)| after);
    let (mut value, mut bytes): (Vec<Value>, usize) = (Vec::new(), 0);
    let mut last = None;
    for (started_at, key) in tx.many(&OF_GROUP, &uuid, None, usize::MAX)?.into_iter().rev() {
        let place = format!("{:020}/{}", started_at.unix_micros(), key.1);
        if after.as_ref().is_some_and(|after| place >= *after) {
            continue;
        }
        if value.len() == asked.top || bytes > PAGE_BYTES_MAX {
            return Ok(Outcome::shown(page::list(call, value, last.map(|last| (last, uuid)).as_ref())));
        }
        let Some(row) = tx.get(&DEPLOYMENTS, &key)? else { continue };
        if wanted.as_ref().is_none_or(|wanted| show::state(&row).eq_ignore_ascii_case(wanted)) {
            let shown = show::deployment(tx, &id, &row)?.body;
            bytes += shown.to_string().len();
            value.push(shown);
        }
        last = Some(place);
    }
    Ok(Outcome::shown(page::list(call, value, None)))
}

/// Lists the operations of a deployment: one for each resource whose turn has come.
pub(super) fn operations(tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let (group, row) = existing(tx, call, access)?;
    let top = page::read(call)?.top;
    let shown = (0..).zip(parts(tx, &row)?).filter_map(|(at, part)| show::operation(&group, &row, at, &part));
    Ok(Outcome::shown(json!({ "value": shown.take(top).collect::<Vec<_>>() })))
}

/// Reads one of them.
pub(super) fn operation(tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let (group, row) = existing(tx, call, access)?;
    let id = call.named()?.text("step");
    let part = match show::place(id) {
        Some(at) => tx.get(&PARTS, &(row.uuid, at))?.map(|part| (at, part)),
        None => None,
    };
    let shown = part.and_then(|(at, part)| show::operation(&group, &row, at, &part));
    shown.map(Outcome::shown).ok_or_else(|| DeploymentError::OperationNotFound(Excerpt::of(id).into()).into())
}
