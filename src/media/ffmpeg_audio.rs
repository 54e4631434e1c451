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
    let channels = usize::from(frame.channels()).max(1);
    let planar = frame.is_planar();
    let width = frame.format().bytes();
    let samples = frame.samples();
    let value: fn(&[u8]) -> f64 = match frame.format() {
        Sample::U8(_) => |b| (f64::from(b[0]) - 128.0) / 128.0,
        Sample::I16(_) => |b| f64::from(i16::from_ne_bytes([b[0], b[1]])) / 32768.0,
        Sample::I32(_) => |b| f64::from(i32::from_ne_bytes([b[0], b[1], b[2], b[3]])) / 2_147_483_648.0,
        Sample::I64(_) => {
            |b| i64::from_ne_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]) as f64 / 9.223_372_036_854_776e18
        }
        Sample::F32(_) => |b| f64::from(f32::from_ne_bytes([b[0], b[1], b[2], b[3]])),
        Sample::F64(_) => |b| f64::from_ne_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]),
        Sample::None => {
            return Err(Failure { code: Code::Unsupported, message: "a sample format without a name".into() });
        }
    };
    // SAFETY: a decoded frame has one buffer a channel if planar, else one for all, each of at least `samples` values;
    // `extended_data` lists them also where there are more than eight.
    let plane = |channel: usize, length: usize| unsafe {
        std::slice::from_raw_parts(*(*frame.as_ptr()).extended_data.add(channel), length)
    };
    mono.clear();
    mono.resize(samples, 0.0);
    let mut sums = vec![0.0f64; samples];
    for channel in 0..channels {
        let (bytes, offset, step) = if planar {
            (plane(channel, samples * width), 0, width)
        } else {
            (plane(0, samples * width * channels), channel * width, width * channels)
        };
        for (sum, frame) in sums.iter_mut().zip(bytes.chunks_exact(step)) {
            *sum += value(&frame[offset..offset + width]);
        }
    }
    for (to, sum) in mono.iter_mut().zip(&sums) {
        *to = (sum / channels as f64) as f32;
    }
    Ok(())
}
