//! Features from elsewhere: of any name, width and rank, of which no more is known.

use super::kind::{Definition, Kind};

impl Kind {
    /// Numbers that were made elsewhere.
    pub const FEATURES: Self = Self(&FEATURES);
}

static FEATURES: Definition = Definition {
    name: "features",
    about: "numbers of any modality, made elsewhere; they are imported, not made of recordings",
    columns: &[],
    check: |_| Ok(()),
    source: |_| Err("features are imported, not made of recordings"),
    beside: None,
    axes: &["D", "S", "HW", "TD", "HWC", "THWC"],
    channels: 1,
    layout: "ND",
    dataset: None,
};
