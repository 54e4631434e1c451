//! What sources give, and what they say of it.

use crate::error::few;
use crate::sample::Dtype;

/// A row as it was found.
pub(in crate::import) struct Found {
    pub shape: Vec<u64>,
    pub dtype: Dtype,
    pub values: Vec<f64>,
    /// The seconds that it shows, where they are known.
    pub span: Option<[f64; 2]>,
    /// The file, for messages.
    pub place: String,
}

/// Names for a message, in order.
pub(super) fn listed(mut names: Vec<String>) -> String {
    names.sort_unstable();
    names.dedup();
    few(&names)
}
