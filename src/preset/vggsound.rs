//! `vggsound`: the log-spectrogram that SimMMDG and its descendants feed to the VGGSound ResNet-18. Where their EPIC loader
//! loops for ever on an empty segment, a segment without sound is a failure here.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Preset, RowShape, parse, spectrogram_row};
use crate::Result;
use crate::manifest::Segment;
use crate::modality::Kind;
use crate::sample::{Dtype, Row};
use crate::signal::fit::{Pad, fit};
use crate::signal::spectrogram;
use crate::source::Source;

const SAMPLE_RATE: u32 = 16000;
/// Ten seconds; shorter segments are repeated, longer ones cut.
const LENGTH: usize = 160_000;

/// Nothing is free: the network was trained on just this.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct VggSound {}

pub(super) fn build(_: Kind, parameters: Value) -> Result<Box<dyn Preset>, String> {
    Ok(Box::new(parse::<VggSound>(parameters)?))
}

impl Preset for VggSound {
    fn row(&self) -> RowShape {
        RowShape { dtype: Dtype::F32, shape: vec![257, spectrogram::frames(LENGTH) as u64], times: 0 }
    }

    fn parameters(&self) -> Value {
        json!(self)
    }

    fn make(&self, source: &Source, segment: &Segment) -> Result<Row> {
        spectrogram_row(source, segment, SAMPLE_RATE, |samples| spectrogram::standardised(&fit(samples, LENGTH, Pad::Repeat)))
    }
}
