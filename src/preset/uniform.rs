//! `uniform`: frames at the middles of equal parts of the segment.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Preset, RowShape, parse};
#[cfg(not(feature = "video"))]
use crate::Error;
use crate::Result;
use crate::manifest::Segment;
use crate::modality::Kind;
use crate::sample::{Dtype, Row};
use crate::source::Source;

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Parameters {
    /// Frames of a clip.
    frames: u32,
    /// Short side after scaling, pixels.
    resize: u32,
    /// Side of the square cut out of the middle, pixels.
    crop: u32,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { frames: 16, resize: 128, crop: 112 }
    }
}

struct Uniform {
    kind: Kind,
    parameters: Parameters,
}

pub(super) fn build(kind: Kind, parameters: Value) -> Result<Box<dyn Preset>, String> {
    let parameters: Parameters = parse(parameters)?;
    let Parameters { frames, resize, crop } = parameters;
    if !(1..=1024).contains(&frames) {
        return Err(format!("frames = {frames}: expected 1 to 1024"));
    }
    if !(1..=4096).contains(&resize) || !(1..=resize).contains(&crop) {
        return Err(format!("resize = {resize}, crop = {crop}: expected 1 ≤ crop ≤ resize ≤ 4096"));
    }
    Ok(Box::new(Uniform { kind, parameters }))
}

impl Preset for Uniform {
    fn row(&self) -> RowShape {
        let Parameters { frames, crop, .. } = self.parameters;
        let channels = if self.kind == Kind::Flow { 2 } else { 3 };
        let shape = [frames, crop, crop, channels].map(u64::from).to_vec();
        RowShape { dtype: Dtype::U8, shape, times: u64::from(frames) }
    }

    fn parameters(&self) -> Value {
        json!(self.parameters)
    }

    #[cfg(feature = "video")]
    fn make(&self, source: &Source, segment: &Segment) -> Result<Row> {
        use crate::media::video::{self, View};
        use crate::sample::Data;
        use crate::signal::sampling::uniform;

        let Parameters { frames, resize, crop } = self.parameters;
        let read = |path| {
            let choose = |times: &[f64], [start, end]: [f64; 2]| uniform(times, start, end, frames as usize);
            video::read(path, segment.span, View { resize, crop }, &choose)
        };
        let (frames, pixels) = match source {
            Source::File(path) => {
                let mut frames = read(path)?;
                let pixels = std::mem::take(&mut frames.clip.pixels);
                (frames, pixels)
            }
            Source::FlowPair { x, y } => {
                let (x, y) = (read(x)?, read(y)?);
                let pixels = grey(&x.clip.pixels).zip(grey(&y.clip.pixels)).flat_map(|(x, y)| [x, y]).collect();
                (x, pixels)
            }
        };
        Ok(Row {
            data: Data::U8(pixels),
            span: frames.span,
            times: frames.clip.times,
            made_by: "ffmpeg",
            partial: frames.partial,
        })
    }

    #[cfg(not(feature = "video"))]
    fn make(&self, source: &Source, _: &Segment) -> Result<Row> {
        Err(Error::media(source.path(), crate::error::Code::Unsupported, "this build has no video decoder (feature `video`)"))
    }
}

/// Luma as the field's flow loaders take it from RGB (cv2's `COLOR_RGB2GRAY`, in 1/16384).
#[cfg(feature = "video")]
fn grey(rgb: &[u8]) -> impl Iterator<Item = u8> {
    rgb.chunks_exact(3).map(|p| ((4899 * u32::from(p[0]) + 9617 * u32::from(p[1]) + 1868 * u32::from(p[2]) + 8192) >> 14) as u8)
}
