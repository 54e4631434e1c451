//! Which part of a picture a sample shows, and at what size.

use crate::rng::Stream;

/// A square cut out of a picture and scaled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// What is cut out.
    pub crop: Crop,
    /// Side of the result in pixels.
    pub size: u32,
    /// Left and right are swapped.
    pub flip: bool,
    /// Scaling down averages over all pixels (a triangle as wide as the scale); without, it is bilinear between the nearest four,
    /// as OpenCV's `INTER_LINEAR` is.
    pub antialias: bool,
    /// The picture is taken as it is stored, neither turned nor stretched as players do by rotation and pixel aspect.
    pub stored: bool,
}

/// The square of a [`View`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Crop {
    /// The short side is scaled to `resize` pixels, the ratio kept, and the middle cut out.
    Centre {
        /// Short side in pixels, at least the view's size.
        resize: u32,
    },
    /// A box of 8 to 100 % of the scaled picture's area and a ratio of 3/4 to 4/3, at random, stretched to the square
    /// (mmaction2's `RandomResizedCrop`; ten tries, then the middle square).
    Random {
        /// Short side of the picture in pixels before the cut.
        resize: u32,
        /// Where the draws come from.
        draws: Stream,
    },
}

impl View {
    /// The middle, as a player shows it.
    pub fn centre(resize: u32, size: u32, antialias: bool) -> Self {
        Self { crop: Crop::Centre { resize }, size, flip: false, antialias, stored: false }
    }

    /// The part of a picture of `width` × `height` pixels that is shown: left, top, width and height in its pixels.
    ///
    /// ```
    /// use mmdg::signal::view::View;
    /// assert_eq!(View::centre(256, 224, true).region(456, 256), [116.0, 16.0, 224.0, 224.0]);
    /// ```
    pub fn region(&self, width: u32, height: u32) -> [f64; 4] {
        let (scaled, [left, top, w, h]) = match self.crop {
            Crop::Centre { resize } => {
                let (w, h) = scaled(width, height, resize);
                let (w, h) = (w.max(self.size), h.max(self.size));
                ((w, h), [(w - self.size) / 2, (h - self.size) / 2, self.size, self.size])
            }
            Crop::Random { resize, draws } => {
                let scaled = scaled(width, height, resize);
                (scaled, random_box(scaled, draws))
            }
        };
        // whole pixels stay whole
        let back = |value: u32, side: u32, scaled: u32| f64::from(value) * f64::from(side) / f64::from(scaled);
        [back(left, width, scaled.0), back(top, height, scaled.1), back(w, width, scaled.0), back(h, height, scaled.1)]
    }
}

/// Width and height with the short side scaled to `resize`: `int(side · resize / short side + 0.5)`.
///
/// ```
/// assert_eq!(mmdg::signal::view::scaled(1920, 1080, 256), (455, 256));
/// ```
pub fn scaled(width: u32, height: u32, resize: u32) -> (u32, u32) {
    let short = f64::from(width.min(height).max(1));
    let side = |side: u32| (f64::from(side) * f64::from(resize) / short + 0.5) as u32;
    (side(width), side(height))
}

fn random_box((width, height): (u32, u32), draws: Stream) -> [u32; 4] {
    let area = f64::from(width) * f64::from(height);
    let uniform = |i: u32, low: f64, high: f64| low + f64::from(draws.uniform(i)) * (high - low);
    for attempt in 0..10 {
        let part = uniform(attempt, 0.08, 1.0) * area;
        let ratio = uniform(10 + attempt, 0.75f64.ln(), (4.0f64 / 3.0).ln()).exp();
        let (w, h) = ((part * ratio).sqrt().round() as u32, (part / ratio).sqrt().round() as u32);
        if (1..=width).contains(&w) && (1..=height).contains(&h) {
            let place = |i: u32, room: u32| (f64::from(draws.uniform(i)) * f64::from(room + 1)) as u32;
            return [place(20, width - w), place(21, height - h), w, h];
        }
    }
    let side = width.min(height);
    [(width - side) / 2, (height - side) / 2, side, side]
}

/// How a stored picture is turned and mirrored to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Orientation {
    /// Rows become columns, after the flips.
    pub transpose: bool,
    /// Left and right of the stored picture are swapped.
    pub flip_x: bool,
    /// Top and bottom of the stored picture are swapped.
    pub flip_y: bool,
}

impl Orientation {
    /// From the upper left 2×2 of a display matrix `[a, b, c, d]`, which takes a stored point (x, y) to (a·x + c·y, b·x + d·y).
    /// Anything but quarter turns and mirror images, to 5 %, is taken as none.
    pub fn from_matrix([a, b, c, d]: [f64; 4]) -> Self {
        let scale = a.abs().max(b.abs()).max(c.abs()).max(d.abs());
        let near = |value: f64, to: f64| (value / scale - to).abs() < 0.05;
        let upright = near(a.abs(), scale.signum()) && near(d.abs(), scale.signum()) && near(b, 0.0) && near(c, 0.0);
        let turned = near(b.abs(), scale.signum()) && near(c.abs(), scale.signum()) && near(a, 0.0) && near(d, 0.0);
        match (upright, turned) {
            (true, _) => Self { transpose: false, flip_x: a < 0.0, flip_y: d < 0.0 },
            (_, true) => Self { transpose: true, flip_x: b < 0.0, flip_y: c < 0.0 },
            _ => Self::default(),
        }
    }

    /// Width and height as shown of a stored picture, and back.
    pub fn shown(self, width: u32, height: u32) -> (u32, u32) {
        if self.transpose { (height, width) } else { (width, height) }
    }

    /// A region of the shown picture as one of the stored picture of `width` × `height`.
    pub fn stored(self, [left, top, w, h]: [f64; 4], width: f64, height: f64) -> [f64; 4] {
        let [mut left, mut top, w, h] = if self.transpose { [top, left, h, w] } else { [left, top, w, h] };
        if self.flip_x {
            left = width - left - w;
        }
        if self.flip_y {
            top = height - top - h;
        }
        [left, top, w, h]
    }

    /// A stored square of `size` × `size` pixels of `N` bytes, as it is shown, mirrored once more where `flip`.
    pub fn turn<const N: usize>(self, stored: &[[u8; N]], size: usize, flip: bool, shown: &mut [[u8; N]]) {
        for (y, row) in shown.chunks_exact_mut(size).enumerate() {
            for (x, to) in row.iter_mut().enumerate() {
                let x = if flip { size - 1 - x } else { x };
                let (x, y) = if self.transpose { (y, x) } else { (x, y) };
                let x = if self.flip_x { size - 1 - x } else { x };
                let y = if self.flip_y { size - 1 - y } else { y };
                *to = stored[y * size + x];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_where_the_fields_loaders_cut() {
        // 455 columns: x0 = floor(231 / 2) = 115, as SimMMDG's CenterCrop
        let [left, top, w, h] = View::centre(256, 224, true).region(1920, 1080);
        let scale = 1920.0 / 455.0;
        assert!((left - 115.0 * scale).abs() < 1e-9 && (w - 224.0 * scale).abs() < 1e-9, "{left} {w}");
        assert_eq!((top, h), (16.0 * 1080.0 / 256.0, 224.0 * 1080.0 / 256.0));
        // a picture smaller than the square is stretched to it
        assert_eq!(View::centre(4, 4, true).region(1, 1), [0.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn random_boxes_lie_inside_and_cover_the_range() {
        let mut shares = Vec::new();
        for i in 0..2000 {
            let [x, y, w, h] = random_box((456, 256), Stream::new(3).at(i));
            assert!(w >= 1 && h >= 1 && x + w <= 456 && y + h <= 256);
            shares.push(f64::from(w * h) / (456.0 * 256.0));
        }
        let (low, high) = shares.iter().fold((1.0f64, 0.0f64), |(low, high), &s| (low.min(s), high.max(s)));
        assert!(low < 0.1 && high > 0.7 && high <= 1.0, "{low} {high}");
        // too long for any box of such a ratio
        assert_eq!(random_box((1000, 10), Stream::new(1).at(0)), [495, 0, 10, 10]);
    }

    #[test]
    fn turns_are_those_of_a_player() {
        let stored: Vec<[u8; 1]> = [1, 2, 3, 4].map(|v| [v]).to_vec();
        let turned = |matrix: [f64; 4], flip| {
            let mut shown = vec![[0; 1]; 4];
            Orientation::from_matrix(matrix).turn(&stored, 2, flip, &mut shown);
            shown.concat()
        };
        assert_eq!(turned([1.0, 0.0, 0.0, 1.0], false), [1, 2, 3, 4]);
        assert_eq!(turned([1.0, 0.0, 0.0, 1.0], true), [2, 1, 4, 3]);
        // clockwise by a quarter: (x, y) → (−y, x)
        assert_eq!(turned([0.0, 1.0, -1.0, 0.0], false), [3, 1, 4, 2]);
        assert_eq!(turned([0.0, -1.0, 1.0, 0.0], false), [2, 4, 1, 3]);
        assert_eq!(turned([-1.0, 0.0, 0.0, -1.0], false), [4, 3, 2, 1]);
        assert_eq!(turned([-1.0, 0.0, 0.0, 1.0], false), [2, 1, 4, 3]);
        for nonsense in [[0.0; 4], [1.0, 1.0, 1.0, 1.0], [f64::NAN; 4]] {
            assert_eq!(Orientation::from_matrix(nonsense), Orientation::default());
        }
    }

    #[test]
    fn regions_turn_with_the_picture() {
        // stored 6×4, shown 4×6 after a quarter turn clockwise
        let turn = Orientation::from_matrix([0.0, 1.0, -1.0, 0.0]);
        assert_eq!(turn.shown(6, 4), (4, 6));
        // the shown upper left corner is the stored lower left one
        assert_eq!(turn.stored([0.0, 0.0, 2.0, 1.0], 6.0, 4.0), [0.0, 2.0, 1.0, 2.0]);
    }
}
