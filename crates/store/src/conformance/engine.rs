//! The engine's own contract.

use super::{ALL, Place, commit, committed, delete, key_at, prefix_since, put};
use crate::audit::{self, GENESIS};
use crate::engine::{Changes, Engine, Revision, Snapshot, Verdict};
use crate::error::EngineError;
use crate::limits::{COMMIT_OPS_MAX, KEY_BYTES_MAX, VALUE_BYTES_MAX};

pub fn a_commit_is_seen_whole_at_its_revision<P: Place>() {
    let place = P::default();
    let engine = place.open();
    assert_eq!(engine.snapshot().unwrap().cursor().revision, Revision(0));
    let first = commit(1, vec![key_at("a", None)], vec![put("a", "1"), put("b", "2")]);
    assert_eq!(engine.commit(&[first]).unwrap(), [committed(1)]);
    let second = commit(2, vec![key_at("a", Some(1))], vec![put("a", "3"), delete("b")]);
    assert_eq!(engine.commit(&[second]).unwrap(), [committed(2)]);

    let snapshot = engine.snapshot().unwrap();
    assert_eq!(snapshot.cursor().revision, Revision(2));
    let found = snapshot.get(b"a").unwrap().unwrap();
    assert_eq!((found.value.as_slice(), found.revision), (b"3".as_slice(), Revision(2)));
    assert_eq!(snapshot.get(b"b").unwrap(), None);
}

pub fn a_stale_key_is_a_conflict<P: Place>() {
    let place = P::default();
    let engine = place.open();
    engine.commit(&[commit(1, vec![], vec![put("here", "1")])]).unwrap();
    engine.commit(&[commit(2, vec![], vec![put("here", "2"), put("gone", "2")])]).unwrap();
    engine.commit(&[commit(3, vec![], vec![delete("gone")])]).unwrap();
    let stale = [key_at("here", None), key_at("here", Some(1)), key_at("gone", Some(2)), key_at("never", Some(1))];
    for (id, compare) in stale.into_iter().enumerate() {
        let lost = commit(10 + id as u64, vec![compare.clone()], vec![put("here", "lost")]);
        assert_eq!(engine.commit(&[lost]).unwrap(), [Verdict::Conflict], "{compare:?}");
    }
    // One false compare is enough, and a conflict takes no revision.
    let lost = commit(20, vec![key_at("here", Some(2)), key_at("gone", Some(2))], vec![put("here", "lost")]);
    assert_eq!(engine.commit(&[lost]).unwrap(), [Verdict::Conflict]);
    let right = commit(21, vec![key_at("here", Some(2)), key_at("gone", None)], vec![put("here", "4")]);
    assert_eq!(engine.commit(&[right]).unwrap(), [committed(4)]);
    assert_eq!(engine.snapshot().unwrap().get(b"here").unwrap().unwrap().value, b"4");
}

pub fn a_changed_prefix_is_a_conflict<P: Place>() {
    let place = P::default();
    let engine = place.open();
    engine.commit(&[commit(1, vec![], vec![put("g/1", ""), put(b"g/\xFF\xFF", ""), put("h", "")])]).unwrap();
    engine.commit(&[commit(2, vec![], vec![put("g", ""), put("g0", ""), put("f/1", "")])]).unwrap();
    let lost = |id, compare| engine.commit(&[commit(id, vec![compare], vec![put("x", "")])]).unwrap();
    // Neighbours do not count; the revision itself does not count as after itself.
    assert_eq!(lost(10, prefix_since("g/", 1)), [committed(3)]);
    assert_eq!(lost(11, prefix_since("g/", 0)), [Verdict::Conflict]);
    assert_eq!(lost(12, prefix_since(b"g/\xFF", 0)), [Verdict::Conflict]);
    assert_eq!(lost(13, prefix_since("", 2)), [Verdict::Conflict]);

    // New keys, other values and deletions count, the last even though nothing is left to see.
    engine.commit(&[commit(20, vec![], vec![put("g/2", "")])]).unwrap();
    assert_eq!(lost(21, prefix_since("g/", 3)), [Verdict::Conflict]);
    engine.commit(&[commit(22, vec![], vec![put("g/2", "other")])]).unwrap();
    assert_eq!(lost(23, prefix_since("g/", 4)), [Verdict::Conflict]);
    engine.commit(&[commit(24, vec![], vec![delete("g/2")])]).unwrap();
    assert_eq!(lost(25, prefix_since("g/", 5)), [Verdict::Conflict]);
    assert_eq!(lost(26, prefix_since("g/", 6)), [committed(7)]);
}

pub fn commits_of_a_batch_see_one_another<P: Place>() {
    let place = P::default();
    let engine = place.open();
    let verdicts = engine.commit(&[
        commit(1, vec![key_at("a", None)], vec![put("a", "first"), put("g/1", "")]),
        commit(2, vec![key_at("a", None)], vec![put("a", "second"), put("b", "second")]),
        commit(3, vec![prefix_since("g/", 0)], vec![put("b", "third")]),
        commit(4, vec![key_at("a", Some(1)), prefix_since("g/", 1)], vec![put("b", "fourth")]),
        commit(5, vec![key_at("b", Some(2))], vec![delete("a")]),
    ]);
    let expected = [committed(1), Verdict::Conflict, Verdict::Conflict, committed(2), committed(3)];
    assert_eq!(verdicts.unwrap(), expected);
    let snapshot = engine.snapshot().unwrap();
    assert_eq!(snapshot.get(b"a").unwrap(), None);
    assert_eq!(snapshot.get(b"b").unwrap().unwrap().value, b"fourth");
    assert_eq!(snapshot.cursor().revision, Revision(3));
}

pub fn a_known_commit_id_gets_its_revision_again<P: Place>() {
    let place = P::default();
    let engine = place.open();
    let first = commit(1, vec![key_at("a", None)], vec![put("a", "1")]);
    assert_eq!(engine.commit(&[first.clone(), first.clone()]).unwrap(), [committed(1), committed(1)]);
    let between = commit(2, vec![], vec![put("a", "2")]);
    assert_eq!(engine.commit(&[between]).unwrap(), [committed(2)]);
    assert_eq!(engine.commit(&[first]).unwrap(), [committed(1)]);
    assert_eq!(engine.snapshot().unwrap().get(b"a").unwrap().unwrap().value, b"2");
    assert_eq!(engine.snapshot().unwrap().cursor().revision, Revision(2));
    // A conflict is not remembered: nothing of it happened.
    let early = commit(3, vec![key_at("b", Some(3))], vec![put("c", "")]);
    assert_eq!(engine.commit(std::slice::from_ref(&early)).unwrap(), [Verdict::Conflict]);
    engine.commit(&[commit(4, vec![], vec![put("b", "")])]).unwrap();
    assert_eq!(engine.commit(&[early]).unwrap(), [committed(4)]);
}

pub fn deleting_an_absent_key_logs_nothing<P: Place>() {
    let place = P::default();
    let engine = place.open();
    let start = engine.snapshot().unwrap().cursor();
    assert_eq!(engine.commit(&[commit(1, vec![], vec![delete("never")])]).unwrap(), [committed(1)]);
    let Changes::Some { changes, cursor } = engine.changes(start, &ALL, 10).unwrap() else { panic!("reload") };
    assert_eq!((changes.len(), cursor.revision), (0, Revision(1)));
    assert_eq!(engine.commit(&[commit(2, vec![prefix_since("n", 0)], vec![])]).unwrap(), [committed(2)]);
}

pub fn a_snapshot_does_not_move<P: Place>() {
    let place = P::default();
    let engine = place.open();
    engine.commit(&[commit(1, vec![], vec![put("a", "old"), put("b", "old")])]).unwrap();
    let before = engine.snapshot().unwrap();
    engine.commit(&[commit(2, vec![], vec![put("a", "new"), delete("b"), put("c", "new")])]).unwrap();
    engine.compact(Revision(2)).unwrap();
    assert_eq!(before.cursor().revision, Revision(1));
    assert_eq!(before.get(b"a").unwrap().unwrap().value, b"old");
    assert_eq!(keys(&*before, b"", None, 10), ["a", "b"]);
    assert_eq!(keys(&*engine.snapshot().unwrap(), b"", None, 10), ["a", "c"]);
}

pub fn ranges_are_in_byte_order_and_end_with_their_prefix<P: Place>() {
    let place = P::default();
    let engine = place.open();
    let longest = vec![0xFF; KEY_BYTES_MAX];
    let stored: [&[u8]; 8] = [b"a", b"a\0", b"a\0b", b"a\xFE", b"a\xFF", b"a\xFF\xFF", b"b", &longest];
    let ops = stored.iter().rev().map(|key| put(key, "")).collect();
    engine.commit(&[commit(1, vec![], ops)]).unwrap();
    let snapshot = engine.snapshot().unwrap();
    let range = |prefix: &[u8], after: Option<&[u8]>, limit| -> Vec<Vec<u8>> {
        snapshot.range(prefix, after, limit).unwrap().into_iter().map(|(key, _)| key).collect()
    };
    assert_eq!(range(b"", None, usize::MAX), stored);
    assert_eq!(range(b"a", None, 100), stored[..6]);
    assert_eq!(range(b"a", None, 2), stored[..2]);
    assert_eq!(range(b"a", None, 0), stored[..0]);
    assert_eq!(range(b"a", Some(b"a\0"), 2), stored[2..4]);
    assert_eq!(range(b"a\xFF", None, 100), stored[4..6]);
    assert_eq!(range(b"\xFF", None, 100), stored[7..]);
    // `after` need not exist, nor lie within the prefix.
    assert_eq!(range(b"a\0", Some(b"a\0a"), 100), stored[2..3]);
    assert_eq!(range(b"b", Some(b"a"), 100), stored[6..7]);
    assert_eq!(range(b"a", Some(b"b"), 100), stored[..0]);
    assert_eq!(range(b"c", None, 100), stored[..0]);
}

pub fn values_come_back_as_they_were_put<P: Place>() {
    let place = P::default();
    let engine = place.open();
    let largest: Vec<u8> = (0..VALUE_BYTES_MAX).map(|at| at as u8).collect();
    let longest = vec![7; KEY_BYTES_MAX];
    let ops = vec![put("empty", ""), put("zero", [0]), put(&longest, &largest), put("twice", "1"), put("twice", "2")];
    engine.commit(&[commit(1, vec![], ops)]).unwrap();
    let snapshot = engine.snapshot().unwrap();
    let get = |key: &[u8]| snapshot.get(key).unwrap().unwrap().value;
    assert_eq!(get(b"empty"), b"");
    assert_eq!(get(b"zero"), [0]);
    assert_eq!(get(b"twice"), b"2");
    assert!(get(&longest) == largest);
}

pub fn a_commit_beyond_the_limits_takes_its_batch_along<P: Place>() {
    let place = P::default();
    let engine = place.open();
    let fine = commit(1, vec![], vec![put("fine", "")]);
    let beyond = [
        vec![put("", vec![0; VALUE_BYTES_MAX + 1])],
        vec![put(vec![0; KEY_BYTES_MAX + 1], "")],
        (0..=COMMIT_OPS_MAX).map(|n| put(n.to_be_bytes(), "")).collect(),
    ];
    for ops in beyond {
        let error = engine.commit(&[fine.clone(), commit(2, vec![], ops)]).unwrap_err();
        assert!(matches!(error, EngineError::Invalid(_)), "{error}");
        assert_eq!(engine.snapshot().unwrap().get(b"fine").unwrap(), None);
    }
    let most = (0..COMMIT_OPS_MAX).map(|n| put(n.to_be_bytes(), "")).collect();
    assert_eq!(engine.commit(&[fine, commit(3, vec![], most)]).unwrap(), [committed(1), committed(2)]);
}

pub fn audit_records_are_chained_in_their_commits<P: Place>() {
    let place = P::default();
    let engine = place.open();
    let mut first = commit(1, vec![], vec![put("a", "")]);
    first.audit = vec![b"one".to_vec(), b"two".to_vec()];
    let mut lost = commit(2, vec![key_at("a", None)], vec![put("a", "")]);
    lost.audit = vec![b"never".to_vec()];
    let mut only_audit = commit(3, vec![], vec![]);
    only_audit.audit = vec![b"three".to_vec()];
    let verdicts = engine.commit(&[first, lost, only_audit]).unwrap();
    assert_eq!(verdicts, [committed(1), Verdict::Conflict, committed(2)]);
    let mut later = commit(4, vec![], vec![]);
    later.audit = vec![b"four".to_vec()];
    engine.commit(&[later]).unwrap();
    engine.compact(Revision(3)).unwrap();

    let records = engine.audit(0, 10).unwrap();
    let words: Vec<_> = records.iter().map(|record| (record.revision.0, record.record.as_slice())).collect();
    let expected: [(u64, &[u8]); 4] = [(1, b"one"), (1, b"two"), (2, b"three"), (3, b"four")];
    assert_eq!(words, expected);
    let (number, _) = audit::verify((0, GENESIS), &records).unwrap();
    assert_eq!(number, 4);
    assert_eq!(engine.audit(1, 2).unwrap(), records[1..3]);
}

fn keys(snapshot: &dyn Snapshot, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Vec<String> {
    let rows = snapshot.range(prefix, after, limit).unwrap();
    rows.into_iter().map(|(key, _)| String::from_utf8(key).unwrap()).collect()
}
