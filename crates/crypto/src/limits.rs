//! Bounds on several parsers of this crate. Each has a unit and a source.

/// Largest certificate or certificate request, in bytes. Source: CA-06; real ones are 0.5 to 4 KiB.
pub const DER_BYTES_MAX: usize = 16 * 1024;
/// Largest PEM file looked through for a certificate, in bytes. Source: ours.
pub const PEM_BYTES_MAX: usize = 64 * 1024;
