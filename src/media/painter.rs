//! From a stream's frames to RGB, turned and stretched as its container asks.

use ff::frame::Video;
use ffmpeg_next as ff;

use super::ffmpeg::Stream;
use super::scale::Scaler;
use crate::error::Failure;
use crate::signal::view::{Orientation, View};

/// Makes RGB of the frames of one stream.
pub(super) struct Painter {
    scaler: Scaler,
    orientation: Orientation,
    stated_aspect: Option<f64>,
    rgb: Vec<u8>,
}

impl Painter {
    pub(super) fn new(stream: &Stream) -> Self {
        let (orientation, stated_aspect) = (orientation(stream), stated_aspect(stream));
        Self { scaler: Scaler::default(), orientation, stated_aspect, rgb: Vec::new() }
    }

    pub(super) fn paint(&mut self, frame: &Video, view: &View) -> Result<&[u8], Failure> {
        let own = frame.aspect_ratio();
        let own = (own.numerator() > 0 && own.denominator() > 0).then(|| f64::from(own));
        // beyond 1:8 it is nonsense
        let aspect = self.stated_aspect.or(own).filter(|ratio| (0.125..=8.0).contains(ratio)).unwrap_or(1.0);
        self.rgb.resize((view.size * view.size * 3) as usize, 0);
        self.scaler.render(frame, view, self.orientation, aspect, &mut self.rgb)?;
        Ok(&self.rgb)
    }
}

/// How the stream's pictures are turned to be shown, by its display matrix.
fn orientation(stream: &Stream) -> Orientation {
    let Some(stream) = stream.described() else { return Orientation::default() };
    let mut size = 0;
    // SAFETY: the stream is open; the data is its own and of the size that is given.
    let entries = unsafe {
        let kind = ff::ffi::AVPacketSideDataType::AV_PKT_DATA_DISPLAYMATRIX;
        let data = ff::ffi::av_stream_get_side_data(stream.as_ptr(), kind, &raw mut size).cast::<i32>();
        if data.is_null() || size < 36 {
            return Orientation::default();
        }
        [0, 1, 3, 4].map(|place| f64::from(data.add(place).read_unaligned()))
    };
    Orientation::from_matrix(entries)
}

/// Width over height of the stream's pixels, where the container knows it.
fn stated_aspect(stream: &Stream) -> Option<f64> {
    // SAFETY: the stream is open.
    let ratio = unsafe { (*stream.described()?.as_ptr()).sample_aspect_ratio };
    (ratio.num > 0 && ratio.den > 0).then(|| f64::from(ratio.num) / f64::from(ratio.den))
}
