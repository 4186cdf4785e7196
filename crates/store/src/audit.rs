//! The audit chain: each record's hash covers the one before, so that none can be changed or taken
//! from the middle unseen.

use crate::revision::Revision;
use aws_lc_rs::digest;

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// The link that the first record follows.
pub const GENESIS: Hash = [0; 32];

/// One link of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its number, from 1, without gaps.
    pub number: u64,
    /// The commit that it was written in.
    pub revision: Revision,
    /// The record: JSON.
    pub record: Vec<u8>,
    /// `link` of the record before and this one.
    pub hash: Hash,
}

/// SHA-256 of `previous || revision (8 bytes, big-endian) || record`.
pub fn link(previous: &Hash, revision: Revision, record: &[u8]) -> Hash {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(previous);
    context.update(&revision.0.to_be_bytes());
    context.update(record);
    let mut hash = GENESIS;
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// Checks that `records` follow one another after `previous` (number and hash) and gives the last
/// link, to go on from. The error is the number of the first record that does not fit.
pub fn verify(previous: (u64, Hash), records: &[AuditRecord]) -> Result<(u64, Hash), u64> {
    records.iter().try_fold(previous, |(number, hash), record| {
        let right = record.number == number + 1 && record.hash == link(&hash, record.revision, &record.record);
        if right { Ok((record.number, record.hash)) } else { Err(number + 1) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn au_06_a_changed_missing_or_swapped_record_breaks_the_chain() {
        let mut hash = GENESIS;
        let records: Vec<AuditRecord> = (1..=4_u64)
            .map(|number| {
                let record = format!("record {number}").into_bytes();
                hash = link(&hash, Revision(number), &record);
                AuditRecord { number, revision: Revision(number), record, hash }
            })
            .collect();
        assert_eq!(verify((0, GENESIS), &records), Ok((4, hash)));

        let mut changed = records.clone();
        changed[1].record[0] ^= 1;
        assert_eq!(verify((0, GENESIS), &changed), Err(2));

        let mut missing = records.clone();
        missing.remove(2);
        assert_eq!(verify((0, GENESIS), &missing), Err(3));

        let mut dated = records;
        dated[3].revision = Revision(9);
        assert_eq!(verify((0, GENESIS), &dated), Err(4));
    }
}
