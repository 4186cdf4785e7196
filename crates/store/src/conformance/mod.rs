//! The suite that every engine must pass.
//!
//! An engine's tests give it a `Place` and get every case as a `#[test]` of its own:
//! `bonafide_store::conformance_suite!(TempDirectory);` and, when what is stored outlives the engine,
//! `bonafide_store::durable_conformance_suite!(TempDirectory);`.

#![allow(missing_docs, reason = "a case's name is the sentence that it shows")]
#![allow(clippy::unwrap_used, reason = "these are tests")]

pub mod changes;
pub mod damage;
pub mod durable;
pub mod engine;
pub mod faults;
pub mod indexes;
pub mod model;
pub mod races;
pub mod transactions;

use crate::engine::{Commit, CommitId, Compare, Engine, Op, Revision, Verdict};
use crate::row_keys::{ROW_KEY_BYTES, RowKeys};
use crate::store::Store;
use bonafide_types::Secret;
use uuid::Uuid;

/// The home of an engine of the kind under test: empty when made, cleaned up when dropped.
pub trait Place: Default + Sync {
    /// The engine under test.
    type Engine: Engine;

    /// Opens the engine; a durable one finds what was stored here before.
    fn open(&self) -> Self::Engine;

    /// A store on it.
    fn store(&self) -> Store {
        Store::open(self.open(), row_keys())
    }
}

/// The keys of every store here: what is stored outlives the store.
pub fn row_keys() -> RowKeys {
    RowKeys::new((1, &Secret::new([7; ROW_KEY_BYTES])), &[])
}

/// Makes a `#[test]` of every case, in modules named like those here.
#[macro_export]
macro_rules! conformance_suite {
    ($place:ty) => {
        $crate::conformance_cases!(
            $place,
            engine,
            [
                a_commit_is_seen_whole_at_its_revision,
                a_stale_key_is_a_conflict,
                a_changed_prefix_is_a_conflict,
                commits_of_a_batch_see_one_another,
                a_known_commit_id_gets_its_revision_again,
                deleting_an_absent_key_logs_nothing,
                a_snapshot_does_not_move,
                ranges_are_in_byte_order_and_end_with_their_prefix,
                values_come_back_as_they_were_put,
                a_commit_beyond_the_limits_takes_its_batch_along,
                audit_records_are_chained_in_their_commits,
            ]
        );
        $crate::conformance_cases!(
            $place,
            changes,
            [
                du_11_changes_are_whole_revisions_in_commit_order,
                a_change_carries_the_newest_value,
                changes_are_of_the_tables_asked_for,
                a_foreign_or_future_cursor_reloads,
                compaction_forgets_the_log_and_keeps_the_rows,
                the_store_compacts_by_itself,
                revisions_are_gapless_under_32_writers,
                du_11_a_follower_that_compaction_overtakes_reloads_and_converges,
                waiting_ends_with_the_next_commit,
            ]
        );
        $crate::conformance_cases!(
            $place,
            transactions,
            [
                a_lost_race_runs_the_body_again,
                a_key_changed_and_changed_back_is_a_lost_race_too,
                a_row_is_given_for_the_one_in_whose_place_it_is,
                writers_of_one_row_all_get_through,
                a_row_that_is_created_replaces_no_other,
                an_error_of_the_body_commits_nothing,
                a_swallowed_error_can_never_commit,
                a_transaction_without_writes_commits_nothing,
                a_transaction_reads_at_one_revision,
                a_page_is_full_in_spite_of_deletions_in_the_transaction,
                a_transaction_inside_a_transaction_is_refused,
                a_panic_in_the_body_leaves_the_store_usable,
                limits_are_told_plainly,
                a_row_of_another_form_is_an_error,
                paging_while_others_write_misses_and_repeats_nothing,
            ]
        );
        $crate::conformance_cases!(
            $place,
            indexes,
            [
                index_entries_follow_their_rows,
                a_taken_unique_entry_is_an_error,
                a_thousand_identities_on_one_resource_are_one_commit,
                equal_names_in_different_tables_do_not_meet,
            ]
        );
        $crate::conformance_cases!(
            $place,
            races,
            [
                du_07_a_group_is_deleted_only_while_it_is_empty,
                a_name_is_taken_once,
                an_identity_in_use_is_not_deleted,
                du_07_a_quota_is_never_exceeded,
                du_07_one_of_two_always_stays,
            ]
        );
        $crate::conformance_cases!(
            $place,
            faults,
            [
                an_engine_error_reaches_every_caller_and_acknowledges_nothing,
                du_03_an_unknown_outcome_is_told_and_not_tried_again,
                au_05_what_may_use_the_reserve_is_written_without_the_rest_of_its_batch,
                endless_conflicts_end_with_an_error,
                ov_01_a_full_queue_is_an_error_at_once,
            ]
        );
        $crate::conformance_cases!(
            $place,
            damage,
            [
                du_05_a_damaged_row_is_absent_and_named,
                du_05_a_damaged_row_that_forbids_is_an_error,
                du_05_a_damaged_index_entry_is_an_error,
                du_05_no_write_rests_on_a_damaged_row,
                du_05_a_page_is_full_in_spite_of_damaged_rows,
                du_05_a_value_of_another_row_is_damage,
                du_05_an_old_store_gets_its_macs_once,
                tn_04_what_is_stored_no_more_is_taken_out_of_a_store_with_macs_once,
            ]
        );
        $crate::conformance_cases!($place, model, [du_07_transactions_agree_with_a_model,]);
    };
}

/// Makes a `#[test]` of every case for engines whose state outlives them.
#[macro_export]
macro_rules! durable_conformance_suite {
    ($place:ty) => {
        $crate::conformance_cases!(
            $place,
            durable,
            [
                a_reopened_store_goes_on_where_it_was,
                a_compacted_store_stays_compacted,
                a_commit_id_is_known_after_reopening,
            ]
        );
    };
}

/// One module of cases.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_cases {
    ($place:ty, $module:ident, [$($case:ident),* $(,)?]) => {
        mod $module {
            use super::*;
            $(#[test] fn $case() { $crate::conformance::$module::$case::<$place>() })*
        }
    };
}

/// A commit with a number for an id.
fn commit(id: u64, compares: Vec<Compare>, ops: Vec<Op>) -> Commit {
    Commit { id: CommitId(Uuid::from_u64_pair(0, id)), compares, ops, audit: Vec::new(), may_use_reserve: false }
}

fn put(key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Op {
    Op::Put { key: key.as_ref().to_vec(), value: value.as_ref().to_vec() }
}

fn delete(key: impl AsRef<[u8]>) -> Op {
    Op::Delete { key: key.as_ref().to_vec() }
}

fn key_at(key: &str, expect: Option<u64>) -> Compare {
    Compare::Key { key: key.into(), expect: expect.map(Revision) }
}

fn prefix_since(prefix: impl AsRef<[u8]>, since: u64) -> Compare {
    Compare::Prefix { prefix: prefix.as_ref().to_vec(), since: Revision(since) }
}

/// The prefix of every key.
const ALL: [Vec<u8>; 1] = [Vec::new()];

fn committed(revision: u64) -> Verdict {
    Verdict::Committed(Revision(revision))
}

#[cfg(test)]
mod tests {
    /// A case that no macro names would never run.
    #[test]
    fn every_case_is_in_a_suite() {
        let words = |text: &'static str| text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let suites: Vec<&str> = words(include_str!("mod.rs")).collect();
        let files = [
            include_str!("changes.rs"),
            include_str!("damage.rs"),
            include_str!("durable.rs"),
            include_str!("engine.rs"),
            include_str!("faults.rs"),
            include_str!("indexes.rs"),
            include_str!("model.rs"),
            include_str!("races.rs"),
            include_str!("transactions.rs"),
        ];
        let mut cases = 0;
        for line in files.iter().flat_map(|file| file.lines()) {
            if let Some((name, _)) = line.strip_prefix("pub fn ").and_then(|rest| rest.split_once("<P: Place>()")) {
                assert!(suites.contains(&name), "{name} is in no suite");
                cases += 1;
            }
        }
        assert!(cases > 40, "{cases}");
    }
}
