//! The clock of a whole process as a test sets it, in debug builds alone: a file that a variable names holds the seconds by
//! which the clock is ahead, or below zero behind. It is read each time.

use bonafide_types::Timestamp;
use std::path::PathBuf;
use std::sync::OnceLock;

/// The variable that names the file.
const VARIABLE: &str = "BONAFIDE_TEST_CLOCK";

/// The time that the process is to take for the present one.
pub(crate) fn shifted(time: Timestamp) -> Timestamp {
    static FILE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let file = FILE.get_or_init(|| std::env::var_os(VARIABLE).map(Into::into));
    let text = file.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
    let seconds: i64 = text.and_then(|text| text.trim().parse().ok()).unwrap_or_default();
    Timestamp::from_unix_micros(time.unix_micros().saturating_add_signed(seconds.saturating_mul(1_000_000)))
}
