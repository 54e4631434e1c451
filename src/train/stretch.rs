//! Which parameters are clipped together.

/// Neighbours in a run's row of parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// The first.
    pub start: usize,
    /// How many.
    pub len: usize,
    /// Parts of one group are clipped by one norm.
    pub group: usize,
}

impl Stretch {
    /// Its elements of a row.
    pub fn of<'r, T>(&self, row: &'r mut [T]) -> &'r mut [T] {
        &mut row[self.start..self.start + self.len]
    }
}
