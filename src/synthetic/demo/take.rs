//! One clip before it is drawn: what happens in it, where, and at what pace.

use crate::rng::Stream;

/// Frames a second.
pub(super) const FRAME_RATE: u32 = 24;
/// Samples a second.
pub(super) const SAMPLE_RATE: u32 = 16_000;

/// A clip to be rendered. Picture and sound share its pace and phase.
#[derive(Debug, Clone, Copy)]
pub(super) struct Take {
    /// 0 human, 1 animal, 2 cartoon.
    pub domain: usize,
    /// 0 sleeping … 6 opening door.
    pub class: usize,
    /// Everything random about it.
    pub random: Stream,
    /// Number of frames, 48 to 60.
    pub frames: usize,
    /// How fast the action goes, around 1.
    pub pace: f32,
    /// Where in its cycle the action starts, in [0, 1).
    pub phase: f32,
}

impl Take {
    /// Take number `number` of its domain and class.
    pub fn new(seed: u64, domain: usize, class: usize, number: usize) -> Self {
        let random = Stream::new(seed).with("demo").at(domain as u32).at(class as u32).at(number as u32);
        // a multiple of three frames is a whole number of samples
        let frames = 48 + 3 * (random.with("length").bits(0) % 5) as usize;
        let pace = 0.8 + 0.45 * random.with("pace").uniform(0);
        Self { domain, class, random, frames, pace, phase: random.with("phase").uniform(0) }
    }

    /// Uniform in [low, high), one number for each purpose.
    pub fn between(&self, purpose: &str, low: f32, high: f32) -> f32 {
        low + (high - low) * self.random.with(purpose).uniform(0)
    }

    /// Number of samples that go with the frames.
    pub fn samples(&self) -> usize {
        self.frames * (SAMPLE_RATE / FRAME_RATE) as usize
            + self.frames * (SAMPLE_RATE % FRAME_RATE) as usize / FRAME_RATE as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picture_and_sound_are_equally_long() {
        for number in 0..50 {
            let take = Take::new(0, 1, 2, number);
            assert!((48..=60).contains(&take.frames));
            assert_eq!(take.samples() as f64 / 16_000.0, take.frames as f64 / 24.0);
        }
    }
}
