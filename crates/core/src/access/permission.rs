//! One entry of a role's permissions, built-in or custom.

use super::Plane;
use super::condition::{Attributes, Condition, Truth};
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
    /// An ABAC condition: it must hold as well. Custom roles have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
}

/// The answer of a permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer<'a> {
    Granted,
    /// Granted if the condition holds, which is not known yet.
    If(&'a Condition),
    Withheld,
}

impl Permission {
    /// True when it grants `action` on this plane, whatever else is known of the call. Actions never grant data actions.
    pub fn grants(&self, action: &str, plane: Plane) -> bool {
        self.answer(action, plane) == Answer::Granted
    }

    pub(super) fn answer(&self, action: &str, plane: Plane) -> Answer<'_> {
        let (granted, taken) = match plane {
            Plane::Control => (&self.actions, &self.not_actions),
            Plane::Data => (&self.data_actions, &self.not_data_actions),
        };
        if !granted.iter().any(|pattern| matches(pattern, action))
            || taken.iter().any(|pattern| matches(pattern, action))
        {
            return Answer::Withheld;
        }
        let Some(condition) = &self.condition else { return Answer::Granted };
        match condition.truth(action, &Attributes::default()) {
            Truth::True => Answer::Granted,
            Truth::False => Answer::Withheld,
            Truth::Unknown => Answer::If(condition),
        }
    }

    /// All of its patterns, on both planes.
    pub fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        [&self.actions, &self.not_actions, &self.data_actions, &self.not_data_actions].into_iter().flatten()
    }
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
