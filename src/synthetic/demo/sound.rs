//! What is heard: events whose rhythm, pitch and roughness belong to the class.

use std::f32::consts::{PI, TAU};

use super::room::{Band, ROOMS};
use super::take::{SAMPLE_RATE, Take};
use crate::rng::Stream;
use crate::sample::Waveform;

/// One sound event.
struct Event {
    /// Seconds from the clip's start, may be negative.
    start: f32,
    seconds: f32,
    gain: f32,
    /// Pitch at the start and at the end, Hz.
    pitch: (f32, f32),
    /// Number of partials, each with 1/n of the first's amplitude.
    partials: u32,
    /// Share of noise in [0, 1].
    noise: f32,
    /// Middle of the noise's band, Hz.
    band: f32,
    /// Tremor of the loudness, Hz; 0 for none.
    rough: f32,
    /// Whether the event strikes and dies away; else it swells and ebbs.
    struck: bool,
}

/// The sound of a take as the microphone of its domain hears it.
pub(super) fn render(take: &Take) -> Waveform {
    let room = &ROOMS[take.domain];
    let random = take.random.with("sound");
    let mut samples = level(voice(take, take.class, random.with("main"), room.pitch));
    let other = (take.class + 1 + random.bits(0) as usize % 6) % 7;
    let beside = level(voice(take, other, random.with("beside"), room.pitch));
    let share = room.beside * random.uniform(1);
    for (sample, beside) in samples.iter_mut().zip(beside) {
        *sample += share * beside;
    }
    let samples = room.record(samples, random.with("room"));
    Waveform { sample_rate: SAMPLE_RATE, samples }
}

/// Brings a sound to a root mean square of 0.1.
pub(super) fn level(mut samples: Vec<f32>) -> Vec<f32> {
    let square = samples.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / samples.len().max(1) as f64;
    let gain = (0.1 / square.sqrt().max(1e-6)) as f32;
    samples.iter_mut().for_each(|x| *x *= gain);
    samples
}

/// The events of a class, summed. `pitch` scales every frequency.
fn voice(take: &Take, class: usize, random: Stream, pitch: f32) -> Vec<f32> {
    let mut samples = vec![0.0; take.samples()];
    let seconds = samples.len() as f32 / SAMPLE_RATE as f32;
    let plain = Event {
        start: 0.0,
        seconds: 0.1,
        gain: 1.0,
        pitch: (200.0, 200.0),
        partials: 0,
        noise: 0.0,
        band: 1000.0,
        rough: 0.0,
        struck: true,
    };
    let period = [1.2, 0.17, 0.38, 0.5, 0.8, 0.24, 10.0][class] / take.pace;
    let tune = pitch * (0.25 * (random.with("tune").uniform(0) - 0.5)).exp2();
    let count = (seconds / period) as u32 + 2;
    for i in 0..count {
        let own = random.at(i);
        let loose = 1.0 + 0.3 * (own.uniform(0) - 0.5);
        let start = (i as f32 - take.phase + 0.12 * (own.uniform(1) - 0.5)) * period;
        let event = match class {
            0 => Event {
                start,
                seconds: 0.75 * period,
                pitch: (115.0, 85.0),
                partials: 4,
                noise: 0.6,
                band: 380.0,
                struck: false,
                ..plain
            },
            1 => {
                let step = [0.0, 2.0, 4.0, 7.0, 9.0, 12.0][own.bits(2) as usize % 6];
                let note = 330.0 * (step / 12.0f32).exp2();
                Event { start, seconds: 0.95 * period, pitch: (note, note), partials: 3, struck: false, ..plain }
            }
            2 => Event { start, seconds: 0.12, noise: 1.0, band: 2600.0, gain: loose, ..plain },
            3 => Event { start, seconds: 0.16, pitch: (280.0 * loose, 620.0 * loose), partials: 1, struck: false, ..plain },
            4 => Event { start, seconds: 0.9 * period, noise: 1.0, band: 900.0, gain: loose, struck: false, ..plain },
            5 => {
                Event { start, seconds: 0.1, pitch: (150.0, 80.0), partials: 2, noise: 0.35, band: 1300.0, gain: loose, ..plain }
            }
            _ if i == 0 => {
                let start = 0.1 + 0.5 * take.phase;
                Event { start, seconds: 1.1, pitch: (180.0, 520.0), partials: 6, rough: 22.0, struck: false, ..plain }
            }
            _ => Event { start: 1.2 + 0.5 * take.phase, seconds: 0.25, gain: 1.5, pitch: (95.0, 60.0), partials: 2, ..plain },
        };
        add(&mut samples, &event, tune, own.with("noise"));
    }
    samples
}

fn add(samples: &mut [f32], event: &Event, tune: f32, noise: Stream) {
    let rate = SAMPLE_RATE as f32;
    let length = (event.seconds * rate) as isize;
    let first = (event.start * rate) as isize;
    let mut band = Band::pass((event.band * tune).min(7000.0), 1.2);
    let mut phase = 0.0f32;
    for i in 0..length {
        let through = i as f32 / length as f32;
        phase = (phase + tune * (event.pitch.0 + through * (event.pitch.1 - event.pitch.0)) / rate).fract();
        let tone: f32 = (1..=event.partials).map(|n| (TAU * phase * n as f32).sin() / n as f32).sum();
        let hiss = if event.noise > 0.0 { 3.0 * band.step(2.0 * noise.uniform(i as u32) - 1.0) } else { 0.0 };
        let swell = if event.struck { (-5.0 * through).exp() * (through * 40.0).min(1.0) } else { (PI * through).sin() };
        let tremor = if event.rough > 0.0 { 0.5 + 0.5 * (TAU * event.rough * i as f32 / rate).sin() } else { 1.0 };
        if let Some(sample) = usize::try_from(first + i).ok().and_then(|at| samples.get_mut(at)) {
            *sample += event.gain * swell * tremor * ((1.0 - event.noise) * tone + event.noise * hiss);
        }
    }
}
