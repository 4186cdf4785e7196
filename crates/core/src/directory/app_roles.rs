//! The roles that applications define for those who ask them for something, and the service principals that have them.

use super::Application;
use bonafide_store::{Absence, Index, Table};
use bonafide_types::{ObjectId, TenantId, Timestamp, base64url};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt::{self, Display, Formatter};
use std::str::FromStr;
use uuid::Uuid;

/// Longest name of a role in tokens, in characters. Source: Microsoft Learn, "appRole resource type" (120).
const VALUE_CHARS_MAX: usize = 120;
/// Characters of such a name besides letters and digits. Source: the same.
const VALUE_MARKS: &str = ":!#$%&'()*+,-./;<=>?@[]^_{|}~`";

/// A role that an application defines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppRole {
    /// Its id, by which it is assigned.
    pub id: Uuid,
    /// Its name in tokens (`roles`); none where it has none, or one that no role can have.
    pub value: Option<String>,
    /// True if it can be given and is in tokens.
    pub is_enabled: bool,
    /// True if service principals can have it, and not only users.
    pub is_for_applications: bool,
}

/// The name of a role in tokens can be this.
pub fn is_app_role_value(text: &str) -> bool {
    (1..=VALUE_CHARS_MAX).contains(&text.len())
        && !text.starts_with('.')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || VALUE_MARKS.as_bytes().contains(&byte))
}

impl Application {
    /// The roles that it defines. An item that is none is passed over: rows of earlier versions have what was sent.
    pub fn app_roles(&self) -> Vec<AppRole> {
        let roles = self.properties.get("appRoles").and_then(Value::as_array);
        roles.into_iter().flatten().filter_map(read).collect()
    }
}

fn read(role: &Value) -> Option<AppRole> {
    let value = role.get("value").and_then(Value::as_str).filter(|text| is_app_role_value(text));
    let members = role.get("allowedMemberTypes").and_then(Value::as_array);
    Some(AppRole {
        id: role.get("id")?.as_str()?.parse().ok()?,
        value: value.map(str::to_owned),
        is_enabled: role.get("isEnabled") == Some(&Value::Bool(true)),
        is_for_applications: members.is_some_and(|members| members.iter().any(|member| member == "Application")),
    })
}

/// That a service principal has a role at a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppRoleAssignment {
    /// The tenant of both.
    pub tenant: TenantId,
    /// The service principal of the application that defines the role.
    pub resource: ObjectId,
    /// The role; [`DEFAULT_APP_ROLE`] for access to a service without any.
    pub role: Uuid,
    /// The time at which it was given.
    pub created_at: Timestamp,
}

/// The id that stands for no role in particular. Source: Microsoft Learn, "appRoleAssignment resource type".
pub const DEFAULT_APP_ROLE: Uuid = Uuid::nil();

/// The key of an assignment: who has the role, and an id. Microsoft Graph shows it as one text, in which Entra has the
/// principal's id first, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppRoleAssignmentId(pub ObjectId, pub Uuid);

impl AppRoleAssignmentId {
    /// The key of its row.
    pub fn key(self) -> (ObjectId, Uuid) {
        (self.0, self.1)
    }
}

impl Display for AppRoleAssignmentId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let bytes = [self.0.uuid().to_bytes_le(), *self.1.as_bytes()].concat();
        f.write_str(&base64url::encode(&bytes))
    }
}

impl FromStr for AppRoleAssignmentId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let bytes = base64url::decode(text).map_err(|_| ())?;
        let (principal, id) = bytes.split_first_chunk::<16>().ok_or(())?;
        let id = id.try_into().map_err(|_| ())?;
        Ok(Self(ObjectId::new(Uuid::from_bytes_le(*principal)), Uuid::from_bytes(id)))
    }
}

/// Assignments by who has the role. They are cleared away some time after principal or service: an object id is never given
/// twice, so they then give nothing.
pub const APP_ROLE_ASSIGNMENTS: Table<(ObjectId, Uuid), AppRoleAssignment> =
    Table::indexed("app-role-assignment", Absence::Withholds, |_, row, entries| {
        entries.many(&APP_ROLES_ASSIGNED_TO, &row.resource);
        entries.many(&APP_ROLE_HOLDERS, &(row.resource, row.role));
    });

/// The assignments of roles at a service.
pub const APP_ROLES_ASSIGNED_TO: Index<ObjectId, (ObjectId, Uuid)> = Index::new("app-role-assigned-to");

/// The assignments of one role.
pub const APP_ROLE_HOLDERS: Index<(ObjectId, Uuid), (ObjectId, Uuid)> = Index::new("app-role-holder");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_an_assignment_is_one_text_for_both_its_parts() {
        let id = AppRoleAssignmentId(ObjectId::new(Uuid::from_u128(1 << 100)), Uuid::from_u128(7));
        let text = id.to_string();
        assert_eq!((text.len(), text.parse()), (43, Ok(id)));
        for wrong in ["", "AAAA", &text[1..], &format!("{text}A"), "00000000-0000-4000-8000-000000000001"] {
            assert_eq!(wrong.parse::<AppRoleAssignmentId>(), Err(()), "{wrong}");
        }
    }

    #[test]
    fn a_name_of_a_role_has_no_blank_and_begins_with_no_dot() {
        for (text, can_be) in [
            ("Orders.Read", true),
            ("a", true),
            ("orders:read/all", true),
            ("", false),
            (".hidden", false),
            ("two words", false),
            ("quote\"", false),
            ("gr\u{fc}n", false),
            ("line\n", false),
        ] {
            assert_eq!(is_app_role_value(text), can_be, "{text}");
        }
        assert!(is_app_role_value(&"x".repeat(120)) && !is_app_role_value(&"x".repeat(121)));
    }
}
