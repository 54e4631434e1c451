//! How a domain looks: its colours, texture, camera and grain.

use super::canvas::{Canvas, Color, HEIGHT, WIDTH, hsv};
use super::take::Take;
use crate::rng::Stream;

/// The look of one domain.
#[derive(Debug)]
pub(super) struct Look {
    /// Hue of each class's surroundings, in sevenths of a turn: the quick cue, which every domain spells differently.
    hues: [f32; 7],
    /// First hue, in turns.
    hue: f32,
    saturation: f32,
    value: f32,
    /// Contrast of the texture of the surroundings.
    texture: f32,
    /// Size of a patch of that texture in pixels.
    patch: f32,
    /// Standard deviation of the noise in every frame.
    grain: f32,
    /// Size of figures: how near the camera stands.
    pub near: f32,
    /// Most that the camera wanders, in pixels.
    pub shake: f32,
    /// Frames for which one drawing is held.
    pub hold: usize,
    /// Dark lines around shapes, in pixels.
    pub outline: f32,
    /// Shading of shapes.
    pub shading: f32,
    /// Hue, saturation and value of bodies.
    body: Color,
    /// What a picture's contrast is multiplied with.
    contrast: f32,
}

/// Human, animal, cartoon.
pub(super) const LOOKS: [Look; 3] = [
    Look {
        hues: [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        hue: 0.02,
        saturation: 0.35,
        value: 0.62,
        texture: 10.0,
        patch: 40.0,
        grain: 5.0,
        near: 1.0,
        shake: 1.0,
        hold: 1,
        outline: 0.0,
        shading: 0.35,
        body: [0.07, 0.45, 0.75],
        contrast: 0.9,
    },
    Look {
        hues: [3.0, 5.0, 1.0, 6.0, 4.0, 0.0, 2.0],
        hue: 0.07,
        saturation: 0.6,
        value: 0.45,
        texture: 30.0,
        patch: 9.0,
        grain: 8.0,
        near: 0.85,
        shake: 1.5,
        hold: 1,
        outline: 0.0,
        shading: 0.6,
        body: [0.08, 0.6, 0.4],
        contrast: 0.8,
    },
    Look {
        hues: [5.0, 2.0, 6.0, 1.0, 4.0, 3.0, 0.0],
        hue: 0.0,
        saturation: 0.85,
        value: 0.92,
        texture: 0.0,
        patch: 30.0,
        grain: 0.0,
        near: 1.15,
        shake: 0.0,
        hold: 2,
        outline: 1.6,
        shading: 0.0,
        body: [0.13, 0.75, 0.98],
        contrast: 1.1,
    },
];

/// Share of takes whose surroundings have the colour of some other class.
const ODD: f32 = 0.04;

impl Look {
    /// The empty scene of a take: a wall and a floor in the class's colour, textured.
    pub fn surroundings(&self, take: &Take) -> Canvas {
        let odd = take.random.with("odd");
        let class = if odd.uniform(0) < ODD { odd.bits(1) as usize % 7 } else { take.class };
        let hue = self.hue + (self.hues[class] + take.between("hue", -0.28, 0.28)) / 7.0;
        let value = self.value * take.between("light", 0.85, 1.1);
        let saturation = self.saturation * take.between("saturation", 0.8, 1.1);
        let wall = hsv(hue, saturation, value.min(1.0));
        let floor = hsv(hue + 0.04, saturation * 0.7, value * 0.75);
        let mut canvas = Canvas::new(wall, self.outline, self.shading);
        let horizon = take.between("horizon", 76.0, 90.0);
        let texture = take.random.with("texture");
        for (i, pixel) in canvas.pixels.iter_mut().enumerate() {
            let (x, y) = ((i % WIDTH) as f32, (i / WIDTH) as f32);
            if y > horizon {
                *pixel = floor;
            }
            if self.texture > 0.0 {
                let rough = self.texture * (patches(texture, x / self.patch, y / self.patch) - 0.5);
                *pixel = pixel.map(|channel| channel + rough);
            }
        }
        canvas
    }

    /// The colour of the body, which differs a little from take to take.
    pub fn body(&self, take: &Take) -> Color {
        let [hue, saturation, value] = self.body;
        hsv(hue + take.between("body hue", -0.05, 0.05), saturation, value * take.between("body light", 0.8, 1.0))
    }

    /// The picture as the camera of this domain stores it, shifted by (`dx`, `dy`) pixels.
    pub fn shoot(&self, canvas: &Canvas, (dx, dy): (isize, isize), noise: Stream, out: &mut [u8]) {
        for row in 0..HEIGHT {
            let from = (row as isize + dy).clamp(0, HEIGHT as isize - 1) as usize * WIDTH;
            for column in 0..WIDTH {
                let pixel = canvas.pixels[from + (column as isize + dx).clamp(0, WIDTH as isize - 1) as usize];
                let at = row * WIDTH + column;
                let grain = if self.grain > 0.0 { self.grain * triangular(noise.bits(at as u32)) } else { 0.0 };
                for (to, channel) in out[3 * at..3 * at + 3].iter_mut().zip(pixel) {
                    *to = (127.5 + self.contrast * (channel - 127.5) + grain).round() as u8;
                }
            }
        }
    }
}

/// A number with mean 0 and standard deviation 1 from random bits: two uniform ones added.
fn triangular(bits: u32) -> f32 {
    ((bits & 0xffff) as f32 + (bits >> 16) as f32 - 65535.0) / 26755.0
}

/// Value noise in [0, 1]: random numbers on the integer grid, smoothly joined.
fn patches(random: Stream, x: f32, y: f32) -> f32 {
    let (left, top) = (x.floor(), y.floor());
    let ease = |t: f32| t * t * (3.0 - 2.0 * t);
    let (u, v) = (ease(x - left), ease(y - top));
    let corner = |dx: u32, dy: u32| random.at(left as u32 + dx).uniform(top as u32 + dy);
    let row = |dy| corner(0, dy) + u * (corner(1, dy) - corner(0, dy));
    row(0) + v * (row(1) - row(0))
}
