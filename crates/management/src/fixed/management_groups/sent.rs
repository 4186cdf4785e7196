//! A management group as it is sent. Where it lies decides who has which roles in it: every member is read, known to change nothing,
//! or refused.

use super::id_of;
use crate::fault::Fault;
use crate::order::granting_body::{self, Grants};
use bonafide_types::{MANAGEMENT_GROUP_TYPE, ResourceId, Scope};
use serde_json::{Map, Value};

/// Longest name, in bytes, and longest display name, in characters. Source: Azure naming rules (90).
const NAME_MAX: usize = 90;

/// A group as it is to be; what is `None` stays as it is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) display_name: Option<String>,
    /// The name of the group in which it is to lie.
    pub(super) parent: Option<String>,
}

/// Reads the body of a PUT.
pub(super) fn read(body: &Map<String, Value>) -> Result<Sent, Fault> {
    let body = granting_body::read(body, &[Grants::ManagementGroup])?;
    let Some(properties) = object(&body, "properties")? else { return Ok(Sent::default()) };
    let properties = granting_body::read(properties, &[Grants::ManagementGroupProperties])?;
    let display_name = display_name(&properties)?;
    let Some(details) = object(&properties, "details")? else { return Ok(Sent { display_name, parent: None }) };
    let details = granting_body::read(details, &[Grants::ManagementGroupDetails])?;
    let Some(parent) = object(&details, "parent")? else { return Ok(Sent { display_name, parent: None }) };
    let parent = granting_body::read(parent, &[Grants::ManagementGroupParent])?;
    Ok(Sent { display_name, parent: parent_name(parent.get("id"))? })
}

/// Reads the body of a PATCH.
pub(super) fn read_patch(body: &Map<String, Value>) -> Result<Sent, Fault> {
    let body = granting_body::read(body, &[Grants::ManagementGroupPatch])?;
    Ok(Sent { display_name: display_name(&body)?, parent: parent_name(body.get("parentGroupId"))? })
}

/// The settings of a hierarchy as they are to be; what is `None` stays as it is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct SentSettings {
    pub(super) requires_authorization: Option<bool>,
    /// The name of the group in which new subscriptions are to lie.
    pub(super) default_group: Option<String>,
}

/// Reads the body of a PUT or PATCH of settings.
pub(super) fn read_settings(body: &Map<String, Value>) -> Result<SentSettings, Fault> {
    let body = granting_body::read(body, &[Grants::HierarchySettings])?;
    let Some(properties) = object(&body, "properties")? else { return Ok(SentSettings::default()) };
    let properties = granting_body::read(properties, &[Grants::HierarchySettingsProperties])?;
    let requires_authorization = match properties.get("requireAuthorizationForGroupCreation") {
        None | Some(Value::Null) => None,
        Some(Value::Bool(flag)) => Some(*flag),
        Some(_) => {
            let what = "'requireAuthorizationForGroupCreation' is neither true nor false".to_owned();
            return Err(Fault::BodyInvalid(what));
        }
    };
    Ok(SentSettings { requires_authorization, default_group: parent_name(properties.get("defaultManagementGroup"))? })
}

/// The name that a group can have.
pub(super) fn check_name(name: &str) -> Result<(), Fault> {
    let is_right = (1..=NAME_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_().".contains(&byte))
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !name.ends_with('.');
    let rule = "1 to 90 letters, digits, hyphens, underscores, parentheses and periods, the first a letter or digit, the last no period";
    let type_name = MANAGEMENT_GROUP_TYPE.to_owned();
    if is_right { Ok(()) } else { Err(Fault::NameInvalid { name: name.to_owned(), type_name, rule }) }
}

fn display_name(members: &Map<String, Value>) -> Result<Option<String>, Fault> {
    match members.get("displayName") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text))
            if (1..=NAME_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control) =>
        {
            Ok(Some(text.clone()))
        }
        Some(_) => Err(Fault::BodyInvalid(format!("'displayName' is no text of 1 to {NAME_MAX} characters"))),
    }
}

/// The name in the id of a group, which clients send whole.
fn parent_name(id: Option<&Value>) -> Result<Option<String>, Fault> {
    let wrong =
        || Fault::BodyInvalid(format!("the id of the management group is not of the form '{}'", id_of("{name}")));
    match id {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => match ResourceId::parse(text).map(Scope::of) {
            Ok(Scope::ManagementGroup(id)) => Ok(Some(id.name().to_owned())),
            _ => Err(wrong()),
        },
        Some(_) => Err(wrong()),
    }
}

fn object<'a>(members: &'a Map<String, Value>, name: &str) -> Result<Option<&'a Map<String, Value>>, Fault> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(_) => Err(Fault::BodyInvalid(format!("'{name}' is not an object"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_those_that_azure_takes() {
        for name in ["a", "0", "Team-A_(b).c", &"a".repeat(NAME_MAX)] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", ".a", "-a", "(a)", "a.", "a b", "ä", "a/b", "a%b", &"a".repeat(NAME_MAX + 1)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_group_is_read_from_what_clients_send() {
        let read = |body: Value| read(body.as_object().unwrap());
        let sent = read(json!({"name": "a", "properties": {"displayName": "A", "details": {"parent": {}}}})).unwrap();
        assert_eq!(sent, Sent { display_name: Some("A".to_owned()), parent: None });
        let parent = json!({"id": "/PROVIDERS/microsoft.management/managementgroups/B", "name": "x"});
        let sent = read(json!({"properties": {"details": {"parent": parent}}})).unwrap();
        assert_eq!(sent, Sent { display_name: None, parent: Some("B".to_owned()) });
        for wrong in [
            json!({"properties": {"details": {"parent": {"id": "B"}}}}),
            json!({"properties": {"details": {"parent": {"id": "/subscriptions/72f988bf-86f1-41af-91ab-2d7cd011db47"}}}}),
            json!({"properties": {"details": {"parent": {"id": null, "Id": "/providers/Microsoft.Management/managementGroups/B"}}}}),
            json!({"properties": {"details": {"parents": {}}}}),
            json!({"properties": {"displayName": ""}}),
            json!({"properties": []}),
        ] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
