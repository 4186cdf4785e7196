//! `/applications`.

use crate::application::print;
use crate::application_sent::apply;
use crate::asked::Asked;
use crate::change::{Change, Done};
use crate::fault::Fault;
use crate::find;
use crate::key_credentials;
use crate::kind::Kind;
use crate::listing;
use crate::sent::required_name;
use bonafide_core::directory::Application;
use bonafide_core::lifecycle;
use bonafide_store::Read;
use bonafide_types::ObjectId;
use serde_json::Value;

/// `GET /applications`: one page of those that pass `$filter`.
pub(crate) fn list(asked: &Asked<'_>) -> Result<Value, Fault> {
    let select = asked.select(Kind::Application)?;
    listing::page::<find::Applications>(asked, &select.context(), |id, row| Ok(print(asked.tx, &select, id, row)?))
}

/// `GET /applications/{id}`.
pub(crate) fn get(asked: &Asked<'_>) -> Result<Value, Fault> {
    let (id, row) = asked.named_application()?;
    shown(asked, id, &row)
}

/// `POST /applications`.
pub(crate) fn create(change: &mut Change<'_, '_>) -> Result<Done, Fault> {
    let sent = change.body()?;
    let name = required_name(sent.get("displayName"), Kind::Application)?;
    let cx = change.request.cx;
    let mut application = Application::new(&cx.world, change.request.who.tenant, &name);
    let keys = apply(&mut application, &sent)?;
    let id = lifecycle::create_application(change.tx, &cx.world, change.allowed, cx.known, &application)?;
    if let Some(keys) = keys {
        key_credentials::replace(change, id, &keys)?;
    }
    let body = shown(&change.asked(), id, &application)?;
    Ok(Done::created(body, format!("/applications/{id}")))
}

fn shown<R: Read>(asked: &Asked<'_, R>, id: ObjectId, row: &Application) -> Result<Value, Fault> {
    let select = asked.select(Kind::Application)?;
    Ok(asked.entity(&format!("applications{}/$entity", select.context()), print(asked.tx, &select, id, row)?))
}

/// `PATCH /applications/{id}`.
pub(crate) fn update(change: &mut Change<'_, '_>) -> Result<Done, Fault> {
    let (id, mut application) = change.asked().named_application()?;
    let keys = apply(&mut application, &change.body()?)?;
    lifecycle::save_application(change.tx, change.allowed, change.request.cx.known, id, &application)?;
    if let Some(keys) = keys {
        key_credentials::replace(change, id, &keys)?;
    }
    Ok(Done::nothing(format!("/applications/{id}")))
}

/// `DELETE /applications/{id}`. It is final: there is no place for deleted things here.
pub(crate) fn delete(change: &mut Change<'_, '_>) -> Result<Done, Fault> {
    let (id, _) = change.asked().named_application()?;
    lifecycle::delete_application(change.tx, change.allowed, id)?;
    Ok(Done::nothing(format!("/applications/{id}")))
}
