//! The rows that were found damaged, by name: what a health check and the log say of them.

use aws_lc_rs::digest;
use std::collections::HashSet;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Damaged rows that are named. Source: ours, as many as the log keeps apart.
pub const DAMAGED_ROWS_NAMED_MAX: usize = 16;
/// Damaged rows that are told from one another. Source: ours, bounds the memory; above it the count stays.
const DAMAGED_ROWS_COUNTED_MAX: usize = 10_000;
/// Characters of a key in the log. Source: ours.
const SHOWN_CHARS_MAX: usize = 200;

/// A row or index entry whose stored bytes are not those that were put there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedRow {
    /// The table or index.
    pub table: &'static str,
    /// The beginning of the SHA-256 of its key, in hexadecimal: a name that says nothing of the row.
    pub name: String,
    /// Its key, escaped and shortened, for those who may read the log.
    pub key: String,
}

impl DamagedRow {
    pub(crate) fn new(table: &'static str, key: &[u8]) -> Self {
        let mut name = String::with_capacity(16);
        for byte in &digest::digest(&digest::SHA256, key).as_ref()[..8] {
            // Writing to a string does not fail.
            let _ = write!(name, "{byte:02x}");
        }
        let own = key.get(table.len() + 1..).unwrap_or_default();
        let key = own.escape_ascii().take(SHOWN_CHARS_MAX).map(char::from).collect();
        Self { table, name, key }
    }
}

/// The damaged rows that this process has met since it opened the store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DamagedRows {
    /// Their number; of very many not all are counted.
    pub count: usize,
    /// The first of them.
    pub named: Vec<DamagedRow>,
}

#[derive(Default)]
pub(crate) struct Damage(Mutex<Found>);

#[derive(Default)]
struct Found {
    seen: HashSet<String>,
    named: Vec<DamagedRow>,
    unsaid: Vec<DamagedRow>,
}

impl Damage {
    pub(crate) fn note(&self, row: DamagedRow) {
        let mut found = self.lock();
        if found.seen.len() >= DAMAGED_ROWS_COUNTED_MAX || !found.seen.insert(row.name.clone()) {
            return;
        }
        if found.named.len() < DAMAGED_ROWS_NAMED_MAX {
            found.named.push(row.clone());
            found.unsaid.push(row);
        }
    }

    pub(crate) fn rows(&self) -> DamagedRows {
        let found = self.lock();
        DamagedRows { count: found.seen.len(), named: found.named.clone() }
    }

    pub(crate) fn take_unsaid(&self) -> Vec<DamagedRow> {
        std::mem::take(&mut self.lock().unsaid)
    }

    fn lock(&self) -> MutexGuard<'_, Found> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn du_05_a_damaged_row_is_named_once_and_their_list_is_bounded() {
        let damage = Damage::default();
        let row = |n: usize| DamagedRow::new("table", format!("table\0{n}").as_bytes());
        damage.note(row(0));
        damage.note(row(0));
        assert_eq!(damage.rows(), DamagedRows { count: 1, named: vec![row(0)] });
        assert_eq!((damage.take_unsaid(), damage.take_unsaid()), (vec![row(0)], vec![]));
        (0..2 * DAMAGED_ROWS_COUNTED_MAX).for_each(|n| damage.note(row(n)));
        let rows = damage.rows();
        assert_eq!((rows.count, rows.named.len()), (DAMAGED_ROWS_COUNTED_MAX, DAMAGED_ROWS_NAMED_MAX));
    }

    #[test]
    fn du_05_the_public_name_of_a_damaged_row_says_nothing_of_its_key() {
        let row = DamagedRow::new("resource-by-id", b"resource-by-id\0/subscriptions/secret\x1b\0\x01");
        assert_eq!(row.key, r"/subscriptions/secret\x1b\x00\x01");
        assert!(row.name.len() == 16 && row.name.bytes().all(|byte| byte.is_ascii_hexdigit()), "{}", row.name);
    }
}
