//! Another version of the rules of a binding that serves (MD-11).

use super::{Bindings, Entry};
use crate::bindings::kept_rules::{KeptRules, NotTaken, WantedRules};
use crate::rules::RulesInForce;
use crate::state::StateError;
use bonafide_types::BindingId;

/// What an operator reads at a binding that allows nothing.
pub(super) const DENIES_ALL: &str =
    "its file of rules cannot be followed, and nothing is allowed until it can: mend it, and attach it anew";

impl Bindings {
    /// Puts a version of its rules in force at a binding, or takes them away. It is kept before it counts, unless it is
    /// stricter by being none: what cannot be kept is not in force.
    pub(in crate::bindings) async fn set_rules(
        &self,
        id: BindingId,
        wanted: Option<&WantedRules>,
    ) -> Result<(), StateError> {
        let _one_at_a_time = self.changing.lock().await;
        self.set_rules_now(id, wanted)
    }

    /// The same for who is changing bindings already.
    pub(super) fn set_rules_now(&self, id: BindingId, wanted: Option<&WantedRules>) -> Result<(), StateError> {
        let Some(mut row) = self.entries().get(&id).map(|entry| entry.row.clone()) else { return Ok(()) };
        let before = row.rules.take();
        let (rules, not_taken) = match wanted {
            Some(wanted) => {
                let (rules, not_taken) = KeptRules::after(before.as_ref(), wanted);
                (Some(rules), not_taken)
            }
            None => (None, None),
        };
        row.rules = rules;
        if let Some(why) = &not_taken {
            self.tell_not_taken(&row, why);
        }
        if row.rules == before {
            return Ok(());
        }
        self.rows.write(&row)?;
        self.log.event(&self.event("bindingRulesChanged", &row), &"it was asked for");
        if let Some(entry) = self.entries().get_mut(&id) {
            entry.rules.replace(row.rules.as_ref().map(KeptRules::rules));
            entry.row = row;
        }
        Ok(())
    }

    pub(super) fn tell_not_taken(&self, row: &crate::bindings::row::BindingRow, why: &NotTaken) {
        self.log.event(&self.event("bindingRulesNotTaken", row), why);
    }

    /// The rules of a binding, for what serves beside it.
    pub(crate) fn rules_of(&self, id: BindingId) -> RulesInForce {
        let denied = || RulesInForce::new(Some(bonafide_metadata::rules::Rules::denying_all()));
        self.entries().get(&id).map_or_else(denied, |entry| entry.rules.clone())
    }
}

impl Entry {
    /// True where nothing is allowed for want of rules that can be followed.
    pub(super) fn denies_all(&self) -> bool {
        self.row.rules.as_ref().is_some_and(KeptRules::denies_all)
    }
}
