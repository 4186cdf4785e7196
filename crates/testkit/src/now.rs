//! The moment at which every test begins.

use bonafide_types::Timestamp;

/// The time at which every cloud begins: 2026-11-21T09:30:05.012345Z.
pub const NOW: Timestamp = Timestamp::from_unix_micros(1_795_253_405_012_345);
