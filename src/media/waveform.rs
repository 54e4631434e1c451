//! Sound of a segment out of an HDF5 file of waveforms.

use std::path::Path;

use super::audio::{Sound, Wanted};
use super::ends::check_end;
use crate::error::Code;
use crate::sample::Waveform;
use crate::{Error, Result, hdf5};

/// The samples round(start · rate) to round(end · rate) of the waveform `key`.
///
/// # Errors
/// As [`hdf5::read_waveform`]; truncated.
pub(super) fn read(path: &Path, key: &str, sample_rate: u32, Wanted { span, short }: Wanted) -> Result<Sound> {
    let rate = f64::from(sample_rate);
    if sample_rate == 0 {
        return Err(Error::media(path, Code::Unsupported, "0 samples a second; expected more"));
    }
    let place = |second: f64| (second * rate).round() as u64;
    let first = place(span.start);
    let count = span.end.map_or(u64::MAX, |end| place(end) - first);
    let samples = hdf5::read_waveform(path, key, first, count)?;
    let decoded = samples.len() as u64;
    // a whole segment ends where it says, however its ends are rounded
    let end = if decoded == count { span.end } else { None }.unwrap_or((first + decoded) as f64 / rate);
    let partial = match check_end(span, end, None) {
        Err(failure) if short && failure.code == Code::Truncated => Some(failure.message),
        checked => checked.map_err(|failure| Error::Media { path: path.into(), failure })?,
    };
    let waveform = Waveform { sample_rate, samples };
    let span = [span.start, span.start + waveform.duration_seconds()];
    Ok(Sound { waveform, span, samples: decoded, partial, decoder: "hdf5" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::Span;

    #[test]
    fn a_segment_is_cut_at_rounded_samples_and_early_ends_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audio.hdf5");
        let samples: Vec<f32> = (0..24_000).map(|i| i as f32).collect();
        ::hdf5::File::create(&path).unwrap().new_dataset_builder().with_data(&samples).create("P01_01").unwrap();
        let wanted = |start, end, short| Wanted { span: Span { start, end }, short };
        let read = |start, end| read(&path, "P01_01", 24_000, wanted(start, end, false));
        let sound = read(0.1, Some(0.25)).unwrap();
        assert_eq!((sound.waveform.samples[0], sound.samples, sound.partial), (2400.0, 3600, None));
        assert_eq!(read(0.000_03, Some(0.1)).unwrap().waveform.samples[0], 1.0);
        assert_eq!(read(0.0, None).unwrap().samples, 24_000);
        assert!(read(0.5, Some(1.1)).unwrap().partial.is_some());
        let code = |outcome: Result<Sound>| match outcome {
            Err(Error::Media { failure, .. }) => failure.code,
            other => panic!("{other:?}"),
        };
        assert_eq!(code(read(0.5, Some(2.0))), Code::Truncated);
        let short = super::read(&path, "P01_01", 24_000, wanted(0.5, Some(2.0), true)).unwrap();
        assert_eq!((short.samples, short.partial.is_some()), (12_000, true));
        assert_eq!(code(read(3.0, Some(4.0))), Code::Undecodable);
    }
}
