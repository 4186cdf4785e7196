use super::keep::KeptMark;
use super::*;
use crate::audit::AuditRecord;
use crate::audit::GENESIS;
use crate::engine::{Changes, Commit, Engine, Snapshot, Verdict};
use crate::engine::{Cursor, Revision};
use crate::error::EngineError;
use crate::locked::{Locked, OpenMarkedError};
use crate::memory::MemoryEngine;
use crate::row_keys::RowKeys;
use crate::trouble::Trouble;
use std::convert::Infallible;
use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use uuid::Uuid;

fn point(epoch: u128, revision: u64, audit_number: u64) -> HighWater {
    let cursor = Cursor { epoch: Epoch(Uuid::from_u128(epoch)), revision: Revision(revision) };
    HighWater { cursor, audit_number, audit_hash: [u8::try_from(audit_number).unwrap(); 32] }
}

fn checked(marks: &Marks, store: Option<&HighWater>, was_marked: bool) -> Option<BelowMark> {
    check(marks, store, was_marked, |number| Ok::<_, Infallible>(Some([u8::try_from(number).unwrap(); 32]))).unwrap()
}

#[test]
fn du_05_a_mark_that_was_cut_short_loses_one_slot_and_never_both() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mark");
    settle(&path, &point(1, 5, 2)).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let mut file = file::MarkFile::settled(&path, &point(1, 5, 2)).unwrap();
    for revision in 6..20 {
        file.write(&point(1, revision, 2)).unwrap();
        let newest = read(&path).unwrap();
        assert_eq!(newest.newest(), Some(&point(1, revision, 2)));
        // The slot that was written last, at any length.
        let whole = fs::read(&path).unwrap();
        let at = if newest.slots[0].unwrap().sequence > newest.slots[1].unwrap().sequence { 0 } else { 4096 };
        for cut in [0, 20, 100] {
            let damaged = fs::OpenOptions::new().write(true).open(&path).unwrap();
            damaged.write_all_at(&[0; 30], at + cut).unwrap();
            assert_eq!(read(&path).unwrap().newest(), Some(&point(1, revision - 1, 2)), "{revision} {cut}");
            fs::write(&path, &whole).unwrap();
        }
    }
}

#[test]
fn du_05_a_store_below_its_mark_is_told_and_every_other_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mark");
    let none = read(&path).unwrap();
    assert_eq!(checked(&none, None, false), None);
    assert_eq!(checked(&none, Some(&point(1, 9, 3)), false), None, "a store of the time before marks");
    let (store, mark) = (point(1, 9, 3), point(1, 5, 2));
    assert_eq!(checked(&none, Some(&store), true), Some(BelowMark::MarkLost { store }));
    settle(&path, &mark).unwrap();
    let marks = read(&path).unwrap();
    assert_eq!(checked(&marks, Some(&store), true), None);
    assert_eq!(checked(&marks, Some(&mark), true), None);
    assert_eq!(checked(&marks, None, true), Some(BelowMark::Empty { mark }));
    for older in [point(1, 4, 2), point(1, 5, 1)] {
        assert_eq!(checked(&marks, Some(&older), true), Some(BelowMark::Older { store: older, mark }));
    }
    let other = point(2, 9, 3);
    assert_eq!(checked(&marks, Some(&other), true), Some(BelowMark::OtherEpoch { store: other, mark }));
    let hash = |_| Ok::<_, Infallible>(Some(GENESIS));
    assert_eq!(check(&marks, Some(&store), true, hash).unwrap(), Some(BelowMark::OtherHistory { number: 2 }));
}

#[test]
fn op_05_while_a_restore_is_under_way_both_stores_are_taken_and_afterwards_the_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mark");
    let (before, after) = (point(1, 9, 3), point(2, 4, 1));
    settle(&path, &before).unwrap();
    begin(&path, &after).unwrap();
    let marks = read(&path).unwrap();
    assert_eq!((checked(&marks, Some(&before), true), checked(&marks, Some(&after), true)), (None, None));
    settle(&path, &after).unwrap();
    let marks = read(&path).unwrap();
    assert_eq!(checked(&marks, Some(&after), true), None);
    assert_eq!(checked(&marks, Some(&before), true), Some(BelowMark::OtherEpoch { store: before, mark: after }));
}

#[test]
fn a_mark_is_raised_and_synced_when_its_store_ends() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mark");
    let kept = KeptMark::start(&path, &point(1, 1, 1)).unwrap();
    (2..100).for_each(|revision| kept.raise(&point(1, revision, 1)));
    assert_eq!(read(&path).unwrap().newest(), Some(&point(1, 99, 1)));
    assert!(kept.trouble().is_none());
    drop(kept);
}

/// An engine that goes on from an older state by itself.
struct FailsOver(MemoryEngine);

impl Engine for FailsOver {
    fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>, EngineError> {
        self.0.snapshot()
    }

    fn commit(&self, batch: &[Commit]) -> Result<Vec<Verdict>, EngineError> {
        self.0.commit(batch)
    }

    fn changes(&self, after: Cursor, prefixes: &[Vec<u8>], limit: usize) -> Result<Changes, EngineError> {
        self.0.changes(after, prefixes, limit)
    }

    fn compact(&self, through: Revision) -> Result<(), EngineError> {
        self.0.compact(through)
    }

    fn scrub(&self) -> Result<(), EngineError> {
        Ok(())
    }

    fn check_room_to_scrub(&self) -> Result<(), EngineError> {
        Ok(())
    }

    fn audit(&self, after: u64, limit: usize) -> Result<Vec<AuditRecord>, EngineError> {
        self.0.audit(after, limit)
    }

    fn high_water(&self) -> Result<HighWater, EngineError> {
        self.0.high_water()
    }

    fn fails_over(&self) -> bool {
        true
    }

    fn upkeep(&self) {}

    fn troubles(&self) -> Vec<Trouble> {
        Vec::new()
    }
}

#[test]
fn du_05_an_engine_that_fails_over_below_its_mark_is_told_of_and_every_other_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mark");
    settle(&path, &point(0, 5, 0)).unwrap();
    let refused = Locked::open_marked(MemoryEngine::new(), &path).err().expect("it opens");
    assert!(matches!(refused, OpenMarkedError::BelowMark(_)), "{refused}");
    let store = Locked::open_marked(FailsOver(MemoryEngine::new()), &path).unwrap().unlock(RowKeys::throw_away());
    assert!(matches!(&store.troubles()[..], [Trouble::BelowMark(why)] if why.contains("revision 5")));
}

#[test]
fn du_05_a_mark_that_says_that_rows_have_macs_says_so_ever_after() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("mark");
    let kept = KeptMark::start(&path, &point(1, 1, 1)).unwrap();
    kept.raise(&point(1, 2, 1));
    assert!(!read(&path).unwrap().has_macs());
    kept.remember_macs();
    (3..6).for_each(|revision| kept.raise(&point(1, revision, 1)));
    drop(kept);
    assert!(read(&path).unwrap().has_macs());
    begin(&path, &point(2, 4, 1)).unwrap();
    settle(&path, &point(2, 4, 1)).unwrap();
    drop(KeptMark::start(&path, &point(2, 5, 1)).unwrap());
    assert!(read(&path).unwrap().has_macs(), "after a restore, too");
}
