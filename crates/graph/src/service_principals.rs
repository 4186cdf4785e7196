//! `/servicePrincipals`.

use crate::asked::Asked;
use crate::change::{Change, Done};
use crate::fault::Fault;
use crate::find;
use crate::key_credentials;
use crate::kind::Kind;
use crate::listing;
use crate::sent::read_bool;
use crate::service_principal::Printer;
use bonafide_core::directory::{PrincipalKind, ServicePrincipal, application_by_client};
use bonafide_core::lifecycle;
use bonafide_store::Read;
use bonafide_types::{ClientId, ObjectId};
use serde_json::Value;

/// `GET /servicePrincipals`: one page of those that pass `$filter`.
pub(crate) fn list(asked: &Asked<'_>) -> Result<Value, Fault> {
    let printer = Printer::new(asked, asked.select(Kind::ServicePrincipal)?)?;
    listing::page::<find::ServicePrincipals>(asked, &printer.context(), |id, row| Ok(printer.print(id, row)?))
}

/// `GET /servicePrincipals/{id}`.
pub(crate) fn get(asked: &Asked<'_>) -> Result<Value, Fault> {
    let (id, row) = asked.named_principal()?;
    shown(asked, id, &row)
}

fn shown<R: Read>(asked: &Asked<'_, R>, id: ObjectId, row: &ServicePrincipal) -> Result<Value, Fault> {
    let printer = Printer::new(asked, asked.select(Kind::ServicePrincipal)?)?;
    Ok(asked.entity(&format!("servicePrincipals{}/$entity", printer.context()), printer.print(id, row)?))
}

/// `POST /servicePrincipals`: that of an application of the tenant. There are none of other tenants' applications.
pub(crate) fn create(change: &mut Change<'_, '_>) -> Result<Done, Fault> {
    let sent = change.body()?;
    let text = sent.get("appId").and_then(Value::as_str).ok_or(Fault::Missing("appId"))?;
    let client: ClientId = text.parse().map_err(|_| Fault::Value("appId", Kind::ServicePrincipal))?;
    let found = application_by_client(change.tx, change.request.who.tenant, client)?;
    let (id, application) = found.ok_or_else(|| Fault::NoApplication(text.to_owned()))?;
    let mut enabled = true;
    for (name, value) in &sent {
        match name.as_str() {
            "appId" => {}
            "accountEnabled" => enabled = read_bool(value, "accountEnabled", Kind::ServicePrincipal)?,
            "displayName" if *value == application.display_name => {}
            "servicePrincipalType" if value == "Application" => {}
            name => return Err(not_set(name)),
        }
    }
    let cx = change.request.cx;
    let of = (id, &application);
    let made = lifecycle::create_service_principal(change.tx, &cx.world, change.allowed, of, enabled);
    let (principal, row) = made.map_err(|error| match error {
        lifecycle::DirectoryError::PrincipalExists => Fault::PrincipalExists(client.to_string()),
        error => error.into(),
    })?;
    let body = shown(&change.asked(), principal, &row)?;
    Ok(Done::created(body, format!("/servicePrincipals/{principal}")))
}

/// A property that a service principal has from its application, or that is not kept here.
fn not_set(name: &str) -> Fault {
    match Kind::ServicePrincipal.empty().contains_key(name) {
        true => Fault::ReadOnly(name.to_owned(), Kind::ServicePrincipal),
        false => Fault::Property(name.to_owned(), Kind::ServicePrincipal),
    }
}

/// `PATCH /servicePrincipals/{id}`. Of a managed identity's, `accountEnabled` alone.
pub(crate) fn update(change: &mut Change<'_, '_>) -> Result<Done, Fault> {
    let (id, row) = change.asked().named_principal()?;
    for (name, value) in change.body()? {
        match name.as_str() {
            "accountEnabled" => {
                let enabled = read_bool(&value, "accountEnabled", Kind::ServicePrincipal)?;
                lifecycle::set_enabled(change.tx, change.allowed, id, enabled)?;
            }
            "keyCredentials" => key_credentials::replace(change, id, &value)?,
            _ if row.kind != PrincipalKind::Application => return Err(Fault::Locked),
            "displayName" if value == row.display_name => {}
            "passwordCredentials" if value.as_array().is_some_and(Vec::is_empty) => {}
            "passwordCredentials" => return Err(Fault::PasswordsAreAdded),
            name => return Err(not_set(name)),
        }
    }
    Ok(Done::nothing(format!("/servicePrincipals/{id}")))
}

/// `DELETE /servicePrincipals/{id}`: its application stays.
pub(crate) fn delete(change: &mut Change<'_, '_>) -> Result<Done, Fault> {
    let (id, _) = change.asked().named_principal()?;
    lifecycle::delete_service_principal(change.tx, change.allowed, id)?;
    Ok(Done::nothing(format!("/servicePrincipals/{id}")))
}
