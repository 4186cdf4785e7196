//! `{scope}/providers/Microsoft.Authorization/locks`.

use super::role_assignments::check_scope;
use crate::command::Call;
use crate::fault::Fault;
use crate::filter::{self, Term};
use crate::order::access::Access;
use crate::order::granting_body::{self, Grants};
use crate::order::locks::{is_below, subscription_of};
use crate::order::place::check_open;
use crate::order::{audit, conditions};
use crate::outcome::{Outcome, Shown};
use crate::resource_type::{Changes, ListRight, Own, ResourceType, Rows};
use bonafide_core::access::locks::{self, DELETE, LOCKS, Lock, LockKey, LockLevel, WRITE};
use bonafide_core::access::{Allowed, ScopeKey};
use bonafide_core::directory::RESOURCES;
use bonafide_store::{Read, ReadTx, Tx};
use bonafide_types::SubscriptionId;
use serde_json::{Map, Value, json};

const NAME: &str = "Microsoft.Authorization/locks";

/// Longest name, in bytes. Source: Azure naming rules (90).
const NAME_BYTES_MAX: usize = 90;
/// Longest notes, in characters. Source: the public specification (512).
const NOTES_CHARS_MAX: usize = 512;

pub(crate) static MANAGEMENT_LOCKS: ResourceType = ResourceType {
    name: NAME,
    rows: Rows::Own(&Own {
        check_name,
        get: Some(get),
        list: Some((ListRight::Granted, list)),
        is_above_locks: true,
        changes: Some(Changes { etag, put: Some(put), patch: None, delete: Some(delete) }),
        ..Own::NOTHING
    }),
    ..ResourceType::PLAIN
};

fn check_name(name: &str) -> Result<(), Fault> {
    let is_right = (1..=NAME_BYTES_MAX).contains(&name.len())
        && !name.contains(['<', '>', '%', '&', ':', '\\', '?', '/'])
        && !name.chars().any(char::is_control);
    let rule = "1 to 90 characters, none of them <>%&:\\?/ or a control character";
    if is_right { Ok(()) } else { Err(Fault::NameInvalid { name: name.to_owned(), type_name: NAME.to_owned(), rule }) }
}

fn put(tx: &mut Tx<'_>, call: &Call<'_>, access: &Access, allowed: &Allowed) -> Result<Outcome, Fault> {
    let (scope, name) = call.own()?;
    check_scope(access, scope)?;
    check_open(&access.place)?;
    let (level, notes) = read(call.body()?)?;
    let key = key(access, name)?;
    let old = tx.get(&LOCKS, &key)?;
    let (created_at, created_by) = match &old {
        Some(old) => (old.created_at, old.created_by),
        None => (call.cx.world.now, allowed.principal()),
    };
    let mark = Some(call.cx.world.entropy.guid());
    let lock = Lock { name: name.to_owned(), level, notes, created_at, created_by, mark };
    locks::put(tx, allowed, &access.place.chain, &key, &lock)?;
    audit::record(tx, call, WRITE, &scope.to_string())?;
    let shown = Shown { body: show(tx, &key, &lock)?.unwrap_or_default(), etag: Some(tag(&key, &lock)) };
    Ok(if old.is_some() { Outcome::Shown(shown) } else { Outcome::Created(shown) })
}

fn delete(tx: &mut Tx<'_>, call: &Call<'_>, access: &Access, allowed: &Allowed) -> Result<Outcome, Fault> {
    let (scope, name) = call.own()?;
    check_scope(access, scope)?;
    let key = key(access, name)?;
    if tx.get(&LOCKS, &key)?.is_none() {
        return Ok(Outcome::Nothing);
    }
    locks::delete(tx, allowed, &access.place.chain, &key)?;
    audit::record(tx, call, DELETE, &scope.to_string())?;
    Ok(Outcome::Done)
}

fn etag(tx: &Tx<'_>, call: &Call<'_>, access: &Access) -> Result<Option<String>, Fault> {
    let (scope, name) = call.own()?;
    check_scope(access, scope)?;
    let key = key(access, name)?;
    Ok(tx.get(&LOCKS, &key)?.map(|lock| tag(&key, &lock)))
}

/// The etag of a lock. Source: ours; Azure has none. Of a row that an earlier version wrote it is made from what it says.
fn tag(key: &LockKey, lock: &Lock) -> String {
    match lock.mark {
        Some(mark) => conditions::etag_of_version(mark, 0),
        None => conditions::etag_of_content(&json!([key.0, key.2, lock])),
    }
}

fn get(tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    let (scope, name) = call.own()?;
    check_scope(access, scope)?;
    let missing = || Fault::LockNotFound(name.to_owned());
    let key = key(access, name)?;
    let lock = tx.get(&LOCKS, &key)?.ok_or_else(missing)?;
    let body = show(tx, &key, &lock)?.ok_or_else(missing)?;
    Ok(Outcome::Shown(Shown { body, etag: Some(tag(&key, &lock)) }))
}

/// Lists the locks at the scope and above it; without `atScope()` those below it too.
fn list(tx: &ReadTx<'_>, call: &Call<'_>, access: &Access) -> Result<Outcome, Fault> {
    check_scope(access, call.own()?.0)?;
    let mut only_here = false;
    for term in filter::read(call.command.query.get("$filter"))? {
        match &term {
            Term::Call(name, arguments) if name == "atscope" && arguments.is_empty() => only_here = true,
            _ => return Err(term.unsupported()),
        }
    }
    let mut value = Vec::new();
    for (key, lock) in locks::of_subscription(tx, subscription(access)?)? {
        if access.place.chain.scopes().contains(&key.1) || (!only_here && is_below(tx, &key, &access.place)?) {
            value.extend(show(tx, &key, &lock)?);
        }
    }
    Ok(Outcome::shown(json!({ "value": value })))
}

/// There are no locks on a tenant.
fn subscription(access: &Access) -> Result<SubscriptionId, Fault> {
    subscription_of(&access.place).ok_or(Fault::NoSuchRoute)
}

fn key(access: &Access, name: &str) -> Result<LockKey, Fault> {
    Ok((subscription(access)?, access.place.chain.scope(), name.to_lowercase()))
}

fn read(body: &Map<String, Value>) -> Result<(LockLevel, Option<String>), Fault> {
    let wrong = |what: &str| Fault::BodyInvalid(format!("'properties.{what}' is missing or not valid"));
    let body = granting_body::read(body, &[Grants::Lock])?;
    let properties = body.get("properties").and_then(Value::as_object).ok_or_else(|| wrong("level"))?;
    let properties = granting_body::read(properties, &[Grants::LockProperties])?;
    let level = match properties.get("level").and_then(Value::as_str) {
        Some(level) if level.eq_ignore_ascii_case("CanNotDelete") => LockLevel::CanNotDelete,
        Some(level) if level.eq_ignore_ascii_case("ReadOnly") => LockLevel::ReadOnly,
        _ => return Err(wrong("level")),
    };
    let notes = match properties.get("notes") {
        None | Some(Value::Null) => None,
        Some(Value::String(notes)) if notes.chars().count() <= NOTES_CHARS_MAX => Some(notes.clone()),
        Some(_) => return Err(wrong("notes")),
    };
    Ok((level, notes))
}

fn show(tx: &impl Read, key: &LockKey, lock: &Lock) -> Result<Option<Value>, Fault> {
    let above = match &key.1 {
        ScopeKey::Group(uuid) | ScopeKey::Resource(uuid) => tx.get(&RESOURCES, uuid)?.map(|row| row.id.to_string()),
        _ => Some(format!("/subscriptions/{}", key.0)),
    };
    let level = match lock.level {
        LockLevel::CanNotDelete => "CanNotDelete",
        LockLevel::ReadOnly => "ReadOnly",
    };
    let mut properties = json!({ "level": level });
    if let Some(notes) = &lock.notes {
        properties["notes"] = notes.as_str().into();
    }
    Ok(above.map(|above| {
        let id = format!("{above}/providers/{NAME}/{}", lock.name);
        json!({ "id": id, "type": NAME, "name": lock.name, "properties": properties })
    }))
}
