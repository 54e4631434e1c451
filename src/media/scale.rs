//! From a decoder's planes to RGB at the size a preset wants.

use ff::format::Pixel;
use ff::frame::Video;
use ff::software::scaling::{Context, Flags};
use ffmpeg_next as ff;

use super::ffmpeg::MAX_PIXELS;
use super::video::View;
use crate::error::{Code, Failure};

/// A scaler for frames of one size and format; made anew when they change.
#[derive(Default)]
pub(super) struct Scaler {
    context: Option<Context>,
    scaled: Option<Video>,
}

impl Scaler {
    /// RGB pixels of the view, `[crop, crop, 3]`, into `pixels`.
    pub(super) fn render(&mut self, frame: &Video, view: View, pixels: &mut [u8]) -> Result<(), Failure> {
        let fail = |error: ff::Error| Failure { code: Code::Undecodable, message: format!("cannot scale: {error}") };
        let (width, height) = view.scaled(frame.width(), frame.height());
        if u64::from(width) * u64::from(height) > MAX_PIXELS {
            let message = format!("{}×{} scaled to {width}×{height}; at most {MAX_PIXELS} pixels", frame.width(), frame.height());
            return Err(Failure { code: Code::Limit, message });
        }
        let fits = self.context.as_ref().is_some_and(|context| {
            let from = context.input();
            from.format == frame.format() && from.width == frame.width() && from.height == frame.height()
        });
        if !fits {
            // bilinear with exact rounding and chroma at full resolution: no shortcut that shows in the values
            let flags = Flags::BILINEAR | Flags::ACCURATE_RND | Flags::FULL_CHR_H_INT | Flags::FULL_CHR_H_INP;
            let mut context =
                Context::get(frame.format(), frame.width(), frame.height(), Pixel::RGB24, width, height, flags).map_err(fail)?;
            set_colours(&mut context, frame);
            self.context = Some(context);
            self.scaled = Some(Video::new(Pixel::RGB24, width, height));
        }
        let (Some(context), Some(scaled)) = (&mut self.context, &mut self.scaled) else { return Ok(()) };
        context.run(frame, scaled).map_err(fail)?;
        let crop = view.crop as usize;
        let (left, top) = ((width as usize - crop) / 2, (height as usize - crop) / 2);
        let (stride, data) = (scaled.stride(0), scaled.data(0));
        for (row, to) in pixels.chunks_exact_mut(crop * 3).enumerate() {
            to.copy_from_slice(&data[(top + row) * stride + left * 3..][..crop * 3]);
        }
        Ok(())
    }
}

/// Tells the scaler which matrix and range the frame was made with; untagged is BT.601 limited, as players take it.
fn set_colours(context: &mut Context, frame: &Video) {
    use ff::ffi;
    use ff::util::color::{Range, Space};
    let matrix = match frame.color_space() {
        Space::BT709 => ffi::SWS_CS_ITU709,
        Space::BT2020NCL | Space::BT2020CL => ffi::SWS_CS_BT2020,
        Space::SMPTE240M => ffi::SWS_CS_SMPTE240M,
        Space::FCC => ffi::SWS_CS_FCC,
        _ => ffi::SWS_CS_ITU601,
    };
    let full_formats = [Pixel::YUVJ420P, Pixel::YUVJ422P, Pixel::YUVJ444P, Pixel::YUVJ440P, Pixel::YUVJ411P];
    let full = frame.color_range() == Range::JPEG || full_formats.contains(&frame.format());
    // SAFETY: the context is ours; the coefficient tables are FFmpeg's own statics.
    unsafe {
        let coefficients = ffi::sws_getCoefficients(matrix);
        let rgb = ffi::sws_getCoefficients(ffi::SWS_CS_DEFAULT);
        // negative for formats without a matrix (RGB, grey), where there is nothing to set
        ffi::sws_setColorspaceDetails(context.as_mut_ptr(), coefficients, i32::from(full), rgb, 1, 0, 1 << 16, 1 << 16);
    }
}
