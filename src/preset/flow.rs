//! Flow lies on disk as two series of pictures; a row has both directions of each pixel side by side.

use super::frames::{Frames, flipped};
use crate::Result;
use crate::error::Failure;
use crate::manifest::Segment;
use crate::media::canvas::{Canvas, Shown};
use crate::sample::Sink;

/// Horizontal flow waits in memory for the vertical: one byte for two of the row.
pub(super) struct Across<'a> {
    preset: &'a Frames,
    segments: &'a [&'a Segment],
    rows: Vec<Half>,
}

/// One direction of a row: a byte a pixel, and what came of it.
#[derive(Default)]
struct Half {
    pixels: Vec<u8>,
    outcome: Option<Result<Shown, Failure>>,
}

impl<'a> Across<'a> {
    pub(super) fn new(preset: &'a Frames, segments: &'a [&'a Segment]) -> Self {
        Self { preset, segments, rows: segments.iter().map(|_| Half::default()).collect() }
    }

    /// What joins the vertical flow to this.
    pub(super) fn down(self, sink: &'a mut dyn Sink) -> Down<'a> {
        Down { across: self, sink }
    }
}

impl Canvas for Across<'_> {
    fn shot(&mut self, segment: usize, place: usize, rgb: &[u8]) -> Result<()> {
        let bytes = self.preset.row_bytes() / 2;
        let pixels = &mut self.rows[segment].pixels;
        pixels.resize(bytes, 0);
        let at = self.preset.offset(place) / 2;
        // what moves right moves left in a mirror
        let view = (place / self.preset.frames()).checked_sub(1);
        let mirrored = view.is_some_and(|view| flipped(self.preset.draws(self.segments[segment], view as u32)));
        for (to, grey) in pixels[at..].iter_mut().zip(grey(rgb)) {
            *to = if mirrored { 255 - grey } else { grey };
        }
        Ok(())
    }

    fn end(&mut self, segment: usize, outcome: Result<Shown, Failure>) -> Result<()> {
        self.rows[segment].outcome = Some(outcome);
        Ok(())
    }
}

/// Vertical flow joins the horizontal.
pub(super) struct Down<'a> {
    across: Across<'a>,
    sink: &'a mut dyn Sink,
}

impl Canvas for Down<'_> {
    fn shot(&mut self, segment: usize, place: usize, rgb: &[u8]) -> Result<()> {
        let Half { pixels, outcome: Some(Ok(_)) } = &self.across.rows[segment] else { return Ok(()) };
        let at = self.across.preset.offset(place);
        let pair: Vec<u8> = pixels[at / 2..].iter().zip(grey(rgb)).flat_map(|(&x, y)| [x, y]).collect();
        self.sink.put(segment, at as u64, &pair)
    }

    fn end(&mut self, segment: usize, outcome: Result<Shown, Failure>) -> Result<()> {
        let Across { preset, segments, rows } = &mut self.across;
        let across = std::mem::take(&mut rows[segment]).outcome.unwrap_or_else(|| outcome.clone());
        let both = across.and_then(|shown| outcome.map(|_| preset.made(segments[segment], shown)));
        self.sink.end(segment, both)
    }
}

/// Luma as the field's flow loaders take it from RGB (cv2's `COLOR_RGB2GRAY`, in 1/16384).
fn grey(rgb: &[u8]) -> impl Iterator<Item = u8> {
    rgb.chunks_exact(3).map(|p| ((4899 * u32::from(p[0]) + 9617 * u32::from(p[1]) + 1868 * u32::from(p[2]) + 8192) >> 14) as u8)
}
