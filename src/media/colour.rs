//! Which matrix and range a frame was made with.

use ff::format::Pixel;
use ff::frame::Video;
use ff::software::scaling::Context;
use ff::util::color::{Range, Space};
use ffmpeg_next as ff;

/// From luma and chroma to RGB, in 1/65536. Nothing is done about transfer functions: high dynamic range is not mapped.
pub(super) struct Matrix {
    luma: i32,
    red_from_v: i32,
    green_from_u: i32,
    green_from_v: i32,
    blue_from_u: i32,
    black: i32,
    middle: i32,
}

impl Matrix {
    /// For samples of `bits` bits. Untagged is BT.601 limited, as FFmpeg's own programs take it.
    pub(super) fn of(frame: &Video, bits: u32) -> Self {
        let (red, blue) = match frame.color_space() {
            Space::BT709 => (0.2126, 0.0722),
            Space::BT2020NCL | Space::BT2020CL => (0.2627, 0.0593),
            Space::SMPTE240M => (0.212, 0.087),
            Space::FCC => (0.30, 0.11),
            _ => (0.299, 0.114),
        };
        Self::new(red, blue, full_range(frame), bits)
    }

    fn new(red: f64, blue: f64, full: bool, bits: u32) -> Self {
        let green = 1.0 - red - blue;
        let unit = f64::from(1 << (bits - 8));
        let (luma, chroma) = if full {
            let top = f64::from((1 << bits) - 1);
            (255.0 / top, 255.0 / top)
        } else {
            (255.0 / (219.0 * unit), 255.0 / (224.0 * unit))
        };
        let fixed = |value: f64| (value * 65536.0).round() as i32;
        Self {
            luma: fixed(luma),
            red_from_v: fixed(chroma * 2.0 * (1.0 - red)),
            green_from_u: fixed(-chroma * 2.0 * (1.0 - blue) * blue / green),
            green_from_v: fixed(-chroma * 2.0 * (1.0 - red) * red / green),
            blue_from_u: fixed(chroma * 2.0 * (1.0 - blue)),
            black: if full { 0 } else { 16 << (bits - 8) },
            middle: 1 << (bits - 1),
        }
    }

    /// Luma, blue and red difference, as many values each as there are pixels.
    pub(super) fn convert<T: Copy + Into<i32>>(&self, planes: [&[T]; 3], rgb: &mut [[u8; 3]]) {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            #[target_feature(enable = "avx2")]
            fn wide<T: Copy + Into<i32>>(matrix: &Matrix, planes: [&[T]; 3], rgb: &mut [[u8; 3]]) {
                matrix.each(planes, rgb);
            }
            // SAFETY: the processor has just been asked.
            return unsafe { wide(self, planes, rgb) };
        }
        self.each(planes, rgb);
    }

    #[inline(always)]
    fn each<T: Copy + Into<i32>>(&self, [y, u, v]: [&[T]; 3], rgb: &mut [[u8; 3]]) {
        for (((rgb, &y), &u), &v) in rgb.iter_mut().zip(y).zip(u).zip(v) {
            *rgb = self.rgb(y.into(), u.into(), v.into());
        }
    }

    #[inline(always)]
    fn rgb(&self, y: i32, u: i32, v: i32) -> [u8; 3] {
        let (y, u, v) = (y - self.black, u - self.middle, v - self.middle);
        let light = y * self.luma + (1 << 15);
        let value = |sum: i32| (sum >> 16).clamp(0, 255) as u8;
        [
            value(light + v * self.red_from_v),
            value(light + u * self.green_from_u + v * self.green_from_v),
            value(light + u * self.blue_from_u),
        ]
    }
}

fn full_range(frame: &Video) -> bool {
    let full_formats = [Pixel::YUVJ420P, Pixel::YUVJ422P, Pixel::YUVJ444P, Pixel::YUVJ440P, Pixel::YUVJ411P, Pixel::GRAY8];
    frame.color_range() == Range::JPEG || (frame.color_range() != Range::MPEG && full_formats.contains(&frame.format()))
}

/// Tells swscale, for the formats that go through it.
pub(super) fn tell(context: &mut Context, frame: &Video) {
    use ff::ffi;
    let matrix = match frame.color_space() {
        Space::BT709 => ffi::SWS_CS_ITU709,
        Space::BT2020NCL | Space::BT2020CL => ffi::SWS_CS_BT2020,
        Space::SMPTE240M => ffi::SWS_CS_SMPTE240M,
        Space::FCC => ffi::SWS_CS_FCC,
        _ => ffi::SWS_CS_ITU601,
    };
    // SAFETY: the context is ours; the coefficient tables are FFmpeg's own statics.
    unsafe {
        let coefficients = ffi::sws_getCoefficients(matrix);
        let rgb = ffi::sws_getCoefficients(ffi::SWS_CS_DEFAULT);
        // negative for formats without a matrix (RGB, palettes), where there is nothing to set
        ffi::sws_setColorspaceDetails(
            context.as_mut_ptr(),
            coefficients,
            i32::from(full_range(frame)),
            rgb,
            1,
            0,
            1 << 16,
            1 << 16,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn black_white_and_primaries() {
        let limited = Matrix::new(0.2126, 0.0722, false, 8);
        assert_eq!(limited.rgb(16, 128, 128), [0, 0, 0]);
        assert_eq!(limited.rgb(235, 128, 128), [255, 255, 255]);
        assert_eq!(limited.rgb(255, 128, 128), [255, 255, 255]);
        // BT.709 red, limited: Y 63, Cb 102, Cr 240
        let [r, g, b] = limited.rgb(63, 102, 240);
        assert!(r >= 254 && g <= 1 && b <= 1, "{r} {g} {b}");
        let full = Matrix::new(0.299, 0.114, true, 8);
        assert_eq!(full.rgb(0, 128, 128), [0, 0, 0]);
        assert_eq!(full.rgb(77, 128, 128), [77, 77, 77]);
        let ten = Matrix::new(0.2627, 0.0593, false, 10);
        assert_eq!(ten.rgb(64, 512, 512), [0, 0, 0]);
        assert_eq!(ten.rgb(940, 512, 512), [255, 255, 255]);
        assert_eq!(Matrix::new(0.2627, 0.0593, true, 12).rgb(4095, 2048, 2048), [255, 255, 255]);
    }
}
