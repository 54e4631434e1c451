//! Decoded sound of any sample format to one channel.

use ff::format::sample::Sample;
use ff::frame::Audio;
use ffmpeg_next as ff;

use crate::error::{Code, Failure};

/// Mean of all channels, integers scaled to [-1, 1).
pub(super) fn mix_down(frame: &Audio, mono: &mut Vec<f32>) -> Result<(), Failure> {
    mono.clear();
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

/// Adds up the channels, of samples of `WIDTH` bytes, into `sums`, which is empty.
fn add<const WIDTH: usize>(frame: &Audio, sums: &mut Vec<f32>, value: impl Fn([u8; WIDTH]) -> f32) {
    // SAFETY: a decoded frame has one buffer a channel if planar, else one for all, each of at least its number of samples;
    // `extended_data` lists them also where there are more than eight. Any bytes make such an array.
    let plane = |number: usize, length: usize| unsafe {
        std::slice::from_raw_parts((*(*frame.as_ptr()).extended_data.add(number)).cast::<[u8; WIDTH]>(), length)
    };
    let (channels, count) = (usize::from(frame.channels()).max(1), frame.samples());
    if frame.is_planar() {
        sums.extend(plane(0, count).iter().map(|&x| value(x)));
        for channel in 1..channels {
            sums.iter_mut().zip(plane(channel, count)).for_each(|(sum, &x)| *sum += value(x));
        }
    } else {
        sums.extend(
            plane(0, count * channels).chunks_exact(channels).map(|samples| samples.iter().map(|&x| value(x)).sum::<f32>()),
        );
    }
}
