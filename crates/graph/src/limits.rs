//! Limits of this surface.

/// Largest body, in bytes. Source: ours; [`IDS_MAX`] ids take 39 KB.
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1024;
/// Ids in one `getByIds`. Source: Microsoft Learn, "directoryObject: getByIds" (1,000).
pub(crate) const IDS_MAX: usize = 1_000;
/// Items on one page when the client does not say. Source: Microsoft Learn, "List servicePrincipals" (100).
pub(crate) const PAGE_ITEMS: usize = 100;
/// Items on one page, at most. Source: the same (999).
pub(crate) const PAGE_ITEMS_MAX: usize = 999;
/// Rows read for one page: a page of a filter that few rows pass can be short, even empty, and have a next one.
/// Source: ours.
pub(crate) const ROWS_PER_PAGE_MAX: usize = 5_000;
/// Longest filter, in bytes. Source: ours; clients send at most a few hundred.
pub(crate) const FILTER_BYTES_MAX: usize = 2_048;
/// Terms in one filter. Source: ours.
pub(crate) const FILTER_TERMS_MAX: usize = 16;
/// Longest client request id that is sent back, in bytes. Source: ours; clients send GUIDs.
pub(crate) const CLIENT_REQUEST_ID_BYTES_MAX: usize = 128;
