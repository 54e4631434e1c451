//! Sound through Symphonia.

use std::fs::File;
use std::path::Path;

use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::errors::Error as SymphoniaError;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatReader, SeekMode, SeekTo, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::units::{Time, TimeBase};

use super::edit_list;
use super::timeline::{Timeline, WARM_UP_SECONDS};
use crate::error::{Code, Failure};
use crate::span::Span;

/// The segment, and where the container says that the sound ends. `Err` means: try another decoder.
pub(super) fn read(path: &Path, span: Span) -> Result<(Timeline, Option<f64>), Failure> {
    let fail = |code: Code| move |error: SymphoniaError| Failure { code, message: error.to_string() };
    let file = File::open(path).map_err(|error| Failure { code: Code::Unreadable, message: error.to_string() })?;
    let mut hint = Hint::new();
    if let Some(extension) = path.extension().and_then(|e| e.to_str()) {
        hint.with_extension(extension);
    }
    let stream = MediaSourceStream::new(Box::new(file), Default::default());
    let mut format = symphonia::default::get_probe()
        .probe(&hint, stream, Default::default(), Default::default())
        .map_err(fail(Code::Unreadable))?;
    let track =
        format.default_track(TrackType::Audio).ok_or_else(|| Failure { code: Code::Absent, message: "no sound track".into() })?;
    let (id, time_base) = (track.id, track.time_base);
    let lacks = |what: &str| Failure { code: Code::Unsupported, message: format!("the sound track does not say its {what}") };
    let parameters = track.codec_params.as_ref().and_then(|p| p.audio()).ok_or_else(|| lacks("codec"))?;
    let sample_rate = parameters.sample_rate.filter(|&rate| rate > 0).ok_or_else(|| lacks("sample rate"))?;
    let time_base = time_base.or_else(|| TimeBase::try_from_recip(sample_rate)).ok_or_else(|| lacks("time base"))?;
    let tick = f64::from(time_base.numer.get()) / f64::from(time_base.denom.get());
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(fail(Code::Unsupported))?;

    let edit = edit_list::of_first_sound_track(path).unwrap_or_default();
    let on_clock = |ticks: f64| ticks * tick - edit.skipped + edit.delay;
    let stated = track.duration.map(|duration| on_clock(duration.get() as f64 + track.start_ts.get().max(0) as f64));
    let presented = edit.duration.map(|duration| duration + edit.delay);
    let promised_end = match (stated, presented) {
        (Some(stated), Some(presented)) => Some(stated.min(presented)),
        (stated, presented) => stated.or(presented),
    };

    seek(&mut *format, id, span.start - WARM_UP_SECONDS + edit.skipped - edit.delay);
    let mut timeline = Timeline::new(sample_rate, span);
    let mut planes = Vec::new();
    loop {
        let packet = match format.next_packet() {
            Ok(Some(packet)) => packet,
            // a file that stops in the middle of a packet ends there; whether that is too early is checked by time
            Ok(None) | Err(SymphoniaError::IoError(_) | SymphoniaError::DecodeError(_)) => break,
            Err(error) => return Err(fail(Code::Undecodable)(error)),
        };
        if packet.track_id != id {
            continue;
        }
        let time = on_clock(packet.pts.get() as f64 + packet.trim_start.get() as f64);
        // players drop whole packets past the end of an edit, never a part of one
        if presented.is_some_and(|end| time >= end - 1e-9) {
            break;
        }
        let buffer = match decoder.decode(&packet) {
            Ok(buffer) => buffer,
            Err(SymphoniaError::DecodeError(_)) => continue,
            Err(error) => return Err(fail(Code::Undecodable)(error)),
        };
        buffer.copy_to_vecs_planar::<f32>(&mut planes);
        let mono = mean(&mut planes);
        // priming is in front of the presented sound, so it is dropped even where the segment starts at 0
        let priming = ((-time * f64::from(sample_rate)).round().max(0.0) as usize).min(mono.len());
        if !timeline.push(time + priming as f64 / f64::from(sample_rate), &mono[priming..])? {
            break;
        }
    }
    Ok((timeline, promised_end))
}

/// Mean of the channels, in the first one's place.
fn mean(planes: &mut [Vec<f32>]) -> &[f32] {
    let channels = planes.len() as f32;
    let Some((mono, others)) = planes.split_first_mut() else { return &[] };
    if !others.is_empty() {
        for other in &*others {
            mono.iter_mut().zip(other).for_each(|(sum, x)| *sum += x);
        }
        mono.iter_mut().for_each(|sum| *sum /= channels);
    }
    mono
}

/// Goes near `time` if the container can; else reading starts where it is.
fn seek(format: &mut dyn FormatReader, track_id: u32, time: f64) {
    if time <= 0.0 {
        return;
    }
    if let Some(time) = Time::try_from_secs_f64(time) {
        let _ = format.seek(SeekMode::Accurate, SeekTo::Time { time, track_id: Some(track_id) });
    }
}
