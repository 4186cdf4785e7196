//! Limits of this crate that bound several of its files.

/// Tags on one resource. Source: Azure Resource Manager limits (50).
pub(crate) const TAGS_MAX: usize = 50;

/// Longest name of a tag, in characters. Source: Azure Resource Manager limits (512).
pub(crate) const TAG_NAME_CHARS_MAX: usize = 512;

/// Longest value of a tag, in characters. Source: Azure Resource Manager limits (256).
pub(crate) const TAG_VALUE_CHARS_MAX: usize = 256;
