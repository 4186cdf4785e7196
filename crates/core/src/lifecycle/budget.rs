//! The part of a long deletion that one transaction does.

/// Credentials and placements that go in the transaction of one deletion. Source: ours; leaves room in a
/// commit for a resource that has 1,000 identities taken and 1,000 others given.
const ROWS_AT_ONCE: usize = 500;
/// The number of rows that a step of a long deletion may still change.
#[derive(Debug)]
pub struct Budget(usize);

impl Budget {
    /// A budget of `rows`.
    pub fn new(rows: usize) -> Self {
        Self(rows)
    }

    /// The budget of what follows from one write.
    pub(super) fn of_one_write() -> Self {
        Self(ROWS_AT_ONCE)
    }

    /// Rows left.
    pub fn left(&self) -> usize {
        self.0
    }

    /// True when nothing is left.
    pub fn is_spent(&self) -> bool {
        self.0 == 0
    }

    /// Takes `rows` from the budget, or what is left of it.
    pub fn take(&mut self, rows: usize) {
        self.0 = self.0.saturating_sub(rows);
    }
}

/// The state of a deletion after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Nothing is left to do.
    Done,
    /// The budget was spent first.
    Unfinished,
}

impl Progress {
    /// True for [`Progress::Done`].
    pub fn is_done(self) -> bool {
        self == Self::Done
    }
}
