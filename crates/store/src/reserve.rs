//! The transactions that the space kept for a full disk is for.

use crate::error::EngineError;
use crate::limits::{RESERVE_GROWTH_BYTES_MAX, RESERVE_ROW_GROWTH_BYTES_MAX};
use crate::rows::RowSnapshot;

/// Tells whether the space kept for a full disk is for a transaction that takes something away: not for one that stores
/// much beside that, or everybody who may delete something could fill it.
pub(crate) fn is_for<'w>(
    snapshot: &RowSnapshot<'_>,
    writes: impl Iterator<Item = (&'w [u8], Option<&'w [u8]>)>,
    audit: &[Vec<u8>],
) -> Result<bool, EngineError> {
    let mut added: usize = audit.iter().map(Vec::len).sum();
    let mut freed = 0;
    for (key, value) in writes {
        let (new, old) = (value.map(<[u8]>::len), snapshot.stored_bytes(key)?);
        if let (Some(new), Some(old)) = (new, old)
            && new > old + RESERVE_ROW_GROWTH_BYTES_MAX
        {
            return Ok(false);
        }
        added += new.map_or(0, |bytes| key.len() + bytes);
        freed += old.map_or(0, |bytes| key.len() + bytes);
    }
    Ok(added <= freed + RESERVE_GROWTH_BYTES_MAX)
}
