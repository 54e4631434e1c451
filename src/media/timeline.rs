//! Puts decoded sound at its place in a segment, whoever decoded it.

use crate::error::{Code, Failure};
use crate::span::{Span, tolerance};

/// Decoding starts this much before the segment, so that decoders with a memory (AAC, MP3) have settled.
pub(super) const WARM_UP_SECONDS: f64 = 0.5;
/// Longest sound kept in memory, in samples (1 GiB).
const LIMIT: usize = 1 << 28;

/// One channel of a segment while it is being decoded: the recording's samples from number `start · rate` up to, and without,
/// `end · rate`, both rounded.
pub(super) struct Timeline {
    pub(super) sample_rate: u32,
    span: Span,
    /// Where the next sample goes, from the segment's start; negative before it.
    next: Option<i64>,
    pub(super) samples: Vec<f32>,
    /// Samples of the recording in the segment, filled gaps not counted.
    pub(super) decoded: u64,
}

impl Timeline {
    pub(super) fn new(sample_rate: u32, span: Span) -> Self {
        Self { sample_rate, span, next: None, samples: Vec::new(), decoded: 0 }
    }

    pub(super) fn start(&self) -> f64 {
        self.span.start
    }

    /// Number of the sample nearest to `time` on the recording's clock; of two as near, the even one (as Python and the
    /// field's loaders have it).
    fn nearest(&self, time: f64) -> i64 {
        (time * f64::from(self.sample_rate)).round_ties_even() as i64
    }

    fn wanted(&self) -> Option<usize> {
        let length = |end| self.nearest(end).saturating_sub(self.nearest(self.span.start));
        self.span.end.map(|end| usize::try_from(length(end)).unwrap_or(0))
    }

    /// Adds samples whose first is presented at `time`. They follow on the last ones unless `time` leaves a hole of more
    /// than 0.1 s, which is silence. Returns whether more are wanted.
    pub(super) fn push(&mut self, time: f64, samples: &[f32]) -> Result<bool, Failure> {
        if samples.is_empty() {
            return Ok(true);
        }
        let rate = f64::from(self.sample_rate);
        let stated = self.nearest(time).saturating_sub(self.nearest(self.span.start));
        let place = match self.next {
            Some(next) if ((stated - next) as f64) < 0.1 * rate => next,
            _ => stated,
        };
        let wanted = self.wanted().unwrap_or(usize::MAX);
        let skip = usize::try_from(-place).unwrap_or(0).min(samples.len());
        let at = usize::try_from(place).unwrap_or(0);
        let room = wanted.saturating_sub(at).min(samples.len() - skip);
        if room > 0 {
            if at + room > LIMIT {
                return Err(Failure { code: Code::Limit, message: format!("more than {LIMIT} samples of sound") });
            }
            self.samples.resize(at.max(self.samples.len()), 0.0);
            self.samples.extend_from_slice(&samples[skip..skip + room]);
            self.decoded += room as u64;
        }
        self.next = Some(place + samples.len() as i64);
        Ok(self.next.is_none_or(|next| next < i64::try_from(wanted).unwrap_or(i64::MAX)))
    }

    /// Whether the sound reaches the segment's end, or the one that the container promises.
    pub(super) fn finish(&self, promised_end: Option<f64>) -> Result<Option<String>, Failure> {
        if self.decoded == 0 {
            return Err(Failure { code: Code::Undecodable, message: "no sound in the segment".into() });
        }
        let end = self.span.start + self.samples.len() as f64 / f64::from(self.sample_rate);
        check_end(self.span, end, promised_end)
    }
}

/// `Ok(None)` where a decode that ended at `end` covers the segment; the sentence for the flag `partial` where it ends a
/// little early.
pub(super) fn check_end(span: Span, end: f64, promised_end: Option<f64>) -> Result<Option<String>, Failure> {
    let Some(expected) = span.end.or(promised_end) else { return Ok(None) };
    let missing = expected - end;
    let message = || format!("ends at {end:.3} s, {missing:.3} s before {expected:.3} s");
    if missing > tolerance(expected - span.start) {
        Err(Failure { code: Code::Truncated, message: message() })
    } else if missing > 0.001 && span.end.is_some() {
        Ok(Some(message()))
    } else {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_land_at_their_time() {
        let mut line = Timeline::new(10, Span { start: 1.0, end: Some(2.0) });
        assert!(line.push(0.5, &[1.0; 8]).unwrap());
        assert_eq!(line.samples, [1.0; 3]);
        // a hole of 0.4 s is silence, and what lies past the end is cut
        assert!(!line.push(1.7, &[2.0; 9]).unwrap());
        assert_eq!(line.samples, [1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 2.0, 2.0, 2.0]);
        assert_eq!(line.decoded, 6);
    }

    #[test]
    fn a_segment_is_cut_at_the_recordings_own_samples() {
        let ramp: Vec<f32> = (0..2000).map(|i| i as f32).collect();
        let cut = |rate, start: f64, end: f64| {
            let mut line = Timeline::new(rate, Span { start, end: Some(end) });
            for (block, samples) in ramp.chunks(300).enumerate() {
                line.push(block as f64 * 300.0 / f64::from(rate), samples).unwrap();
            }
            line.samples
        };
        // 0.6 to 1.6 samples: samples 1 up to 2, though the length would round to 1 sample from 0.6
        assert_eq!(cut(10, 0.06, 0.16), [1.0]);
        // 0.4 to 2.8: samples 0 to 2, one more than the rounded length
        assert_eq!(cut(10, 0.04, 0.28), [0.0, 1.0, 2.0]);
        // 0.6 to 3.4: samples 1 and 2, one less
        assert_eq!(cut(10, 0.06, 0.34), [1.0, 2.0]);
        // neighbours share no sample and lose none
        let parts = [0.0, 0.0123, 0.0377, 0.05, 0.0751].windows(2).flat_map(|p| cut(16000, p[0], p[1])).collect::<Vec<_>>();
        assert_eq!(parts, ramp[..1202]);
    }

    #[test]
    fn early_ends_are_told_apart() {
        let span = Span { start: 0.0, end: Some(10.0) };
        assert_eq!(check_end(span, 10.0, None), Ok(None));
        assert!(check_end(span, 9.9, None).unwrap().is_some());
        assert_eq!(check_end(span, 9.7, None).unwrap_err().code, Code::Truncated);
        assert_eq!(check_end(Span::WHOLE, 5.0, Some(10.0)).unwrap_err().code, Code::Truncated);
        assert_eq!(check_end(Span::WHOLE, 5.0, None), Ok(None));
    }
}
