//! One slot of the mark file: a line of text with a check sum.

use super::HighWater;
use crate::engine::{Cursor, Epoch, Revision};
use aws_lc_rs::digest::{SHA256, digest};

/// The first word of a line, with the version of its form.
const FORM: &str = "bonafide-mark-1";
/// The same of a store all of whose rows have MACs.
const FORM_WITH_MACS: &str = "bonafide-mark-2";
/// Bytes of the SHA-256 that are the check sum. Source: ours; against accidents, nobody is kept from writing the file.
const CHECK_BYTES: usize = 8;

/// A mark and its number in the order of writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) sequence: u64,
    pub(super) mark: HighWater,
    /// True if all rows of the store have MACs.
    pub(super) has_macs: bool,
}

impl Slot {
    pub(super) fn to_line(self) -> String {
        let HighWater { cursor, audit_number, audit_hash } = self.mark;
        let form = if self.has_macs { FORM_WITH_MACS } else { FORM };
        let words = format!(
            "{form} {} {} {} {audit_number} {}",
            self.sequence,
            cursor.epoch.0,
            cursor.revision.0,
            hex(&audit_hash)
        );
        let check = check_sum(&words);
        format!("{words} {check}\n")
    }

    /// Reads a slot; `None` when it was never written, or is damaged.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let line = bytes.split(|byte| *byte == b'\n').next()?;
        let (words, check) = std::str::from_utf8(line).ok()?.rsplit_once(' ')?;
        if check != check_sum(words) {
            return None;
        }
        let mut words = words.split(' ');
        let has_macs = match words.next()? {
            FORM => false,
            FORM_WITH_MACS => true,
            _ => return None,
        };
        let sequence = words.next()?.parse().ok()?;
        let epoch = Epoch(words.next()?.parse().ok()?);
        let revision = Revision(words.next()?.parse().ok()?);
        let audit_number = words.next()?.parse().ok()?;
        let audit_hash = unhex(words.next()?)?;
        let mark = HighWater { cursor: Cursor { epoch, revision }, audit_number, audit_hash };
        Some(Self { sequence, mark, has_macs })
    }
}

fn check_sum(words: &str) -> String {
    hex(&digest(&SHA256, words.as_bytes()).as_ref()[..CHECK_BYTES])
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 2 * bytes.len() || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}
