//! How a domain sounds: pitch of its voices, noise, reverberation and the band of its microphone.

use std::f32::consts::TAU;

use super::sound::level;
use super::take::SAMPLE_RATE;
use crate::rng::Stream;

/// The acoustics of one domain.
#[derive(Debug)]
pub(super) struct Room {
    /// What every frequency is multiplied with.
    pub pitch: f32,
    /// Loudest that some other action is heard beside, relative to the main one.
    pub beside: f32,
    /// Share of reverberation.
    wet: f32,
    /// Seconds for the reverberation to fall by 60 dB.
    decay: f32,
    /// Loudness of the noise relative to the sound: least and most.
    noise: (f32, f32),
    /// Upper edge of the noise, Hz.
    noise_edge: f32,
    /// Band of the microphone, Hz.
    band: (f32, f32),
}

/// Human, animal, cartoon.
pub(super) const ROOMS: [Room; 3] = [
    Room { pitch: 1.0, beside: 1.25, wet: 0.25, decay: 0.3, noise: (0.2, 0.8), noise_edge: 3000.0, band: (80.0, 7000.0) },
    Room { pitch: 0.92, beside: 1.25, wet: 0.1, decay: 0.15, noise: (0.2, 0.8), noise_edge: 700.0, band: (150.0, 4000.0) },
    Room { pitch: 1.15, beside: 1.25, wet: 0.4, decay: 0.5, noise: (0.15, 0.6), noise_edge: 6000.0, band: (220.0, 5500.0) },
];

impl Room {
    /// The sound with the room's noise and echo, through its microphone, at a level that differs from take to take.
    pub fn record(&self, dry: Vec<f32>, random: Stream) -> Vec<f32> {
        let mut edge = Band::low(self.noise_edge);
        let hiss = random.with("noise");
        let noise = level((0..dry.len()).map(|i| edge.step(2.0 * hiss.uniform(i as u32) - 1.0)).collect());
        let loudness = self.noise.0 + (self.noise.1 - self.noise.0) * random.uniform(0);
        let echo = self.reverberate(&dry);
        let (mut low, mut high) = (Band::low(self.band.1), Band::high(self.band.0));
        let mixed = dry.iter().zip(echo).zip(noise);
        let heard = mixed.map(|((dry, echo), noise)| high.step(low.step(dry + self.wet * echo + loudness * noise))).collect();
        let gain = 1.2 * (1.5 * (random.uniform(1) - 0.5)).exp2();
        level(heard).into_iter().map(|x| (gain * x).clamp(-1.0, 1.0)).collect()
    }

    /// Four comb filters side by side, then two all-pass filters (Schroeder, "Natural sounding artificial reverberation", 1962).
    fn reverberate(&self, dry: &[f32]) -> Vec<f32> {
        let mut wet = vec![0.0; dry.len()];
        for seconds in [0.0297, 0.0371, 0.0411, 0.0437] {
            let delay = (seconds * SAMPLE_RATE as f32) as usize;
            let feedback = 10f32.powf(-3.0 * seconds / self.decay);
            let mut comb = vec![0.0; dry.len()];
            for i in 0..dry.len() {
                comb[i] = dry[i] + if i >= delay { feedback * comb[i - delay] } else { 0.0 };
                wet[i] += 0.25 * comb[i];
            }
        }
        for delay in [80, 27] {
            let input = wet.clone();
            for i in 0..wet.len() {
                let (before, after) = if i >= delay { (input[i - delay], wet[i - delay]) } else { (0.0, 0.0) };
                wet[i] = before + 0.7 * after - 0.7 * input[i];
            }
        }
        wet
    }
}

/// A filter of second order (coefficients of Bristow-Johnson's "Audio EQ cookbook").
#[derive(Debug, Clone)]
pub(super) struct Band {
    b: [f32; 3],
    a: [f32; 2],
    x: [f32; 2],
    y: [f32; 2],
}

impl Band {
    fn new(hertz: f32, q: f32, numerator: impl Fn(f32, f32) -> [f32; 3]) -> Self {
        let (sin, cos) = (TAU * hertz / SAMPLE_RATE as f32).sin_cos();
        let alpha = sin / (2.0 * q);
        let scale = 1.0 / (1.0 + alpha);
        let b = numerator(cos, alpha).map(|b| b * scale);
        Self { b, a: [-2.0 * cos * scale, (1.0 - alpha) * scale], x: [0.0; 2], y: [0.0; 2] }
    }

    /// Lets a band around `hertz` through.
    pub fn pass(hertz: f32, q: f32) -> Self {
        Self::new(hertz, q, |_, alpha| [alpha, 0.0, -alpha])
    }

    /// Lets through what is below.
    pub fn low(hertz: f32) -> Self {
        Self::new(hertz, std::f32::consts::FRAC_1_SQRT_2, |cos, _| [(1.0 - cos) / 2.0, 1.0 - cos, (1.0 - cos) / 2.0])
    }

    /// Lets through what is above.
    pub fn high(hertz: f32) -> Self {
        Self::new(hertz, std::f32::consts::FRAC_1_SQRT_2, |cos, _| [(1.0 + cos) / 2.0, -1.0 - cos, (1.0 + cos) / 2.0])
    }

    /// One sample further.
    pub fn step(&mut self, x: f32) -> f32 {
        let y = self.b[0] * x + self.b[1] * self.x[0] + self.b[2] * self.x[1] - self.a[0] * self.y[0] - self.a[1] * self.y[1];
        self.x = [x, self.x[0]];
        self.y = [y, self.y[0]];
        y
    }
}
