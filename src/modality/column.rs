//! Columns of tables of recordings, and of a store's `manifest.csv`, that belong to a kind.

/// A column that holds part of the media of a kind.
#[derive(Debug, PartialEq, Eq)]
pub struct Column {
    /// As it stands in the first line.
    pub name: &'static str,
    /// What it holds.
    pub field: Field,
}

/// A part of [`Media`](super::Media).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// A file or folder, by its place in `paths`; a segment has all of a kind's or none.
    Path(usize),
    /// Extracted frames a second, above 0.
    FrameRate,
    /// Samples a second, a whole number above 0.
    SampleRate,
    /// The dataset in an HDF5 file.
    Key,
    /// Which track of several.
    Track,
}

impl Column {
    /// The key of a pipeline file that says the same of all rows of a modality: the name with dashes.
    pub fn setting(&self) -> String {
        self.name.replace('_', "-")
    }
}
