//! Puts decoded sound at its place in a row, whoever decoded it.

use super::clock::Clock;
use super::ends::{check_end, notes};
use crate::error::{Code, Failure};
use crate::span::{Span, tolerance};

/// Longest sound kept in memory, in samples (1 GiB).
const LIMIT: usize = 1 << 28;
/// Room that is made for a row before any of its sound is there, in samples.
const MOST_RESERVED: usize = 1 << 20;
/// Holes that are named one by one.
const NAMED: usize = 3;

/// Number of the sample nearest to `time`; of two as near, the even one (as Python and the field's loaders have it).
pub(super) fn nearest(time: f64, sample_rate: u32) -> i64 {
    (time * f64::from(sample_rate)).round_ties_even() as i64
}

/// Where samples of a track are presented: their numbers, from the recording's second 0, for a stretch of the track's own numbers.
#[derive(Debug, Clone)]
pub(super) struct Cuts(Vec<Cut>);

#[derive(Debug, Clone, Copy)]
struct Cut {
    /// First, and one past the last sample of the track.
    from: i64,
    end: i64,
    /// What is added to a number.
    shift: i64,
    /// Players drop whole packets past the end of an only edit, never a part of one.
    ragged: bool,
}

impl Cuts {
    pub(super) fn new(clock: &Clock, sample_rate: u32) -> Self {
        let number = |time: f64| nearest(time, sample_rate);
        if clock.edits.is_empty() {
            return Self(vec![Cut { from: i64::MIN, end: i64::MAX, shift: number(-clock.origin), ragged: false }]);
        }
        let cut = |edit: &super::movie::Edit| {
            let from = number(edit.media);
            let end = edit.duration.map_or(i64::MAX, |duration| number(edit.media + duration));
            Cut { from, end, shift: number(edit.at - clock.origin) - from, ragged: clock.edits.len() == 1 }
        };
        Self(clock.edits.iter().map(cut).collect())
    }

    /// The parts of `[first, first + count)` that are presented: offset and length in it, and the number of the first.
    fn parts(&self, first: i64, count: usize) -> impl Iterator<Item = (usize, usize, i64)> {
        let end = first + count as i64;
        self.0.iter().filter_map(move |cut| {
            let from = cut.from.max(first);
            let to = if cut.ragged && first < cut.end { end } else { cut.end.min(end) };
            (from < to).then(|| ((from - first) as usize, (to - from) as usize, from + cut.shift))
        })
    }

    /// Whether all of the track from sample `first` on is left out.
    pub(super) fn over(&self, first: i64) -> bool {
        self.0.iter().all(|cut| first >= cut.end)
    }
}

/// One channel of a row while it is being decoded: the recording's samples from number `start · rate` up to, and without,
/// `end · rate`, both rounded.
pub(super) struct Timeline {
    pub(super) sample_rate: u32,
    span: Span,
    /// Number of the first sample.
    first: i64,
    /// Samples in all, where the row has an end.
    wanted: Option<usize>,
    pub(super) samples: Vec<f32>,
    /// Stretches that the recording has, as places in `samples`, in order.
    has: Vec<[usize; 2]>,
    /// Whether the recording has sound past the row's end.
    past: bool,
    /// How far the sound before the row reaches, as a place before its first sample, as far as any was decoded.
    before: Option<i64>,
}

impl Timeline {
    pub(super) fn new(sample_rate: u32, span: Span) -> Self {
        let first = nearest(span.start, sample_rate);
        let length = |end| nearest(end, sample_rate).saturating_sub(first);
        let wanted = span.end.map(|end| usize::try_from(length(end)).unwrap_or(0));
        let samples = Vec::with_capacity(wanted.unwrap_or(0).min(MOST_RESERVED));
        Self { sample_rate, span, first, wanted, samples, has: Vec::new(), past: false, before: None }
    }

    pub(super) fn start(&self) -> f64 {
        self.span.start
    }

    /// Samples of the recording in the row.
    pub(super) fn decoded(&self) -> u64 {
        self.has.iter().map(|[from, to]| (to - from) as u64).sum()
    }

    /// Adds samples of the track, the first of which is its number `number`; what overlaps earlier ones takes their place. Returns whether more
    /// may come.
    pub(super) fn push(&mut self, cuts: &Cuts, number: i64, samples: &[f32]) -> Result<bool, Failure> {
        for (offset, count, place) in cuts.parts(number, samples.len()) {
            self.put(place - self.first, &samples[offset..offset + count])?;
        }
        Ok(!self.past)
    }

    fn put(&mut self, place: i64, samples: &[f32]) -> Result<(), Failure> {
        let wanted = self.wanted.unwrap_or(usize::MAX);
        let end = place + samples.len() as i64;
        if end <= 0 {
            self.before = self.before.max(Some(end));
        }
        self.past |= end >= i64::try_from(wanted).unwrap_or(i64::MAX);
        let skip = usize::try_from(-place).unwrap_or(0).min(samples.len());
        let at = usize::try_from(place).unwrap_or(0);
        let room = wanted.saturating_sub(at).min(samples.len() - skip);
        if room == 0 {
            return Ok(());
        }
        let end = at + room;
        if end > LIMIT {
            return Err(Failure { code: Code::Limit, message: format!("more than {LIMIT} samples of sound") });
        }
        let samples = &samples[skip..skip + room];
        if self.samples.len() == at {
            self.samples.extend_from_slice(samples);
        } else {
            self.samples.resize(self.samples.len().max(end), 0.0);
            self.samples[at..end].copy_from_slice(samples);
        }
        match self.has.last_mut() {
            Some([from, to]) if at <= *to && at >= *from => *to = (*to).max(end),
            _ => {
                self.has.push([at, end]);
                self.join();
            }
        }
        Ok(())
    }

    fn join(&mut self) {
        self.has.sort_unstable();
        self.has.dedup_by(|next, before| {
            let touch = next[0] <= before[1];
            if touch {
                before[1] = before[1].max(next[1]);
            }
            touch
        });
    }

    /// Whether the sound reaches the row's end, or the one that the container promises, and what is to be known of it. With `short` a row
    /// that ends early is one of these.
    pub(super) fn finish(&mut self, promised_end: Option<f64>, short: bool) -> Result<Option<String>, Failure> {
        let rate = f64::from(self.sample_rate);
        if self.has.is_empty() && !self.past {
            let ends = self.before.map(|place| (self.first + place) as f64 / rate);
            let ends = ends.or(promised_end.filter(|end| *end <= self.span.start));
            let ends = ends.map_or(String::new(), |end| format!("; the recording ends at {end:.3} s"));
            return Err(Failure { code: Code::Undecodable, message: format!("no sound in the segment{ends}") });
        }
        if let (true, Some(wanted)) = (self.past, self.wanted) {
            // what follows on a hole lies past the end
            self.samples.resize(wanted, 0.0);
        }
        let second = |place: usize| (self.first + place as i64) as f64 / rate;
        let end = self.span.start + self.samples.len() as f64 / rate;
        let ended = match check_end(self.span, end, promised_end) {
            Err(failure) if short && failure.code == Code::Truncated => Ok(Some(failure.message)),
            ended => ended,
        }?;
        let begins = self.has.first().map_or(self.samples.len(), |has| has[0]);
        let late = begins as f64 / rate > tolerance(end - self.span.start) || self.has.is_empty();
        let late = late.then(|| format!("no sound before {:.3} s", second(begins)));
        let ends = self.has.iter().skip(1).map(|has| has[0]).chain((!self.has.is_empty()).then_some(self.samples.len()));
        let holes: Vec<String> = self
            .has
            .iter()
            .zip(ends)
            .filter(|(has, next)| *next > has[1])
            .map(|(has, next)| format!("{:.3} to {:.3} s", second(has[1]), second(next)))
            .collect();
        let more = holes.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let named = holes.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        let holes = (!holes.is_empty()).then(|| format!("silence in holes of the sound: {named}{more}"));
        Ok(notes([late, holes, ended]))
    }
}

#[cfg(test)]
mod tests {
    use super::super::movie::Edit;
    use super::*;

    fn plain(rate: u32) -> Cuts {
        Cuts::new(&Clock::default(), rate)
    }

    #[test]
    fn samples_land_at_their_time() {
        let mut line = Timeline::new(10, Span { start: 1.0, end: Some(2.0) });
        assert!(line.push(&plain(10), 5, &[1.0; 8]).unwrap());
        assert_eq!(line.samples, [1.0; 3]);
        // a hole is silence, and what lies past the end is cut
        assert!(!line.push(&plain(10), 17, &[2.0; 9]).unwrap());
        assert_eq!(line.samples, [1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 2.0, 2.0, 2.0]);
        assert_eq!(line.decoded(), 6);
        assert_eq!(line.finish(None, false), Ok(Some("silence in holes of the sound: 1.300 to 1.700 s".into())));
        // the later of two that overlap is heard
        let mut line = Timeline::new(10, Span { start: 0.0, end: None });
        line.push(&plain(10), 0, &[1.0; 4]).unwrap();
        line.push(&plain(10), 2, &[2.0; 4]).unwrap();
        assert_eq!((line.samples.as_slice(), line.decoded()), (&[1.0, 1.0, 2.0, 2.0, 2.0, 2.0][..], 6));
    }

    #[test]
    fn a_row_in_a_hole_is_silence_and_one_past_the_end_is_nothing() {
        let row = || Timeline::new(10, Span { start: 1.0, end: Some(2.0) });
        let mut line = row();
        line.push(&plain(10), 30, &[1.0; 4]).unwrap();
        assert_eq!(line.finish(None, false), Ok(Some("no sound before 2.000 s".into())));
        assert_eq!((line.samples.as_slice(), line.decoded()), (&[0.0; 10][..], 0));
        assert_eq!(row().finish(None, false).unwrap_err().message, "no sound in the segment");
        assert_eq!(row().finish(Some(0.5), false).unwrap_err().message, "no sound in the segment; the recording ends at 0.500 s");
        let mut line = row();
        line.push(&plain(10), 0, &[1.0; 7]).unwrap();
        assert_eq!(line.finish(Some(5.0), false).unwrap_err().message, "no sound in the segment; the recording ends at 0.700 s");
        // a row that ends in a hole
        let mut line = row();
        line.push(&plain(10), 0, &[1.0; 15]).unwrap();
        line.push(&plain(10), 40, &[1.0; 1]).unwrap();
        assert_eq!(line.finish(None, false), Ok(Some("silence in holes of the sound: 1.500 to 2.000 s".into())));
        assert_eq!(line.samples.len(), 10);
    }

    #[test]
    fn a_segment_is_cut_at_the_recordings_own_samples() {
        let ramp: Vec<f32> = (0..2000).map(|i| i as f32).collect();
        let cut = |rate, start: f64, end: f64| {
            let mut line = Timeline::new(rate, Span { start, end: Some(end) });
            for (block, samples) in ramp.chunks(300).enumerate() {
                line.push(&plain(rate), block as i64 * 300, samples).unwrap();
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
    fn edits_cut_move_and_repeat_samples() {
        let edit = |media, at, duration| Edit { media, at, duration };
        let clock = Clock { edits: vec![edit(0.5, 0.0, Some(1.0)), edit(0.2, 1.0, Some(0.3))], origin: 0.0 };
        let whole_packets = Cuts::new(&Clock { edits: vec![edit(0.2, 0.0, Some(0.3))], origin: 0.0 }, 10);
        assert_eq!(whole_packets.parts(4, 4).collect::<Vec<_>>(), [(0, 4, 2)]);
        let cuts = Cuts::new(&clock, 10);
        let ramp: Vec<f32> = (0..30).map(|i| i as f32).collect();
        let mut line = Timeline::new(10, Span::WHOLE);
        for (block, samples) in ramp.chunks(4).enumerate() {
            line.push(&cuts, 4 * block as i64, samples).unwrap();
        }
        let expected: Vec<f32> = (5..15).chain(2..5).map(|i| i as f32).collect();
        assert_eq!(line.samples, expected);
        assert!(cuts.over(15) && !cuts.over(4));
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
