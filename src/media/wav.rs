//! Writes sound as 16-bit mono WAV.

use std::path::Path;

use crate::sample::Waveform;
use crate::{Error, Result, fs};

/// Writes `sound` as a RIFF WAVE file: PCM, 16 bit, one channel. Samples are clipped to [-1, 1] and scaled by 32767.
///
/// # Errors
/// [`Error::Input`] for more samples than the format's 32-bit sizes hold, [`Error::Io`].
pub fn write(path: &Path, sound: &Waveform) -> Result<()> {
    let bytes = u32::try_from(2 * sound.samples.len()).ok().filter(|bytes| *bytes <= u32::MAX - 36);
    let bytes = bytes.ok_or_else(|| {
        Error::input(path.display(), format!("{} samples; expected at most 2147483629 for a WAV file", sound.samples.len()))
    })?;
    let mut file = Vec::with_capacity(44 + 2 * sound.samples.len());
    file.extend(b"RIFF");
    file.extend((36 + bytes).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16u32.to_le_bytes());
    file.extend([1u16, 1].map(u16::to_le_bytes).concat()); // PCM, one channel
    file.extend([sound.sample_rate, 2 * sound.sample_rate].map(u32::to_le_bytes).concat());
    file.extend([2u16, 16].map(u16::to_le_bytes).concat()); // bytes a sample frame, bits a sample
    file.extend(b"data");
    file.extend(bytes.to_le_bytes());
    file.extend(sound.samples.iter().flat_map(|sample| ((sample.clamp(-1.0, 1.0) * 32767.0).round() as i16).to_le_bytes()));
    fs::write(path, &file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_and_samples_are_where_the_format_says() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wav");
        write(&path, &Waveform { sample_rate: 16_000, samples: vec![0.0, 1.0, -2.0] }).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes.len(), 44 + 6);
        assert_eq!(bytes[4..8], 42u32.to_le_bytes());
        assert_eq!(bytes[24..28], 16_000u32.to_le_bytes());
        assert_eq!(bytes[44..], [0, 0, 0xff, 0x7f, 0x01, 0x80]);
    }
}
