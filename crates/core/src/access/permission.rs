//! One entry of a role's permissions, built-in or custom.

use super::Plane;
use super::matching::matches;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// A pattern of operations: text of the built-in roles, or of a row.
pub type Pattern = Cow<'static, str>;

/// One entry of a role's permissions. What it takes away, it takes away from itself only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permission {
    /// Control-plane patterns granted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Pattern>,
    /// Control-plane patterns taken out again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_actions: Vec<Pattern>,
    /// Data-plane patterns granted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data_actions: Vec<Pattern>,
    /// Data-plane patterns taken out again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_data_actions: Vec<Pattern>,
    /// An ABAC condition, which we do not evaluate: what it limits is not granted. Custom roles have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Pattern>,
}

impl Permission {
    /// True when it grants `action` on this plane. Actions never grant data actions.
    pub fn grants(&self, action: &str, plane: Plane) -> bool {
        let (granted, taken) = match plane {
            Plane::Control => (&self.actions, &self.not_actions),
            Plane::Data => (&self.data_actions, &self.not_data_actions),
        };
        granted.iter().any(|pattern| matches(pattern, action))
            && !taken.iter().any(|pattern| matches(pattern, action))
            && !self.condition.as_ref().is_some_and(|condition| limits(condition, action))
    }

    /// All of its patterns, on both planes.
    pub fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        [&self.actions, &self.not_actions, &self.data_actions, &self.not_data_actions].into_iter().flatten()
    }
}

/// True unless it is certain that the condition holds for `action` whatever it says. Every condition
/// that names operations is a conjunction of `(!(ActionMatches{'operation'})) OR …`: it is true of an
/// operation that no `ActionMatches` names. All others limit every action.
fn limits(condition: &str, action: &str) -> bool {
    let guarded = condition.trim_start_matches('(').starts_with("!(ActionMatches{");
    !guarded
        || condition
            .split("ActionMatches{'")
            .skip(1)
            .any(|rest| rest.split('\'').next().is_some_and(|pattern| matches(pattern, action)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn not_actions_take_away_from_their_own_permission_only() {
        let one =
            Permission { actions: vec!["*".into()], not_actions: vec!["a/write".into()], ..Permission::default() };
        let two = Permission { actions: vec!["a/*".into()], ..Permission::default() };
        assert!(!one.grants("a/write", Plane::Control) && one.grants("a/read", Plane::Control));
        assert!([one, two].iter().any(|permission| permission.grants("a/write", Plane::Control)));
    }
}
