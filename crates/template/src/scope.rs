//! The symbols that an expression may name.

/// The kinds of symbols.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Table {
    Parameters,
    Variables,
}
