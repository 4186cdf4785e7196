//! Limits of connections, and of the memory that they hold (docs/adr/0017-one-admission-layer.md).

/// Longest time that a peer may take to send a request head, in seconds; also the longest that a connection may lie
/// idle between requests. Source: hyper's default (30 s).
pub(crate) const HEADER_SECONDS_MAX: u64 = 30;
/// Longest time for a TLS handshake, in seconds. Source: ours.
pub(crate) const HANDSHAKE_SECONDS_MAX: u64 = 10;
/// Longest time in which a peer may take less than [`REPLY_BYTES_MIN`] of a reply that waits for it, in seconds.
/// Source: ours; clients that read at all read at once.
pub(crate) const REPLY_SECONDS_MAX: u64 = 15;
/// Bytes of a reply that a peer must take within each [`REPLY_SECONDS_MAX`], unless the rest is less: about 1 KiB a
/// second. Source: ours; the slowest mobile links have more.
pub(crate) const REPLY_BYTES_MIN: u64 = 16 * 1024;
/// Longest time that a connection is read on after its last reply, in seconds, so that the reply is not lost with what
/// its peer still sends. Source: nginx's `lingering_timeout` (5 s), less because a peer that reads is done sooner.
pub(crate) const LINGER_SECONDS_MAX: u64 = 2;
/// Most bytes that are read on after a last reply. Source: ours; the largest body that any path takes, and as much again.
pub(crate) const LINGER_BYTES_MAX: u64 = 2 * 1024 * 1024;

/// Connections open at once on an endpoint that lives as long as one command (`exec`, `token`). Source: ours.
pub(crate) const PASSING_ENDPOINT_CONNECTIONS_MAX: usize = 256;
/// Connections of each listener that are its own where listeners share a number of them. Source: ours; an SDK keeps one or
/// two open.
pub(crate) const OWN_CONNECTIONS: usize = 4;
/// The part of a listener's connections that one user or address may have, as a divisor. Source: ours; the other half
/// is for everybody else.
pub(crate) const CONNECTIONS_SHARE: usize = 2;
/// The part of a listener's connections that is closed at once when room is short, as a divisor: to look for idle ones
/// takes as long as there are connections, and is done once for so many. Source: ours.
pub(crate) const CONNECTIONS_CLOSED_AT_ONCE: usize = 64;
/// Connections of callers who are refused that are told so at once on a listener; others are closed without a word.
/// Source: ours.
pub(crate) const REFUSED_CONNECTIONS_MAX: usize = 64;
/// Those of them that one user or address may have. Source: ours.
pub(crate) const REFUSED_CONNECTIONS_SHARE: usize = 16;

/// Bytes in which room is counted. Source: ours; smaller ones would be counted more often than they matter.
pub(crate) const STEP_BYTES: usize = 64 * 1024;
/// Bytes that principals and hosts may hold at once on one listener, in bodies and replies together. Source: ours.
pub(crate) const KNOWN_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Those of them that one principal or host may hold. Source: ours; a page of a list has 5 MiB at most.
pub(crate) const KNOWN_BYTES_SHARE: usize = 16 * 1024 * 1024;
/// Bytes that all others may hold at once on one listener. Source: ours.
pub(crate) const STRANGERS_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Those of them that one user or address may hold. Source: ours; 128 small bodies, or connections with large heads.
pub(crate) const STRANGERS_BYTES_SHARE: usize = 8 * 1024 * 1024;
/// Bytes of a head, and of a body, that are held without being counted: hyper's first buffer for reading, which every
/// connection has. Source: hyper (`INIT_BUFFER_SIZE`, 8 KiB).
pub(crate) const UNCOUNTED_BYTES: usize = 8 * 1024;
/// Bytes of a reply that hyper gets at a time. A reply that is no larger is not counted: hyper's buffer for writing takes
/// it, which is bounded by `HEAD_BYTES_MAX` and this. Source: ours; a TLS record has as many.
pub(crate) const PIECE_BYTES: usize = 16 * 1024;
/// Bytes that TLS keeps for a peer that does not take them. Source: ours; two records (rustls itself: 64 KiB).
pub(crate) const TLS_BUFFER_BYTES: usize = 32 * 1024;
/// Bytes of a reply that the kernel keeps for a peer that does not take them (it may take twice as many for them). Left to
/// itself it keeps up to 4 MiB (`tcp_wmem`) for each connection, where nobody counts them. Source: ours; 1 MiB a second at
/// the longest distances on Earth.
pub(crate) const SEND_BUFFER_BYTES: usize = 128 * 1024;
/// Largest body that is read from anybody, in bytes; of a larger one the caller must be known first. Source: ours.
pub(crate) const STRANGER_BODY_BYTES_MAX: usize = 64 * 1024;
/// Largest header of the PROXY protocol, in bytes. Source: proxy-protocol.txt 2.2 has 536 bytes without extensions;
/// those that proxies add (TLS, of Amazon and Azure) fit in the rest.
pub(crate) const PROXY_BYTES_MAX: usize = 1024;
