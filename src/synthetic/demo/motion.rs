//! What happens in the picture: a figure of ellipses and limbs that sleeps, watches television, eats, drinks, swims, runs or opens a door.

use std::f32::consts::TAU;

use super::canvas::{Canvas, Color, hsv};
use super::look::{LOOKS, Look};
use super::take::{FRAME_RATE, Take};

/// A take on stage: everything that stays the same from frame to frame.
pub(super) struct Scene {
    take: Take,
    look: &'static Look,
    surroundings: Canvas,
    body: Color,
    thing: Color,
    /// Where the figure is, pixels.
    x: f32,
    y: f32,
    /// Size of the figure, 1 as drawn.
    size: f32,
    /// 1, or -1 for mirrored.
    side: f32,
    /// How far movements go, 1 as drawn.
    swing: f32,
}

impl Scene {
    /// Sets the stage.
    pub fn new(take: Take) -> Self {
        let look = &LOOKS[take.domain];
        Self {
            look,
            surroundings: look.surroundings(&take),
            body: look.body(&take),
            thing: hsv(take.between("thing hue", 0.0, 1.0), 0.3, take.between("thing light", 0.5, 0.95)),
            x: 80.0 + take.between("x", -16.0, 16.0),
            y: 66.0 + take.between("y", -8.0, 8.0),
            size: look.near * take.between("size", 0.8, 1.15),
            side: if take.random.with("side").bits(0) & 1 == 0 { 1.0 } else { -1.0 },
            swing: take.between("swing", 0.6, 1.2),
            take,
        }
    }

    /// Draws frame `index` into `out`, `[HEIGHT, WIDTH, 3]`.
    pub fn draw(&self, index: usize, out: &mut [u8]) {
        let held = index / self.look.hold * self.look.hold;
        let time = held as f32 / FRAME_RATE as f32;
        let mut canvas = self.surroundings.clone();
        match self.take.class {
            0 => self.sleep(&mut canvas, time),
            1 => self.watch(&mut canvas, time),
            2 => self.eat(&mut canvas, time),
            3 => self.drink(&mut canvas, time),
            4 => self.swim(&mut canvas, time),
            5 => self.run(&mut canvas, time),
            _ => self.open(&mut canvas, time),
        }
        let wander = |purpose: &str| {
            let phase = TAU * self.take.between(purpose, 0.0, 1.0);
            (self.look.shake * (TAU * 0.7 * time + phase).sin()).round() as isize
        };
        self.look.shoot(&canvas, (wander("shake x"), wander("shake y")), self.take.random.with("grain").at(index as u32), out);
    }

    /// A point of the figure on the canvas.
    fn at(&self, x: f32, y: f32) -> (f32, f32) {
        (self.x + self.side * self.size * x, self.y + self.size * y)
    }

    /// The action's cycle: turns since the clip began, at `rate` turns a second.
    fn turns(&self, rate: f32, time: f32) -> f32 {
        self.take.phase + rate * self.take.pace * time
    }

    fn oval(&self, canvas: &mut Canvas, (x, y): (f32, f32), (rx, ry): (f32, f32), angle: f32, color: Color) {
        let (x, y) = self.at(x, y);
        canvas.ellipse(x, y, (rx * self.size, ry * self.size), self.side * angle, color);
    }

    fn limb(&self, canvas: &mut Canvas, a: (f32, f32), b: (f32, f32), radius: f32) {
        canvas.capsule(self.at(a.0, a.1), self.at(b.0, b.1), radius * self.size, self.body);
    }

    fn block(&self, canvas: &mut Canvas, a: (f32, f32), b: (f32, f32), color: Color) {
        canvas.rectangle(self.at(a.0, a.1), self.at(b.0, b.1), color);
    }

    /// Somebody upright: trunk and head, leaning by `lean` radians.
    fn upright(&self, canvas: &mut Canvas, (x, y): (f32, f32), lean: f32) {
        self.oval(canvas, (x, y + 8.0), (9.0, 17.0), lean, self.body);
        self.oval(canvas, (x + 24.0 * lean.sin(), y + 8.0 - 24.0 * lean.cos()), (8.5, 9.0), 0.0, self.body);
    }

    fn sleep(&self, canvas: &mut Canvas, time: f32) {
        let breath = (TAU * self.turns(0.45, time)).sin() * self.swing;
        self.block(canvas, (-44.0, 24.0), (44.0, 32.0), self.thing);
        self.oval(canvas, (4.0, 14.0 - breath), (26.0, 10.0 + 1.5 * breath), 0.0, self.body);
        self.oval(canvas, (-27.0, 16.0), (9.0, 8.0), 0.0, self.body);
    }

    fn watch(&self, canvas: &mut Canvas, time: f32) {
        let cut = self.turns(5.0, time) as u32;
        let screen = self.take.random.with("screen").at(cut);
        let light = 90.0 + 150.0 * screen.uniform(0);
        let picture = [light, light * (0.85 + 0.15 * screen.uniform(1)), light * (0.9 + 0.2 * screen.uniform(2))];
        self.block(canvas, (16.0, -30.0), (52.0, -4.0), [30.0; 3]);
        self.block(canvas, (18.0, -28.0), (50.0, -6.0), picture);
        self.upright(canvas, (-28.0, 12.0), 0.0);
    }

    fn eat(&self, canvas: &mut Canvas, time: f32) {
        let lift = 0.5 - 0.5 * (TAU * self.turns(1.3, time)).cos();
        let hand = (16.0 - 12.0 * lift, 18.0 - 26.0 * self.swing.min(1.0) * lift);
        self.upright(canvas, (-8.0, 6.0 + 1.5 * lift), 0.1);
        self.block(canvas, (-34.0, 24.0), (42.0, 30.0), self.thing);
        self.limb(canvas, (-4.0, 10.0), hand, 3.5);
        self.oval(canvas, hand, (4.0, 4.0), 0.0, self.thing);
    }

    fn drink(&self, canvas: &mut Canvas, time: f32) {
        let raised = (0.5 - 0.5 * (TAU * self.turns(0.4, time)).cos()) * self.swing;
        let hand = (14.0 - 8.0 * raised, 10.0 - 18.0 * raised);
        self.upright(canvas, (-8.0, 8.0), 0.1 - 0.35 * raised);
        self.limb(canvas, (-4.0, 10.0), hand, 3.5);
        self.oval(canvas, (hand.0 + 3.0, hand.1 - 3.0), (4.0, 7.0), -0.9 * raised, self.thing);
    }

    fn swim(&self, canvas: &mut Canvas, time: f32) {
        let stroke = TAU * self.turns(0.8, time);
        let x = -24.0 + 40.0 * self.swing * self.turns(0.35, time).fract();
        let (dx, dy) = (18.0 * stroke.cos(), 14.0 * stroke.sin());
        self.limb(canvas, (x + 8.0, 8.0), (x + 8.0 + dx, 8.0 + dy), 3.5);
        self.oval(canvas, (x, 10.0), (22.0, 7.0), 0.1 * stroke.sin(), self.body);
        self.oval(canvas, (x + 24.0, 5.0), (8.0, 7.5), 0.0, self.body);
        for wave in 0..9 {
            let at = wave as f32 * 22.0 - 90.0 + 8.0 * (TAU * self.turns(0.5, time) + wave as f32).sin();
            self.oval(canvas, (at, 20.0 + 3.0 * (stroke + wave as f32).sin()), (13.0, 5.0), 0.0, self.thing);
        }
    }

    fn run(&self, canvas: &mut Canvas, time: f32) {
        let step = TAU * self.turns(2.2, time);
        let x = 110.0 * self.swing * (self.turns(0.5, time).fract() - 0.5);
        let bounce = -4.0 * step.sin().abs();
        for (phase, radius) in [(0.0, 3.5), (std::f32::consts::PI, 3.5)] {
            let swing = 14.0 * (step + phase).sin();
            self.limb(canvas, (x, 16.0 + bounce), (x + swing, 36.0 + bounce), radius);
            self.limb(canvas, (x, 0.0 + bounce), (x - swing, 12.0 + bounce), 3.0);
        }
        self.upright(canvas, (x, 0.0 + bounce), 0.25);
    }

    fn open(&self, canvas: &mut Canvas, time: f32) {
        let length = self.take.frames as f32 / FRAME_RATE as f32;
        let start = 0.1 + 0.3 * self.take.phase;
        let opened = ((time / length - start) * 2.2 * self.take.pace).clamp(0.0, 1.0) * self.swing.min(1.0);
        self.block(canvas, (4.0, -36.0), (36.0, 36.0), [25.0; 3]);
        self.block(canvas, (4.0, -36.0), (36.0 - 28.0 * opened, 36.0), self.thing);
        self.upright(canvas, (-20.0, 8.0), 0.1 * opened);
        self.limb(canvas, (-16.0, 8.0), (2.0 + 6.0 * opened, 6.0), 3.5);
    }
}
