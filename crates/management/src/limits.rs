//! Limits of this crate that bound several of its files.

/// Tags on one resource. Source: Azure Resource Manager limits (50).
pub(crate) const TAGS_MAX: usize = 50;
