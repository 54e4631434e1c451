//! Writes small recordings: H.264 and AAC in mp4, the same bytes for the same samples.

use std::io;
use std::path::Path;

use ffmpeg::format::context::{Output, StreamIo};
use ffmpeg::software::scaling;
use ffmpeg::util::{color, format as pixel};
use ffmpeg::{ChannelLayout, Dictionary, Rational, codec, encoder, format, frame};
use ffmpeg_next as ffmpeg;

use crate::error::Action;
use crate::sample::Waveform;
use crate::{Error, Result, fs};

mod memory;
mod track;

use memory::Memory;
use track::Track;

/// The size of the pictures of a recording that is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pictures {
    /// Pixels across, even.
    pub width: u32,
    /// Pixels down, even.
    pub height: u32,
    /// Frames a second.
    pub frame_rate: u32,
    /// Number of frames, at least 1.
    pub frames: usize,
}

/// Writes an mp4: H.264 (libx264, one thread, constant quality, a key frame every 12 frames, 4:2:0, BT.601 in limited range) and,
/// with `audio`, AAC-LC in one channel at the waveform's rate. Nothing in it depends on time, host or thread count.
///
/// `draw` is called once a frame, in order, with the frame's number and the pixels to fill, `[height, width, 3]` RGB.
///
/// # Errors
/// [`Error::Environment`] where this FFmpeg has no libx264 or AAC encoder; [`Error::Input`] for an odd or empty size, no frames, or a rate
/// that AAC does not know; [`Error::Io`].
pub fn write_mp4(path: &Path, size: Pictures, draw: &mut dyn FnMut(usize, &mut [u8]), audio: Option<&Waveform>) -> Result<()> {
    let even = |n: u32| n > 0 && n.is_multiple_of(2);
    if !(even(size.width) && even(size.height) && size.frame_rate > 0 && size.frames > 0) {
        return Err(Error::input(
            path.display(),
            format!("{size:?}: expected an even width and height, a frame rate and a frame"),
        ));
    }
    super::container::start();
    let bytes = Memory::default();
    let io = StreamIo::from_write_seek(bytes.clone()).map_err(refused(path, "its bytes"))?;
    let mut file = format::output_to_stream(io, None, Some("mp4")).map_err(refused(path, "mp4"))?;
    let mut pictures = PictureEncoder::open(path, &mut file, size)?;
    let mut sound = audio.map(|audio| SoundEncoder::open(path, &mut file, audio)).transpose()?;
    let exact = Dictionary::from_iter([("fflags", "+bitexact")]);
    file.write_header_with(exact).map_err(refused(path, "the header"))?;
    for index in 0..size.frames {
        pictures.push(index, draw, &mut file).map_err(refused(path, "encode H.264"))?;
        if let Some(sound) = &mut sound {
            let end = (index + 1) as f64 / f64::from(size.frame_rate);
            sound.push_until(end, &mut file).map_err(refused(path, "encode AAC"))?;
        }
    }
    pictures.finish(&mut file).map_err(refused(path, "encode H.264"))?;
    if let Some(sound) = &mut sound {
        sound.finish(&mut file).map_err(refused(path, "encode AAC"))?;
    }
    file.write_trailer().map_err(refused(path, "the index"))?;
    drop(file);
    fs::write(path, bytes.lock().get_ref())
}

/// FFmpeg's refusal as an error of ours.
fn refused(path: &Path, what: &'static str) -> impl Fn(ffmpeg::Error) -> Error {
    move |error| Error::io(Action::Write, path)(io::Error::other(format!("{what}: {error}")))
}

/// The encoder of that name and the context to set up.
fn encoder_named(name: &str) -> Result<(ffmpeg::Codec, codec::encoder::Encoder)> {
    let missing = || {
        Error::environment(
            format!("this FFmpeg has no encoder {name:?}"),
            "install an FFmpeg built with it (Debian and Ubuntu: apt install libavcodec-dev libavcodec-extra)",
        )
    };
    let codec = encoder::find_by_name(name).ok_or_else(missing)?;
    Ok((codec, codec::Context::new_with_codec(codec).encoder()))
}

struct PictureEncoder {
    encoder: encoder::video::Encoder,
    scaler: scaling::Context,
    rgb: frame::Video,
    yuv: frame::Video,
    track: Track,
}

impl PictureEncoder {
    fn open(path: &Path, file: &mut Output, size: Pictures) -> Result<Self> {
        let (codec, context) = encoder_named("libx264")?;
        let time_base = Rational(1, size.frame_rate as i32);
        let mut video = context.video().map_err(refused(path, "set up H.264"))?;
        video.set_width(size.width);
        video.set_height(size.height);
        video.set_format(pixel::Pixel::YUV420P);
        video.set_time_base(time_base);
        video.set_frame_rate(Some(Rational(size.frame_rate as i32, 1)));
        video.set_gop(12);
        video.set_colorspace(color::Space::SMPTE170M);
        video.set_color_range(color::Range::MPEG);
        let options = Dictionary::from_iter([
            ("threads", "1"),
            ("flags", "+bitexact+global_header"),
            ("preset", "veryfast"),
            ("crf", "28"),
            ("sc_threshold", "0"),
            // the macroblock tree's AVX-512 code gives other bits from run to run (x264 164)
            ("x264-params", "cpu-independent=1:mbtree=0"),
            ("color_primaries", "smpte170m"),
            ("color_trc", "smpte170m"),
        ]);
        let encoder = video.open_with(options).map_err(refused(path, "open libx264"))?;
        let mut stream = file.add_stream(codec).map_err(refused(path, "add a stream"))?;
        stream.set_parameters(&encoder);
        stream.set_time_base(time_base);
        stream.set_avg_frame_rate(Rational(size.frame_rate as i32, 1));
        let track = Track { stream: stream.index(), time_base };
        let (w, h) = (size.width, size.height);
        let flags = scaling::Flags::BILINEAR | scaling::Flags::ACCURATE_RND | scaling::Flags::BITEXACT;
        // swscale's own default matrix is BT.601 in limited range
        let scaler = scaling::Context::get(pixel::Pixel::RGB24, w, h, pixel::Pixel::YUV420P, w, h, flags);
        let scaler = scaler.map_err(refused(path, "convert to YUV"))?;
        let rgb = frame::Video::new(pixel::Pixel::RGB24, w, h);
        Ok(Self { encoder, scaler, rgb, yuv: frame::Video::empty(), track })
    }

    fn push(&mut self, index: usize, draw: &mut dyn FnMut(usize, &mut [u8]), file: &mut Output) -> Result<(), ffmpeg::Error> {
        let (row, stride) = (3 * self.rgb.width() as usize, self.rgb.stride(0));
        let mut pixels = vec![0; row * self.rgb.height() as usize];
        draw(index, &mut pixels);
        for (to, from) in self.rgb.data_mut(0).chunks_mut(stride).zip(pixels.chunks(row)) {
            to[..row].copy_from_slice(from);
        }
        // a fresh frame: the encoder still refers to the last one
        self.yuv = frame::Video::empty();
        self.scaler.run(&self.rgb, &mut self.yuv)?;
        self.yuv.set_pts(Some(index as i64));
        self.encoder.send_frame(&self.yuv)?;
        self.track.drain(&mut self.encoder, file, Some(1))
    }

    fn finish(&mut self, file: &mut Output) -> Result<(), ffmpeg::Error> {
        self.encoder.send_eof()?;
        self.track.drain(&mut self.encoder, file, Some(1))
    }
}

struct SoundEncoder<'a> {
    encoder: encoder::audio::Encoder,
    sound: &'a Waveform,
    done: usize,
    block: usize,
    track: Track,
}

impl<'a> SoundEncoder<'a> {
    fn open(path: &Path, file: &mut Output, sound: &'a Waveform) -> Result<Self> {
        let (codec, context) = encoder_named("aac")?;
        let time_base = Rational(1, sound.sample_rate as i32);
        let mut audio = context.audio().map_err(refused(path, "set up AAC"))?;
        audio.set_rate(sound.sample_rate as i32);
        audio.set_format(pixel::Sample::F32(pixel::sample::Type::Planar));
        audio.set_channel_layout(ChannelLayout::MONO);
        audio.set_bit_rate(32_000);
        audio.set_time_base(time_base);
        let options = Dictionary::from_iter([("threads", "1"), ("flags", "+bitexact+global_header")]);
        let encoder = audio.open_with(options).map_err(|error| {
            Error::input(path.display(), format!("AAC at {} Hz: {error}; expected a rate like 16000 or 48000", sound.sample_rate))
        })?;
        let mut stream = file.add_stream(codec).map_err(refused(path, "add a stream"))?;
        stream.set_parameters(&encoder);
        stream.set_time_base(time_base);
        let track = Track { stream: stream.index(), time_base };
        let block = encoder.frame_size().max(1) as usize;
        Ok(Self { encoder, sound, done: 0, block, track })
    }

    /// Encodes the whole blocks that start before `seconds`.
    fn push_until(&mut self, seconds: f64, file: &mut Output) -> Result<(), ffmpeg::Error> {
        while self.done + self.block <= self.sound.samples.len()
            && (self.done as f64) < seconds * f64::from(self.sound.sample_rate)
        {
            self.push(self.block, file)?;
        }
        Ok(())
    }

    fn push(&mut self, count: usize, file: &mut Output) -> Result<(), ffmpeg::Error> {
        let mut block = frame::Audio::new(self.encoder.format(), count, ChannelLayout::MONO);
        block.set_rate(self.sound.sample_rate);
        block.plane_mut(0).copy_from_slice(&self.sound.samples[self.done..self.done + count]);
        block.set_pts(Some(self.done as i64));
        self.done += count;
        self.encoder.send_frame(&block)?;
        self.track.drain(&mut self.encoder, file, None)
    }

    fn finish(&mut self, file: &mut Output) -> Result<(), ffmpeg::Error> {
        while self.done < self.sound.samples.len() {
            self.push(self.block.min(self.sound.samples.len() - self.done), file)?;
        }
        self.encoder.send_eof()?;
        self.track.drain(&mut self.encoder, file, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ffmpeg::media::Type;

    const SIZE: Pictures = Pictures { width: 64, height: 48, frame_rate: 24, frames: 30 };

    fn write(path: &Path, size: Pictures) -> Result<()> {
        let sound =
            Waveform { sample_rate: 16_000, samples: (0..20_000).map(|i| 0.5 * (f64::from(i) * 0.1).sin() as f32).collect() };
        let mut red = |_, pixels: &mut [u8]| pixels.chunks_mut(3).for_each(|pixel| pixel.copy_from_slice(&[220, 40, 30]));
        write_mp4(path, size, &mut red, Some(&sound))
    }

    #[test]
    fn the_same_samples_give_the_same_bytes_and_a_file_that_decodes() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("1.mp4"), folder.path().join("2.mp4"));
        write(&first, SIZE).unwrap();
        write(&second, SIZE).unwrap();
        assert_eq!(std::fs::read(&first).unwrap(), std::fs::read(&second).unwrap());

        let mut file = format::input(&first).unwrap();
        let stream = file.streams().best(Type::Video).unwrap();
        let (index, base) = (stream.index(), f64::from(stream.time_base()));
        let mut decoder = codec::Context::from_parameters(stream.parameters()).unwrap().decoder().video().unwrap();
        let mut packets = Vec::new();
        let mut sound_seconds = 0.0;
        for (stream, packet) in file.packets() {
            if stream.index() == index {
                packets.push(packet);
            } else {
                sound_seconds = (packet.pts().unwrap() + packet.duration()) as f64 * f64::from(stream.time_base());
            }
        }
        assert!((1.25..1.4).contains(&sound_seconds), "{sound_seconds}");
        let keys: Vec<usize> = (0..packets.len()).filter(|&i| packets[i].is_key()).collect();
        assert_eq!(keys, [0, 12, 24]);
        let (mut times, mut frame) = (Vec::new(), frame::Video::empty());
        let mut take = |decoder: &mut codec::decoder::Video| {
            while decoder.receive_frame(&mut frame).is_ok() {
                times.push(frame.pts().unwrap() as f64 * base);
                // BT.601: Y = 16 + 0.257 R + 0.504 G + 0.098 B, and so on
                let middle = [frame.data(0)[20], frame.data(1)[10], frame.data(2)[10]].map(i32::from);
                for (found, expected) in middle.into_iter().zip([96, 95, 208]) {
                    assert!((found - expected).abs() <= 3, "{middle:?}");
                }
                assert_eq!((frame.color_space(), frame.color_range()), (color::Space::SMPTE170M, color::Range::MPEG));
            }
        };
        for packet in &packets {
            decoder.send_packet(packet).unwrap();
            take(&mut decoder);
        }
        decoder.send_eof().unwrap();
        take(&mut decoder);
        assert_eq!(times.len(), 30);
        assert!(times.iter().enumerate().all(|(i, time)| (time - i as f64 / 24.0).abs() < 1e-3), "{times:?}");
    }

    #[test]
    fn what_cannot_be_encoded_is_refused_and_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("odd.mp4");
        let error = write(&path, Pictures { width: 63, ..SIZE }).unwrap_err();
        assert!(matches!(error, Error::Input { .. }), "{error}");
        let sound = Waveform { sample_rate: 12_345, samples: vec![0.0; 5000] };
        let error = write_mp4(&path, SIZE, &mut |_, _| (), Some(&sound)).unwrap_err();
        assert!(error.to_string().contains("12345"), "{error}");
        assert!(!path.exists());
    }
}
