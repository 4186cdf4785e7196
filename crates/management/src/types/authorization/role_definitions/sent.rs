//! The body of a role definition that is sent.

use crate::fault::Fault;
use crate::order::granting_body::{self, Grants};
use bonafide_core::access::{Pattern, Permission};
use bonafide_types::{ResourceId, Scope};
use serde_json::{Map, Value};

/// Longest display name, in bytes. Source: Azure (512 characters); bytes, since it is part of a key.
const NAME_BYTES_MAX: usize = 512;
/// Longest description, in characters. Source: Azure.
const DESCRIPTION_CHARS_MAX: usize = 2_048;
/// Entries of a role's permissions. Source: ours; clients send one.
const PERMISSIONS_MAX: usize = 32;
/// Longest pattern of operations, in bytes. Source: ours; the longest of a built-in role has 140.
const PATTERN_BYTES_MAX: usize = 512;
/// All patterns of a role together, in bytes. Source: ours; the largest built-in role has 14 KiB. They are read
/// at every call of whoever holds the role.
const PATTERNS_BYTES_MAX: usize = 64 * 1024;
/// Assignable scopes of a role. Source: ours; all of them are looked up at every write of the role.
const SCOPES_MAX: usize = 256;

/// A custom role as it was sent.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) permissions: Vec<Permission>,
    /// The scopes at which it is to be assignable: at least one id, each in a subscription.
    pub(super) scopes: Vec<ResourceId>,
}

/// Reads a body. What clients send back of what they read, and cannot set, is passed over.
pub(super) fn read(body: &Map<String, Value>) -> Result<Sent, Fault> {
    // Versions before 2018 send the properties at the top.
    let properties = &match body.get("properties") {
        None => granting_body::read(body, &[Grants::DefinitionProperties, Grants::Definition])?,
        Some(inner) => {
            granting_body::read(body, &[Grants::Definition])?;
            let inner = inner.as_object().ok_or_else(|| wrong("'properties' is not an object"))?;
            granting_body::read(inner, &[Grants::DefinitionProperties])?
        }
    };
    let of_type = properties.get("type").or_else(|| properties.get("roleType")).and_then(Value::as_str);
    if of_type.is_some_and(|of_type| !of_type.eq_ignore_ascii_case("CustomRole") && body.contains_key("properties")) {
        return Err(wrong("'properties.type' is not 'CustomRole'"));
    }
    Ok(Sent {
        name: name(properties)?,
        description: description(properties)?,
        permissions: permissions(properties)?,
        scopes: scopes(properties)?,
    })
}

fn name(properties: &Map<String, Value>) -> Result<String, Fault> {
    let name = properties.get("roleName").and_then(Value::as_str).unwrap_or_default();
    if name.trim().is_empty() || name.chars().any(char::is_control) {
        return Err(wrong("'properties.roleName' is missing or not valid"));
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(wrong(&format!("'properties.roleName' is longer than {NAME_BYTES_MAX} bytes")));
    }
    Ok(name.to_owned())
}

fn description(properties: &Map<String, Value>) -> Result<String, Fault> {
    match properties.get("description") {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) if text.chars().count() <= DESCRIPTION_CHARS_MAX => Ok(text.clone()),
        Some(_) => {
            Err(wrong(&format!("'properties.description' is no text of at most {DESCRIPTION_CHARS_MAX} characters")))
        }
    }
}

fn permissions(properties: &Map<String, Value>) -> Result<Vec<Permission>, Fault> {
    let entries = properties.get("permissions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if entries.is_empty() || entries.len() > PERMISSIONS_MAX {
        return Err(wrong(&format!("'properties.permissions' has none, or more than {PERMISSIONS_MAX} entries")));
    }
    let permissions = entries.iter().map(permission).collect::<Result<Vec<_>, _>>()?;
    let bytes: usize = permissions.iter().flat_map(Permission::patterns).map(|pattern| pattern.len()).sum();
    if bytes > PATTERNS_BYTES_MAX {
        return Err(wrong(&format!(
            "the patterns of 'properties.permissions' have more than {PATTERNS_BYTES_MAX} bytes"
        )));
    }
    Ok(permissions)
}

fn permission(entry: &Value) -> Result<Permission, Fault> {
    let entry = entry.as_object().ok_or_else(|| wrong("an entry of 'properties.permissions' is not an object"))?;
    let entry = granting_body::read(entry, &[Grants::Permission])?;
    let read = |member, of_data| patterns(&entry, member, of_data);
    Ok(Permission {
        actions: read("actions", false)?,
        not_actions: read("notActions", false)?,
        data_actions: read("dataActions", true)?,
        not_data_actions: read("notDataActions", true)?,
        condition: None,
    })
}

fn patterns(entry: &Map<String, Value>, member: &str, of_data: bool) -> Result<Vec<Pattern>, Fault> {
    let patterns = match entry.get(member) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(patterns)) => patterns,
        Some(_) => return Err(wrong(&format!("'{member}' is not a list"))),
    };
    let read = |pattern: &Value| match pattern {
        Value::String(text) if is_pattern(text) => Ok(Pattern::Owned(text.clone())),
        Value::String(text) => Err(Fault::PatternInvalid { pattern: text.chars().take(256).collect(), of_data }),
        _ => Err(wrong(&format!("an entry of '{member}' is not a text"))),
    };
    patterns.iter().map(read).collect()
}

/// True for a pattern that has the form of those of built-in roles: `*`, or a provider and what lies behind it.
fn is_pattern(text: &str) -> bool {
    let is_right = |byte: u8| byte.is_ascii_alphanumeric() || b"/*.-_${}:".contains(&byte);
    let is_long = text.contains('/') && !text.starts_with('/') && text.len() <= PATTERN_BYTES_MAX;
    text == "*" || (is_long && text.bytes().all(is_right))
}

fn scopes(properties: &Map<String, Value>) -> Result<Vec<ResourceId>, Fault> {
    let scopes = properties.get("assignableScopes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if scopes.is_empty() || scopes.len() > SCOPES_MAX {
        return Err(wrong(&format!("'properties.assignableScopes' has none, or more than {SCOPES_MAX} scopes")));
    }
    scopes.iter().map(scope).collect()
}

/// A management group, a subscription, or something in one. The root is for built-in roles, as on Azure.
fn scope(scope: &Value) -> Result<ResourceId, Fault> {
    let text = scope.as_str().ok_or_else(|| wrong("an entry of 'properties.assignableScopes' is not a text"))?;
    match Scope::parse(text) {
        Ok(Scope::ManagementGroup(id)) => Ok(id),
        Ok(Scope::Id(id)) if id.subscription().is_some() => Ok(id),
        Ok(Scope::Root) => Err(wrong("a custom role cannot have the root '/' in 'properties.assignableScopes'")),
        Ok(Scope::Id(_)) | Err(_) => {
            let text: String = text.chars().take(256).collect();
            Err(wrong(&format!(
                "'{text}' in 'properties.assignableScopes' is no management group and no scope in a subscription"
            )))
        }
    }
}

fn wrong(detail: &str) -> Fault {
    Fault::BodyInvalid(detail.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bonafide_core::access::roles;

    #[test]
    fn the_patterns_of_every_built_in_role_are_patterns() {
        for pattern in roles::all().iter().flat_map(|role| &role.permissions).flat_map(Permission::patterns) {
            assert!(is_pattern(pattern), "{pattern}");
        }
        for text in ["", "read", "**", "/", "/a/b", "a b/read", "a/ré", "a/b\n"] {
            assert!(!is_pattern(text), "{text}");
        }
        assert!(!is_pattern(&"a/".repeat(PATTERN_BYTES_MAX)));
    }
}
