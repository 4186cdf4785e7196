//! Limits that bound several files of this surface.

/// Ids in one `getByIds`. Source: Microsoft Learn, "directoryObject: getByIds" (1,000).
pub(crate) const IDS_MAX: usize = 1_000;
/// Items on one page, at most. Source: Microsoft Learn, "List servicePrincipals" (999).
pub(crate) const PAGE_ITEMS_MAX: usize = 999;
/// Largest body, in bytes. Source: ours; 1,000 ids of one `getByIds` take 39 KB.
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1024;
