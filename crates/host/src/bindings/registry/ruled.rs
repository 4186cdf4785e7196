//! Another version of the rules of a binding that serves (MD-11).

use super::{Bindings, Entry};
use crate::bindings::kept_rules::{KeptRules, NotTaken, WantedRules};
use crate::bindings::row::{BindingLine, BindingRow};
use crate::rules::RulesInForce;
use crate::state::StateError;
use bonafide_types::BindingId;

/// The note of a binding that allows nothing.
pub(super) const DENIES_ALL: &str =
    "nothing is allowed here until there are rules that can be followed: mend the file, and attach the place anew";

impl Bindings {
    /// Puts a version of its rules in force at a binding, or takes them away: kept first, so that a restart has it, too. A
    /// version that is no good comes back with the reason.
    pub(in crate::bindings) async fn set_rules(
        &self,
        id: BindingId,
        wanted: Option<&WantedRules>,
    ) -> Result<Option<NotTaken>, StateError> {
        let _one_at_a_time = self.changing.lock().await;
        self.set_rules_now(id, wanted)
    }

    /// The same for who is changing bindings already.
    pub(super) fn set_rules_now(
        &self,
        id: BindingId,
        wanted: Option<&WantedRules>,
    ) -> Result<Option<NotTaken>, StateError> {
        let Some(mut row) = self.entries().get(&id).map(|entry| entry.row.clone()) else { return Ok(None) };
        let before = row.rules.take();
        let (rules, not_taken) = match wanted {
            Some(wanted) => {
                let (rules, not_taken) = KeptRules::after(before.as_ref(), wanted, &row.place);
                (Some(rules), not_taken)
            }
            None => (None, None),
        };
        row.rules = rules;
        if let Some(why) = &not_taken {
            self.tell_not_taken(&row, why);
        }
        if row.rules == before {
            return Ok(not_taken);
        }
        self.rows.replace(&row)?;
        self.log.event(&self.event("bindingRulesChanged", &row), &"it was asked for");
        if let Some(entry) = self.entries().get_mut(&id) {
            entry.rules.replace(row.rules.as_ref().map(KeptRules::rules));
            entry.row = row;
        }
        Ok(not_taken)
    }

    pub(super) fn tell_not_taken(&self, row: &BindingRow, why: &NotTaken) {
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

impl BindingLine {
    /// The same for the one who wanted other rules.
    pub(super) fn with_rules_not_taken(mut self, why: Option<&NotTaken>) -> Self {
        if let Some(why) = why {
            let stay = self.note.unwrap_or_else(|| "the rules of before stay in force".to_owned());
            self.note = Some(format!("{why}; {stay}"));
        }
        self
    }
}
