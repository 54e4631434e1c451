//! Sound through FFmpeg.

use std::ops::ControlFlow;
use std::path::Path;

use ff::format::sample::Sample;
use ff::frame::Audio;
use ff::media;
use ffmpeg_next as ff;

use super::ffmpeg::Stream;
use super::timeline::{Timeline, WARM_UP_SECONDS};
use crate::error::{Code, Failure};
use crate::span::Span;

/// The segment, and where the container says that the sound ends.
pub(super) fn read(path: &Path, span: Span) -> Result<(Timeline, Option<f64>), Failure> {
    let mut stream = Stream::open(path, media::Type::Audio)?;
    let promised_end = stream.promised_end();
    if span.start > WARM_UP_SECONDS {
        stream.seek(span.start - WARM_UP_SECONDS);
    }
    let mut timeline: Option<Timeline> = None;
    let mut mono = Vec::new();
    // frames without a time follow on the last
    let mut next_time = 0.0;
    stream.decode(&mut Audio::empty(), |frame, time| {
        let rate = frame.rate();
        if rate == 0 || frame.samples() == 0 {
            return Ok(ControlFlow::Continue(()));
        }
        let line = timeline.get_or_insert_with(|| Timeline::new(rate, span));
        if line.sample_rate != rate {
            let message = format!("the sample rate changes from {} to {rate} Hz", line.sample_rate);
            return Err(Failure { code: Code::Unsupported, message });
        }
        mix_down(frame, &mut mono)?;
        let time = time.unwrap_or(next_time);
        next_time = time + mono.len() as f64 / f64::from(rate);
        Ok(if line.push(time, &mono)? { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    let timeline = timeline.ok_or_else(|| Failure { code: Code::Undecodable, message: "no sound in the segment".into() })?;
    Ok((timeline, stream.unkept(promised_end)))
}

/// Mean of all channels, integers scaled to [-1, 1).
fn mix_down(frame: &Audio, mono: &mut Vec<f32>) -> Result<(), Failure> {
    mono.clear();
    mono.resize(frame.samples(), 0.0);
    match frame.format() {
        Sample::U8(_) => add(frame, mono, |[b]: [u8; 1]| (f32::from(b) - 128.0) / 128.0),
        Sample::I16(_) => add(frame, mono, |b| f32::from(i16::from_ne_bytes(b)) / 32768.0),
        Sample::I32(_) => add(frame, mono, |b| i32::from_ne_bytes(b) as f32 / 2_147_483_648.0),
        Sample::I64(_) => add(frame, mono, |b| i64::from_ne_bytes(b) as f32 / 9.223_372e18),
        Sample::F32(_) => add(frame, mono, f32::from_ne_bytes),
        Sample::F64(_) => add(frame, mono, |b| f64::from_ne_bytes(b) as f32),
        Sample::None => {
            return Err(Failure { code: Code::Unsupported, message: "a sample format without a name".into() });
        }
    }
    let channels = f32::from(frame.channels().max(1));
    if channels > 1.0 {
        mono.iter_mut().for_each(|sum| *sum /= channels);
    }
    Ok(())
}

/// Adds up the channels, of samples of `WIDTH` bytes.
fn add<const WIDTH: usize>(frame: &Audio, sums: &mut [f32], value: impl Fn([u8; WIDTH]) -> f32) {
    // SAFETY: a decoded frame has one buffer a channel if planar, else one for all, each of at least its number of samples;
    // `extended_data` lists them also where there are more than eight. Any bytes make such an array.
    let plane = |number: usize, length: usize| unsafe {
        std::slice::from_raw_parts((*(*frame.as_ptr()).extended_data.add(number)).cast::<[u8; WIDTH]>(), length)
    };
    let channels = usize::from(frame.channels()).max(1);
    for channel in 0..channels {
        if frame.is_planar() {
            sums.iter_mut().zip(plane(channel, frame.samples())).for_each(|(sum, &x)| *sum += value(x));
        } else {
            let interleaved = plane(0, frame.samples() * channels)[channel..].iter().step_by(channels);
            sums.iter_mut().zip(interleaved).for_each(|(sum, &x)| *sum += value(x));
        }
    }
}
