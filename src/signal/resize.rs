//! Scaling a region of a picture to a square.

use fast_image_resize::images::{TypedCroppedImage, TypedImage, TypedImageRef};
use fast_image_resize::pixels::{InnerPixel, U8, U8x3, U16};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};

use super::bilinear::Bilinear;
use super::view::{Orientation, View};

/// What a pixel of a plane is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pixel {
    /// One byte.
    U8,
    /// Two bytes, native order.
    U16,
    /// Three bytes.
    Rgb,
}

/// One plane of a picture in memory.
#[derive(Debug, Clone, Copy)]
pub struct Plane<'a> {
    /// `[height, stride]` pixels.
    pub bytes: &'a [u8],
    /// What they are.
    pub pixel: Pixel,
    /// Pixels from row to row.
    pub stride: u32,
    /// Pixels in a row, at most `stride`.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

/// Keeps buffers from picture to picture.
#[derive(Debug, Default)]
pub struct Scaler {
    resizer: Resizer,
    bilinear: Bilinear,
    square: Vec<[u8; 3]>,
}

impl Scaler {
    /// The region (left, top, width and height in the plane's pixels; cut to what there is) as `size` × `size` pixels.
    ///
    /// # Errors
    /// A sentence, for a plane that is not as long as it says, or empty.
    pub fn square(
        &mut self,
        plane: Plane<'_>,
        region: [f64; 4],
        antialias: bool,
        size: u32,
        to: &mut [u8],
    ) -> Result<(), String> {
        match plane.pixel {
            Pixel::U8 => self.resize::<U8>(plane, region, antialias, size, to),
            Pixel::U16 => self.resize::<U16>(plane, region, antialias, size, to),
            Pixel::Rgb => self.resize::<U8x3>(plane, region, antialias, size, to),
        }
    }

    fn resize<P: PixelTrait + InnerPixel>(
        &mut self,
        plane: Plane<'_>,
        [left, top, width, height]: [f64; 4],
        antialias: bool,
        size: u32,
        to: &mut [u8],
    ) -> Result<(), String> {
        let Plane { bytes, stride, width: columns, height: rows, .. } = plane;
        if columns == 0 || rows == 0 {
            return Err(format!("an empty picture of {columns}×{rows}"));
        }
        let fail = |error: &dyn std::fmt::Display| format!("{columns}×{rows}, rows {stride} apart: {error}");
        let image = TypedImageRef::<P>::from_buffer(stride, rows, bytes).map_err(|error| fail(&error))?;
        let image = TypedCroppedImage::new(image, 0, 0, columns, rows).map_err(|error| fail(&error))?;
        let within = |start: f64, length: f64, side: u32| {
            let start = start.clamp(0.0, f64::from(side) - 1e-3);
            (start, length.min(f64::from(side) - start))
        };
        let ((left, width), (top, height)) = (within(left, width, columns), within(top, height, rows));
        let side = f64::from(size);
        let copy = width == side && height == side && left.fract() == 0.0 && top.fract() == 0.0;
        // larger or as large, the averaging triangle is the same as two taps
        if plane.pixel == Pixel::U8 && !copy && (!antialias || (width <= side && height <= side)) {
            if bytes.len() < stride as usize * rows as usize || stride < columns || to.len() != (size * size) as usize {
                return Err(fail(&"the plane is not as long as it says"));
            }
            self.bilinear.square(plane, [left, top, width, height], size, to);
            return Ok(());
        }
        let algorithm = if antialias { ResizeAlg::Convolution } else { ResizeAlg::Interpolation };
        let options =
            ResizeOptions::new().resize_alg(algorithm(FilterType::Bilinear)).crop(left, top, width, height).use_alpha(false);
        let mut square = TypedImage::<P>::from_buffer(size, size, to).map_err(|error| fail(&error))?;
        self.resizer.resize_typed(&image, &mut square, &options).map_err(|error| fail(&error))
    }

    /// The view of an RGB picture, `[size, size, 3]`.
    ///
    /// # Errors
    /// As [`square`](Self::square).
    pub fn rgb(&mut self, picture: Plane<'_>, view: &View, rgb: &mut [u8]) -> Result<(), String> {
        let mut square = std::mem::take(&mut self.square);
        square.resize((view.size * view.size) as usize, [0; 3]);
        let region = view.region(picture.width, picture.height);
        let scaled = self.square(picture, region, view.antialias, view.size, square.as_flattened_mut());
        Orientation::default().turn(&square, view.size as usize, view.flip, rgb.as_chunks_mut().0);
        self.square = square;
        scaled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ramp of 8 columns, with two columns of padding that must not show.
    fn ramp() -> Vec<u8> {
        (0..4).flat_map(|_| [0, 10, 20, 30, 40, 50, 60, 70, 255, 255]).collect()
    }

    #[test]
    fn halves_are_means_and_padding_does_not_show() {
        let bytes = ramp();
        let plane = Plane { bytes: &bytes, pixel: Pixel::U8, stride: 10, width: 8, height: 4 };
        let mut scaler = Scaler::default();
        let mut to = [0; 4];
        scaler.square(plane, [4.0, 0.0, 4.0, 4.0], false, 2, &mut to).unwrap();
        assert_eq!(to, [45, 65, 45, 65]);
        let mut to = [0; 16];
        scaler.square(plane, [4.0, 0.0, 4.0, 4.0], false, 4, &mut to).unwrap();
        assert_eq!(to[..4], [40, 50, 60, 70]);
        // a region that leaves the picture is cut
        scaler.square(plane, [6.0, 0.0, 9.0, 4.0], true, 4, &mut to).unwrap();
        assert!(to.iter().all(|&v| (55..=70).contains(&v)), "{to:?}");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let bytes = ramp();
        let mut scaler = Scaler::default();
        for (stride, width, height) in [(10, 8, 5), (6, 8, 4), (10, 0, 4)] {
            let plane = Plane { bytes: &bytes, pixel: Pixel::U8, stride, width, height };
            assert!(scaler.square(plane, [0.0, 0.0, 2.0, 2.0], true, 2, &mut [0; 4]).is_err());
        }
    }
}
