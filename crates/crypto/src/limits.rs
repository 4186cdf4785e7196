//! Bounds on what this crate parses. Each has a unit and a source.

/// Largest access token, in bytes. Source: ours; half of the largest request head (`HEAD_BYTES_MAX`).
pub const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// Largest client assertion, in bytes. Source: ours; half of a token request's body, room for an `x5c` chain.
pub const ASSERTION_BYTES_MAX: usize = 32 * 1024;
/// Largest foreign key set, in bytes. Source: ours; Entra's own is about 25 KiB.
pub const KEY_SET_BYTES_MAX: usize = 256 * 1024;
/// Members and elements in one foreign key set. Source: ours.
pub const KEY_SET_MEMBERS_MAX: usize = 5_000;
/// Keys in one foreign key set. Source: ours.
pub const KEY_SET_KEYS_MAX: usize = 100;

/// Largest certificate or certificate request, in bytes. Source: CA-06; real ones are 0.5 to 4 KiB.
pub const DER_BYTES_MAX: usize = 16 * 1024;
/// Largest PEM file looked through for a certificate, in bytes. Source: ours.
pub const PEM_BYTES_MAX: usize = 64 * 1024;
/// Certificates in one `x5c`. Source: CA-06; ours.
pub const CHAIN_CERTIFICATES_MAX: usize = 10;
/// Smallest RSA modulus, in bits. Source: CA-06, RFC 7518 section 3.3.
pub const RSA_BITS_MIN: u32 = 2048;
/// Largest RSA modulus, in bits. Source: CA-06 (cost of a verification is bounded).
pub const RSA_BITS_MAX: u32 = 4096;
/// The only RSA exponent, 65537, big-endian. Source: CA-06.
pub const RSA_EXPONENT_BYTES: [u8; 3] = [1, 0, 1];

/// Largest plaintext that is sealed, in bytes. Source: a store value is 1 MiB at most, base64 and JSON included.
pub const PLAINTEXT_BYTES_MAX: usize = 512 * 1024;
/// Longest client secret that is looked at, in bytes. Source: ours; generated ones have 44.
pub const CLIENT_SECRET_BYTES_MAX: usize = 1024;

/// How far a certificate's validity begins before its issue, in seconds. Source: tolerated clock difference (5 minutes).
pub const CERTIFICATE_BACKDATE_SECONDS: u64 = 300;
/// Last second that a certificate can name (9999-12-31T23:59:59Z). Source: RFC 5280 section 4.1.2.5.
pub const CERTIFICATE_SECONDS_MAX: u64 = 253_402_300_799;
