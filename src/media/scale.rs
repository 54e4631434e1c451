//! From a decoder's planes to RGB at the size a preset wants. Only the region that is shown is scaled, plane by plane, and
//! only the result is turned into RGB.

use ff::format::Pixel as Format;
use ff::frame::Video;
use ff::software::scaling::{Context, Flags};
use ff::util::chroma::Location;
use ffmpeg_next as ff;

use super::canvas::MAX_PIXELS;
use super::colour::Matrix;
use crate::error::{Code, Failure};
use crate::signal::resize::{self, Pixel, Plane};
use crate::signal::view::{Orientation, View};

/// How the planes of a format lie.
#[derive(Clone, Copy)]
struct Layout {
    /// Bits a sample; more than 8 are 16-bit words in native order.
    bits: u32,
    /// Luma columns and rows for each one of chroma; `None` for grey.
    chroma: Option<(u32, u32)>,
}

fn layout(format: Format) -> Option<Layout> {
    use Format as F;
    let of = |bits, chroma| Some(Layout { bits, chroma });
    match format {
        F::YUV420P | F::YUVJ420P => of(8, Some((2, 2))),
        F::YUV422P | F::YUVJ422P => of(8, Some((2, 1))),
        F::YUV444P | F::YUVJ444P => of(8, Some((1, 1))),
        F::YUV440P | F::YUVJ440P => of(8, Some((1, 2))),
        F::YUV410P => of(8, Some((4, 4))),
        F::YUV411P | F::YUVJ411P => of(8, Some((4, 1))),
        F::GRAY8 => of(8, None),
        F::YUV420P10LE => of(10, Some((2, 2))),
        F::YUV422P10LE => of(10, Some((2, 1))),
        F::YUV444P10LE => of(10, Some((1, 1))),
        F::YUV420P12LE => of(12, Some((2, 2))),
        F::YUV422P12LE => of(12, Some((2, 1))),
        F::YUV444P12LE => of(12, Some((1, 1))),
        _ => None,
    }
}

/// Makes views of frames; keeps its buffers from frame to frame.
#[derive(Default)]
pub(super) struct Scaler {
    scaler: resize::Scaler,
    planes: [Vec<u16>; 3],
    square: Vec<[u8; 3]>,
    /// For formats that are converted whole.
    context: Option<Context>,
    packed: Vec<u8>,
}

impl Scaler {
    /// RGB pixels of the view, `[size, size, 3]`, into `rgb`. `orientation` is how the stored picture is to be turned, `sample_aspect`
    /// the width of its pixels over their height.
    pub(super) fn render(
        &mut self,
        frame: &Video,
        view: &View,
        orientation: Orientation,
        sample_aspect: f64,
        rgb: &mut [u8],
    ) -> Result<(), Failure> {
        let (orientation, sample_aspect) = if view.stored { (Orientation::default(), 1.0) } else { (orientation, sample_aspect) };
        let (width, height) = (frame.width(), frame.height());
        if u64::from(width) * u64::from(height) > MAX_PIXELS {
            let message = format!("{width}×{height} pixels; at most {MAX_PIXELS} are shown");
            return Err(Failure { code: Code::Limit, message });
        }
        // players stretch the width of pixels that are not square
        let stretched = (f64::from(width) * sample_aspect).round().max(1.0);
        let shown = orientation.shown(stretched as u32, height);
        let region = orientation.stored(view.region(shown.0, shown.1), stretched, f64::from(height));
        let narrow = f64::from(width) / stretched;
        let region = [region[0] * narrow, region[1], region[2] * narrow, region[3]];
        self.square.resize((view.size * view.size) as usize, [0; 3]);
        let scaled = match layout(frame.format()) {
            Some(layout) => self.planar(frame, layout, region, view),
            None => self.packed(frame, region, view),
        };
        scaled.map_err(|message| Failure { code: Code::Undecodable, message: format!("cannot scale: {message}") })?;
        orientation.turn(&self.square, view.size as usize, view.flip, rgb.as_chunks_mut().0);
        Ok(())
    }

    fn planar(&mut self, frame: &Video, layout: Layout, region: [f64; 4], view: &View) -> Result<(), String> {
        let count = (view.size * view.size) as usize;
        let (pixel, bytes) = if layout.bits == 8 { (Pixel::U8, 1) } else { (Pixel::U16, 2) };
        let chroma = layout.chroma.unwrap_or((1, 1));
        // in grey, which has 8 bits, chroma is in the middle everywhere
        let planes = if layout.chroma.is_some() { 3 } else { 1 };
        for (index, values) in self.planes.iter_mut().enumerate() {
            values.resize(count, 0);
            if index >= planes {
                let middle: &mut [u8] = bytemuck::cast_slice_mut(values);
                middle.fill(1 << 7);
                continue;
            }
            let (across, down) = if index == 0 { (1, 1) } else { chroma };
            let plane = Plane {
                bytes: frame.data(index),
                pixel,
                stride: (frame.stride(index) / bytes) as u32,
                width: frame.width().div_ceil(across),
                height: frame.height().div_ceil(down),
            };
            let [left, top, w, h] = region;
            let (across, down) = (f64::from(across), f64::from(down));
            // where chroma is sampled with the left luma of its group, its column 0 is centred on luma's
            let (shift_x, shift_y) = if index == 0 { (0.0, 0.0) } else { siting(frame, across, down) };
            let region = [left / across + shift_x, top / down + shift_y, w / across, h / down];
            let to: &mut [u8] = bytemuck::cast_slice_mut(values);
            self.scaler.square(plane, region, view.antialias, view.size, &mut to[..count * bytes])?;
        }
        let matrix = Matrix::of(frame, layout.bits);
        if bytes == 1 {
            let planes = self.planes.each_ref().map(|values| &bytemuck::cast_slice::<u16, u8>(values)[..count]);
            matrix.convert(planes, &mut self.square);
        } else {
            matrix.convert(self.planes.each_ref().map(Vec::as_slice), &mut self.square);
        }
        Ok(())
    }

    /// Formats without planes of luma and chroma, through swscale at full size.
    fn packed(&mut self, frame: &Video, region: [f64; 4], view: &View) -> Result<(), String> {
        let fail = |error: ff::Error| error.to_string();
        let (width, height) = (frame.width(), frame.height());
        let fits = self.context.as_ref().is_some_and(|context| {
            let from = context.input();
            from.format == frame.format() && from.width == width && from.height == height
        });
        if !fits {
            let flags = Flags::BILINEAR | Flags::ACCURATE_RND | Flags::FULL_CHR_H_INT | Flags::FULL_CHR_H_INP;
            let mut context = Context::get(frame.format(), width, height, Format::RGB24, width, height, flags).map_err(fail)?;
            super::colour::tell(&mut context, frame);
            self.context = Some(context);
        }
        let mut converted = Video::new(Format::RGB24, width, height);
        if let Some(context) = &mut self.context {
            context.run(frame, &mut converted).map_err(fail)?;
        }
        self.packed.clear();
        for row in converted.data(0).chunks(converted.stride(0)).take(height as usize) {
            self.packed.extend_from_slice(&row[..3 * width as usize]);
        }
        let plane = Plane { bytes: &self.packed, pixel: Pixel::Rgb, stride: width, width, height };
        self.scaler.square(plane, region, view.antialias, view.size, self.square.as_flattened_mut())
    }
}

/// How far right and down the middle of a group of luma is of where its chroma was sampled, in chroma pixels.
fn siting(frame: &Video, across: f64, down: f64) -> (f64, f64) {
    let jpeg = matches!(
        frame.format(),
        Format::YUVJ420P | Format::YUVJ422P | Format::YUVJ444P | Format::YUVJ440P | Format::YUVJ411P | Format::YUV410P
    );
    let (left, top) = match frame.chroma_location() {
        Location::Center => (false, false),
        Location::TopLeft => (true, true),
        Location::Top => (false, true),
        Location::Unspecified if jpeg => (false, false),
        // H.264, HEVC and MPEG-2 say nothing where they mean this
        _ => (true, false),
    };
    let shift = |sited: bool, step: f64| if sited { 0.5 - 0.5 / step } else { 0.0 };
    (shift(left, across), shift(top, down))
}
