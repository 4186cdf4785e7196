//! Bodies that grant rights or identities: every member of theirs is read, known to change nothing, or refused.
//! `data/granting_bodies.txt` says which; nothing else may read such a body.

use crate::fault::Fault;
use bonafide_types::Excerpt;
use serde_json::{Map, Value};
use std::sync::LazyLock;

/// An object in a body that grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grants {
    Assignment,
    AssignmentProperties,
    Definition,
    DefinitionProperties,
    Permission,
    Lock,
    LockProperties,
    Identity,
    IdentityUser,
    ManagementGroup,
    ManagementGroupProperties,
    ManagementGroupDetails,
    ManagementGroupParent,
    ManagementGroupPatch,
    HierarchySettings,
    HierarchySettingsProperties,
}

impl Grants {
    /// The words of the file that its members stand under.
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Assignment => &["assignment", "envelope"],
            Self::AssignmentProperties => &["assignment.properties"],
            Self::Definition => &["definition", "envelope"],
            Self::DefinitionProperties => &["definition.properties"],
            Self::Permission => &["permission"],
            Self::Lock => &["lock", "envelope"],
            Self::LockProperties => &["lock.properties"],
            Self::Identity => &["identity"],
            Self::IdentityUser => &["identity.user"],
            Self::ManagementGroup => &["managementGroup", "envelope"],
            Self::ManagementGroupProperties => &["managementGroup.properties"],
            Self::ManagementGroupDetails => &["managementGroup.details"],
            Self::ManagementGroupParent => &["managementGroup.parent"],
            Self::ManagementGroupPatch => &["managementGroup.patch"],
            Self::HierarchySettings => &["hierarchySettings", "envelope"],
            Self::HierarchySettingsProperties => &["hierarchySettings.properties"],
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    Read,
    Ignored,
    Refused,
    /// Refused unless it is false.
    Flag,
}

struct Line {
    of: &'static str,
    member: &'static str,
    does: Does,
}

static LINES: LazyLock<Vec<Line>> = LazyLock::new(|| lines(include_str!("../../data/granting_bodies.txt")));

fn lines(text: &'static str) -> Vec<Line> {
    let line = |line: &'static str| {
        let mut words = line.split(' ');
        let (of, member) = (words.next()?, words.next()?);
        let does = match words.next()? {
            "read" => Does::Read,
            "ignored" => Does::Ignored,
            "refused" => Does::Refused,
            "flag" => Does::Flag,
            _ => return None,
        };
        Some(Line { of, member, does })
    };
    text.lines().filter(|line| !line.starts_with('#')).filter_map(line).collect()
}

/// The members of an object that say something, each under its own spelling.
///
/// # Errors
/// [`Fault::BodyInvalid`] for a member that occurs twice, in any case, and for one that is not known;
/// [`Fault::ConditionNotSupported`] and [`Fault::GrantNotUnderstood`] for one that limits or widens what is granted.
pub(crate) fn read(object: &Map<String, Value>, of: &[Grants]) -> Result<Map<String, Value>, Fault> {
    let mut found: Vec<&str> = Vec::with_capacity(object.len());
    let mut members = Map::with_capacity(object.len());
    for (name, value) in object {
        if found.iter().any(|other| other.eq_ignore_ascii_case(name)) {
            return Err(Fault::BodyInvalid(format!("the member '{}' occurs twice", Excerpt::of(name))));
        }
        found.push(name);
        let known = of.iter().flat_map(|of| of.words()).find_map(|word| line(word, name));
        match known.map(|line| (line.does, line.member)) {
            Some((Does::Read, member)) => drop(members.insert(member.to_owned(), value.clone())),
            Some((Does::Ignored, _)) => check_inside(value)?,
            Some((Does::Flag, _)) if *value == Value::Bool(false) => {}
            _ if value.is_null() => {}
            Some((Does::Refused | Does::Flag, member)) => return Err(not_understood(member)),
            None => return Err(unknown(name)),
        }
    }
    Ok(members)
}

fn line(of: &str, member: &str) -> Option<&'static Line> {
    LINES.iter().find(|line| line.of == of && line.member.eq_ignore_ascii_case(member))
}

/// Members that limit or widen a grant are refused inside of those that are ignored, too.
fn check_inside(value: &Value) -> Result<(), Fault> {
    let refused =
        |name: &str| LINES.iter().find(|line| line.does == Does::Refused && line.member.eq_ignore_ascii_case(name));
    match value {
        Value::Object(object) => object.iter().try_for_each(|(name, value)| match refused(name) {
            Some(line) if !value.is_null() => Err(not_understood(line.member)),
            _ => check_inside(value),
        }),
        Value::Array(elements) => elements.iter().try_for_each(check_inside),
        _ => Ok(()),
    }
}

fn not_understood(member: &'static str) -> Fault {
    match member {
        "condition" | "conditionVersion" => Fault::ConditionNotSupported,
        member => Fault::GrantNotUnderstood(member),
    }
}

/// A member that is not known: one that is refused elsewhere is named as such.
fn unknown(name: &str) -> Fault {
    match LINES.iter().find(|line| line.does == Does::Refused && line.member.eq_ignore_ascii_case(name)) {
        Some(line) => not_understood(line.member),
        None => Fault::BodyInvalid(format!("the member '{}' is not known here: leave it out", Excerpt::of(name))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read_of(body: Value, of: &[Grants]) -> Result<Value, String> {
        read(body.as_object().unwrap(), of).map(Value::Object).map_err(|fault| fault.parts().2)
    }

    #[test]
    fn every_line_of_the_file_is_read_and_of_a_body_that_there_is() {
        let text = include_str!("../../data/granting_bodies.txt");
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        assert!(lines.clone().all(|line| line.split(' ').count() == 4));
        assert_eq!(lines.count(), LINES.len());
        let all = [
            Grants::Assignment,
            Grants::AssignmentProperties,
            Grants::Definition,
            Grants::DefinitionProperties,
            Grants::Permission,
            Grants::Lock,
            Grants::LockProperties,
            Grants::Identity,
            Grants::IdentityUser,
            Grants::ManagementGroup,
            Grants::ManagementGroupProperties,
            Grants::ManagementGroupDetails,
            Grants::ManagementGroupParent,
            Grants::ManagementGroupPatch,
            Grants::HierarchySettings,
            Grants::HierarchySettingsProperties,
        ];
        let words: Vec<&str> = all.iter().flat_map(|of| of.words()).copied().collect();
        assert!(LINES.iter().all(|line| words.contains(&line.of)));
    }

    #[test]
    fn tn_13_a_member_is_read_in_any_case_and_refused_twice() {
        let of = &[Grants::AssignmentProperties];
        assert_eq!(read_of(json!({"PRINCIPALID": 1, "createdOn": "x"}), of), Ok(json!({"principalId": 1})));
        for twice in [json!({"principalId": 1, "PrincipalId": 1}), json!({"updatedBy": 1, "UPDATEDBY": null})] {
            assert!(read_of(twice, of).unwrap_err().contains("occurs twice"));
        }
    }

    #[test]
    fn tn_13_what_could_widen_a_grant_is_refused_by_its_name_wherever_it_stands() {
        let of = &[Grants::Assignment];
        for body in [
            json!({"condition": "x"}),
            json!({"CONDITION": "x"}),
            json!({"systemData": {"a": [{"Condition": "x"}]}}),
            json!({"etag": {"condition": ""}}),
        ] {
            assert!(read_of(body.clone(), of).unwrap_err().contains("'condition'"), "{body}");
        }
        let of = &[Grants::AssignmentProperties];
        for name in ["conditionVersion", "DelegatedManagedIdentityResourceId", "canDelegate"] {
            assert!(
                read_of(json!({name: true}), of).unwrap_err().to_lowercase().contains(&name.to_lowercase()),
                "{name}"
            );
            assert_eq!(read_of(json!({name: null}), of), Ok(json!({})));
        }
        assert_eq!(read_of(json!({"canDelegate": false}), of), Ok(json!({})));
        assert!(read_of(json!({"conditions": "x"}), of).unwrap_err().contains("'conditions' is not known"));
    }
}
