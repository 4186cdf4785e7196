//! `appRoles` of an application as a request sends them.

use crate::fault::Fault;
use crate::kind::Kind;
use bonafide_core::directory::{DEFAULT_APP_ROLE, is_app_role_value};
use serde_json::Value;
use std::collections::HashSet;

/// The members of a role. Source: Microsoft Learn, "appRole resource type".
const MEMBERS: [&str; 7] = ["allowedMemberTypes", "description", "displayName", "id", "isEnabled", "origin", "value"];
/// Those who can have one. Source: the same.
const MEMBER_TYPES: [&str; 2] = ["Application", "User"];

/// Each role says who can have it and whether it is enabled, and no two have one name in tokens: names decide at services.
/// The id that stands for no role in particular is none of a role.
pub(crate) fn read(roles: &mut Value) -> Result<(), Fault> {
    let mut values = HashSet::new();
    for role in roles.as_array_mut().into_iter().flatten() {
        let wrong = |name: &str| Fault::PropertyValue(name.to_owned(), Kind::Application);
        let members = role.as_object_mut().ok_or_else(|| wrong("appRoles"))?;
        if let Some(name) = members.keys().find(|name| !MEMBERS.contains(&name.as_str()) && !name.contains('@')) {
            return Err(Fault::Property(format!("appRoles/{name}"), Kind::Application));
        }
        let types = members.get("allowedMemberTypes").and_then(Value::as_array).filter(|types| !types.is_empty());
        let is_type = |name: &Value| name.as_str().is_some_and(|name| MEMBER_TYPES.contains(&name));
        if !types.is_some_and(|types| types.iter().all(is_type)) {
            return Err(wrong("appRoles/allowedMemberTypes"));
        }
        if members.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok()) == Some(DEFAULT_APP_ROLE) {
            return Err(wrong("appRoles/id"));
        }
        let is_enabled = match members.get("isEnabled") {
            // Its default. Source: Microsoft Learn, "appRole resource type".
            None | Some(Value::Null) => true,
            Some(Value::Bool(is_enabled)) => *is_enabled,
            // As the help of `az ad app create --app-roles` has it.
            Some(Value::String(text)) => text.parse().map_err(|_| wrong("appRoles/isEnabled"))?,
            Some(_) => return Err(wrong("appRoles/isEnabled")),
        };
        members.insert("isEnabled".to_owned(), is_enabled.into());
        match members.get("value") {
            None | Some(Value::Null) => {}
            Some(Value::String(value)) if is_app_role_value(value) && values.insert(value.to_ascii_lowercase()) => {}
            Some(Value::String(value)) => return Err(Fault::RoleValue(value.clone())),
            Some(_) => return Err(wrong("appRoles/value")),
        }
    }
    Ok(())
}
