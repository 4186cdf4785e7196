//! An application as a request sends it.

use crate::app_roles_sent;
use crate::fault::Fault;
use crate::kind::Kind;
use crate::merge::merge;
use crate::sent::required_name;
use bonafide_core::directory::{Application, TokenVersion};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// Properties that nobody can set.
const READ_ONLY: [&str; 8] = [
    "id",
    "deletedDateTime",
    "appId",
    "applicationTemplateId",
    "createdDateTime",
    "disabledByMicrosoftStatus",
    "publisherDomain",
    "verifiedPublisher",
];

/// Stored properties of one application, in bytes, at most. Source: ours; the largest lists of roles and scopes that
/// Entra takes have about as much.
const PROPERTIES_BYTES_MAX: usize = 256 * 1024;

/// The one kind of accounts that there are here.
const AUDIENCE: &str = "AzureADMyOrg";

/// Puts the properties of a body into an application. What is left is for who keeps it elsewhere: `keyCredentials`.
pub(crate) fn apply(application: &mut Application, sent: &Map<String, Value>) -> Result<Option<Value>, Fault> {
    let known = Kind::Application.empty();
    let mut keys = None;
    for (name, value) in sent {
        let empty = known.get(name).ok_or_else(|| Fault::Property(name.clone(), Kind::Application))?;
        match name.as_str() {
            "displayName" => application.display_name = required_name(Some(value), Kind::Application)?,
            "identifierUris" => application.identifier_uris = texts(value, "identifierUris")?,
            "keyCredentials" => keys = Some(value.clone()),
            "passwordCredentials" if value.as_array().is_some_and(Vec::is_empty) => {}
            "passwordCredentials" => return Err(Fault::PasswordsAreAdded),
            "signInAudience" if value == AUDIENCE => {}
            "signInAudience" => return Err(Fault::Audience),
            name if READ_ONLY.contains(&name) => return Err(Fault::ReadOnly(name.to_owned(), Kind::Application)),
            name => put(application, name, empty, value)?,
        }
    }
    let size = application.properties.iter().map(|(name, value)| name.len() + value.to_string().len()).sum::<usize>();
    if size > PROPERTIES_BYTES_MAX { Err(Fault::TooLarge) } else { Ok(keys) }
}

/// A property that is stored as it is sent. Members of an object that are not sent stay; other values are replaced.
fn put(application: &mut Application, name: &str, empty: &Value, value: &Value) -> Result<(), Fault> {
    let wrong = || Fault::PropertyValue(name.to_owned(), Kind::Application);
    let fits = match empty {
        Value::Array(_) => value.is_array(),
        Value::Object(_) => value.is_object() || value.is_null(),
        Value::Bool(_) => value.is_boolean(),
        _ => true,
    };
    if !fits {
        return Err(wrong());
    }
    if let Some(member) = unknown(empty, value) {
        return Err(Fault::Property(member.to_owned(), Kind::Application));
    }
    let mut value = value.clone();
    if name == "appRoles" {
        check_ids(&value).ok_or_else(wrong)?;
        app_roles_sent::read(&mut value)?;
    }
    if name == "api"
        && let Value::Object(api) = &mut value
    {
        check_ids(api.get("oauth2PermissionScopes").unwrap_or(&Value::Null)).ok_or_else(wrong)?;
        match api.remove("requestedAccessTokenVersion") {
            None => {}
            Some(Value::Null) => application.token_version = None,
            Some(version) if version == 1 => application.token_version = Some(TokenVersion::V1),
            Some(version) if version == 2 => application.token_version = Some(TokenVersion::V2),
            Some(_) => return Err(Fault::PropertyValue("requestedAccessTokenVersion".into(), Kind::Application)),
        }
    }
    if value.is_null() {
        application.properties.remove(name);
        return Ok(());
    }
    merge(application.properties.entry(name).or_insert(Value::Null), value);
    Ok(())
}

/// A member of an object that its type does not have.
fn unknown<'v>(empty: &Value, value: &'v Value) -> Option<&'v str> {
    let (Value::Object(empty), Value::Object(members)) = (empty, value) else { return None };
    members.iter().find_map(|(name, value)| match empty.get(name) {
        None if name.contains('@') => None,
        None => Some(name.as_str()),
        Some(empty) => unknown(empty, value),
    })
}

/// Each item of a list of roles or scopes is an object with a GUID of its own.
fn check_ids(list: &Value) -> Option<()> {
    let mut seen = HashSet::new();
    for item in list.as_array().map_or(&[][..], Vec::as_slice) {
        let id = item.get("id")?.as_str()?.parse::<uuid::Uuid>().ok()?;
        seen.insert(id).then_some(())?;
    }
    Some(())
}

fn texts(value: &Value, name: &'static str) -> Result<Vec<String>, Fault> {
    let wrong = || Fault::Value(name, Kind::Application);
    let list = value.as_array().ok_or_else(wrong)?;
    list.iter().map(|text| text.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
}
