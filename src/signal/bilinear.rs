//! Bilinear interpolation of a plane of bytes between the nearest four pixels. For two taps an axis this is twice as fast as a
//! general convolution.

use super::resize::Plane;

/// The two pixels that an output pixel lies between, and the second one's weight in 1/256.
#[derive(Debug, Clone, Copy)]
struct Between {
    first: usize,
    second: usize,
    weight: u32,
}

/// For each of `size` output pixels over `[start, start + length)`, in pixels of a side of `limit`; the edge is held.
fn between(start: f64, length: f64, size: u32, limit: u32) -> impl Iterator<Item = Between> {
    let last = f64::from(limit - 1);
    (0..size).map(move |i| {
        let place = (start + (f64::from(i) + 0.5) * length / f64::from(size) - 0.5).clamp(0.0, last);
        let first = place.floor();
        let weight = ((place - first) * 256.0).round() as u32;
        Between { first: first as usize, second: (first as usize + 1).min(limit as usize - 1), weight }
    })
}

/// Keeps buffers from plane to plane.
#[derive(Debug, Default)]
pub(super) struct Bilinear {
    columns: Vec<Between>,
    /// Two rows interpolated across, in 1/256, each with the row of the plane that it was.
    rows: [(Option<usize>, Vec<u32>); 2],
}

impl Bilinear {
    /// The region (left, top, width, height) as `size` × `size` bytes. The plane's bytes are as many as it says.
    pub(super) fn square(&mut self, plane: Plane<'_>, [left, top, width, height]: [f64; 4], size: u32, to: &mut [u8]) {
        self.columns.clear();
        self.columns.extend(between(left, width, size, plane.width));
        self.rows.iter_mut().for_each(|(row, _)| *row = None);
        for (out, Between { first, second, weight }) in
            to.chunks_exact_mut(size as usize).zip(between(top, height, size, plane.height))
        {
            // the lower row of one output row is often the upper of the next
            if self.rows[1].0 == Some(first) {
                self.rows.swap(0, 1);
            }
            for (slot, wanted) in self.rows.iter_mut().zip([first, second]) {
                if slot.0 != Some(wanted) {
                    let row = &plane.bytes[wanted * plane.stride as usize..][..plane.width as usize];
                    slot.0 = Some(wanted);
                    slot.1.clear();
                    slot.1.extend(self.columns.iter().map(|column| {
                        u32::from(row[column.first]) * (256 - column.weight) + u32::from(row[column.second]) * column.weight
                    }));
                }
            }
            blend(&self.rows[0].1, &self.rows[1].1, weight, out);
        }
    }
}

/// Between two rows in 1/256, rounded to bytes; the same on every processor.
fn blend(upper: &[u32], lower: &[u32], weight: u32, out: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[target_feature(enable = "avx2")]
        fn wide(upper: &[u32], lower: &[u32], weight: u32, out: &mut [u8]) {
            blend_each(upper, lower, weight, out);
        }
        // SAFETY: the processor has just been asked.
        return unsafe { wide(upper, lower, weight, out) };
    }
    blend_each(upper, lower, weight, out);
}

#[inline(always)]
fn blend_each(upper: &[u32], lower: &[u32], weight: u32, out: &mut [u8]) {
    for ((out, &upper), &lower) in out.iter_mut().zip(upper).zip(lower) {
        *out = ((upper * (256 - weight) + lower * weight + (1 << 15)) >> 16) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::super::resize::Pixel;
    use super::*;

    #[test]
    fn twice_the_size_lies_between_and_edges_are_held() {
        let bytes = [0, 100, 255, 255, 200, 100, 255, 255];
        let plane = Plane { bytes: &bytes, pixel: Pixel::U8, stride: 4, width: 2, height: 2 };
        let mut out = [0; 16];
        Bilinear::default().square(plane, [0.0, 0.0, 2.0, 2.0], 4, &mut out);
        assert_eq!(out, [0, 25, 75, 100, 50, 63, 88, 100, 150, 138, 113, 100, 200, 175, 125, 100]);
        // chroma sampled with the left luma: every second value is one of the plane's
        Bilinear::default().square(plane, [0.25, 0.0, 2.0, 2.0], 4, &mut out);
        assert_eq!(out[..4], [0, 50, 100, 100]);
    }

    #[test]
    fn a_single_pixel_is_everywhere() {
        let plane = Plane { bytes: &[7], pixel: Pixel::U8, stride: 1, width: 1, height: 1 };
        let mut out = [0; 9];
        Bilinear::default().square(plane, [0.0, 0.0, 1.0, 1.0], 3, &mut out);
        assert_eq!(out, [7; 9]);
    }
}
