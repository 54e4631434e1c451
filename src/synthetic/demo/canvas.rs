//! Drawing with soft edges: ellipses, capsules and rectangles on a picture of RGB floats.

/// Red, green, blue in [0, 255].
pub(super) type Color = [f32; 3];

/// Pixels across.
pub(super) const WIDTH: usize = 160;
/// Pixels down.
pub(super) const HEIGHT: usize = 120;

/// A picture of `WIDTH` × `HEIGHT`, row by row.
#[derive(Debug, Clone)]
pub(super) struct Canvas {
    pub pixels: Vec<Color>,
    /// Width of the dark line around every shape, in pixels; 0 for none.
    pub outline: f32,
    /// How much darker shapes get towards their lower edge, in [0, 1].
    pub shading: f32,
}

impl Canvas {
    /// One colour everywhere.
    pub fn new(color: Color, outline: f32, shading: f32) -> Self {
        Self { pixels: vec![color; WIDTH * HEIGHT], outline, shading }
    }

    /// A filled ellipse around (x, y), turned by `angle` radians.
    pub fn ellipse(&mut self, x: f32, y: f32, (rx, ry): (f32, f32), angle: f32, color: Color) {
        let (sin, cos) = angle.sin_cos();
        let reach = rx.max(ry);
        self.shape((x - reach, y - reach, x + reach, y + reach), color, |px, py| {
            let (dx, dy) = (px - x, py - y);
            let (u, v) = ((dx * cos + dy * sin) / rx, (dy * cos - dx * sin) / ry);
            ((u * u + v * v).sqrt() - 1.0) * rx.min(ry)
        });
    }

    /// A thick line from `a` to `b` with round ends.
    pub fn capsule(&mut self, a: (f32, f32), b: (f32, f32), radius: f32, color: Color) {
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let length = (dx * dx + dy * dy).max(1e-6);
        let bounds = (a.0.min(b.0) - radius, a.1.min(b.1) - radius, a.0.max(b.0) + radius, a.1.max(b.1) + radius);
        self.shape(bounds, color, |px, py| {
            let (ex, ey) = (px - a.0, py - a.1);
            let along = ((ex * dx + ey * dy) / length).clamp(0.0, 1.0);
            ((ex - along * dx).powi(2) + (ey - along * dy).powi(2)).sqrt() - radius
        });
    }

    /// A rectangle with edges along the axes.
    pub fn rectangle(&mut self, (x0, y0): (f32, f32), (x1, y1): (f32, f32), color: Color) {
        let (x0, x1) = (x0.min(x1), x0.max(x1));
        self.shape((x0, y0, x1, y1), color, |px, py| (x0 - px).max(px - x1).max(y0 - py).max(py - y1));
    }

    /// Paints where `distance` (pixels from the edge, negative inside) says so; `bounds` are left, top, right, bottom.
    fn shape(&mut self, bounds: (f32, f32, f32, f32), color: Color, distance: impl Fn(f32, f32) -> f32) {
        let margin = self.outline + 1.0;
        let clip = |low: f32, high: f32, size: usize| {
            ((low - margin).max(0.0) as usize).min(size)
                ..((high + margin).max(-1.0) as isize + 1).clamp(0, size as isize) as usize
        };
        let (outline, shading) = (self.outline, self.shading);
        for row in clip(bounds.1, bounds.3, HEIGHT) {
            let down = ((row as f32 - bounds.1) / (bounds.3 - bounds.1).max(1.0)).clamp(0.0, 1.0);
            let light = 1.0 - shading * down;
            for column in clip(bounds.0, bounds.2, WIDTH) {
                let d = distance(column as f32 + 0.5, row as f32 + 0.5);
                let cover = (0.5 + outline - d).clamp(0.0, 1.0);
                if cover > 0.0 {
                    let inside = if outline > 0.0 { (0.5 - d).clamp(0.0, 1.0) } else { 1.0 };
                    let pixel = &mut self.pixels[row * WIDTH + column];
                    for (channel, target) in pixel.iter_mut().zip(color) {
                        let paint = inside * target * light + (1.0 - inside) * 20.0;
                        *channel += cover * (paint - *channel);
                    }
                }
            }
        }
    }
}

/// Hue in turns, saturation and value in [0, 1].
pub(super) fn hsv(hue: f32, saturation: f32, value: f32) -> Color {
    [5.0, 3.0, 1.0].map(|offset| {
        let k = (offset + 6.0 * hue).rem_euclid(6.0);
        255.0 * value * (1.0 - saturation * k.min(4.0 - k).clamp(0.0, 1.0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hues_are_where_they_belong() {
        assert_eq!(hsv(0.0, 1.0, 1.0), [255.0, 0.0, 0.0]);
        assert_eq!(hsv(1.0 / 3.0, 1.0, 1.0).map(f32::round), [0.0, 255.0, 0.0]);
        assert_eq!(hsv(0.5, 0.0, 0.5), [127.5; 3]);
    }

    #[test]
    fn shapes_fill_their_area_and_may_leave_the_picture() {
        let mut canvas = Canvas::new([0.0; 3], 0.0, 0.0);
        canvas.ellipse(80.0, 60.0, (20.0, 10.0), 0.3, [1.0; 3]);
        let area: f32 = canvas.pixels.iter().map(|p| p[0]).sum();
        assert!((area / (std::f32::consts::PI * 200.0) - 1.0).abs() < 0.02, "{area}");
        canvas.rectangle((-500.0, -500.0), (-400.0, 900.0), [9.0; 3]);
        canvas.capsule((150.0, 110.0), (400.0, 400.0), 5.0, [9.0; 3]);
        assert_eq!(canvas.pixels[0][0], 0.0);
        assert_eq!(canvas.pixels[WIDTH * HEIGHT - 1][0], 9.0);
    }
}
