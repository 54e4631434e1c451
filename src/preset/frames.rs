//! What the presets of pictures share: which frames, from where, at what size, and where they go.

use std::borrow::Cow;

use serde_json::Value;

use super::compat::{self, Rule};
use super::flow::Across;
use super::{Preset, RowShape, Setup, Together};
use crate::Result;
use crate::error::Failure;
use crate::manifest::Segment;
use crate::media::canvas::{Canvas, Shot, Shown, Wanted};
use crate::media::decode::Decode;
use crate::modality::Kind;
use crate::rng::Stream;
use crate::sample::{Dtype, Made, Sink};
use crate::signal::sampling::{middle_offset, offsets, on_show, strided, uniform};
use crate::signal::view::{Crop, View};
use crate::source::{Pictures, Source};
use crate::span::Span;

/// Which frames of a segment make a clip.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sampling {
    /// At the middles of equal parts.
    Uniform { frames: usize },
    /// Every `stride`-th from the middle run, wrapping round.
    Strided { frames: usize, stride: usize },
}

/// Parameters that all presets of pictures have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    /// Short side after scaling, pixels.
    pub(super) resize: u32,
    /// Side of the square cut out of the middle, pixels.
    pub(super) crop: u32,
    /// Training views kept with each row: another start, a random box, and flipped half the time.
    pub(super) views: u32,
    /// Their side, pixels.
    pub(super) view_crop: u32,
    /// What they are drawn from.
    pub(super) view_seed: u64,
}

/// A preset of pictures.
pub(super) struct Frames {
    kind: Kind,
    sampling: Sampling,
    rule: Rule,
    size: Size,
    parameters: Value,
}

impl Frames {
    pub(super) fn new(setup: Setup<'_>, sampling: Sampling, rule: Rule, size: Size, parameters: Value) -> Result<Self, String> {
        let Size { resize, crop, views, view_crop, .. } = size;
        let (frames, stride) = match sampling {
            Sampling::Uniform { frames } => (frames, 1),
            Sampling::Strided { frames, stride } => (frames, stride),
        };
        if !(1..=1024).contains(&frames) || !(1..=1024).contains(&stride) {
            return Err(format!("frames = {frames}, stride = {stride}: expected 1 to 1024"));
        }
        if !(1..=4096).contains(&resize) || !(1..=resize).contains(&crop) {
            return Err(format!("resize = {resize}, crop = {crop}: expected 1 ≤ crop ≤ resize ≤ 4096"));
        }
        if views > 256 || !(1..=4096).contains(&view_crop) {
            return Err(format!("views = {views}, view-crop = {view_crop}: expected at most 256 views of 1 to 4096 pixels"));
        }
        Ok(Self { kind: setup.kind, sampling, rule, size, parameters })
    }

    pub(super) fn frames(&self) -> usize {
        match self.sampling {
            Sampling::Uniform { frames } | Sampling::Strided { frames, .. } => frames,
        }
    }

    fn channels(&self) -> usize {
        self.kind.channels.into()
    }

    /// Byte of the row at which a picture of the clip begins: first the middle view's, then those of each training view.
    pub(super) fn offset(&self, place: usize) -> usize {
        let bytes = |side: u32| (side * side) as usize * self.channels();
        let frames = self.frames();
        place.min(frames) * bytes(self.size.crop) + place.saturating_sub(frames) * bytes(self.size.view_crop)
    }

    pub(super) fn row_bytes(&self) -> usize {
        self.offset(self.frames() * (1 + self.size.views as usize))
    }

    /// The stretch of the recording that `segment` wants.
    fn span(&self, segment: &Segment, pictures: &Pictures) -> Span {
        if segment.extras.precut {
            return Span::WHOLE;
        }
        match self.numbers(segment, pictures) {
            Some((first, count, rate)) => compat::span(first, count, rate, pictures.rate.is_none()),
            None => segment.span,
        }
    }

    /// Its frames by number, where the rule counts so: first, count and rate.
    fn numbers(&self, segment: &Segment, pictures: &Pictures) -> Option<(u64, usize, f64)> {
        if self.rule != Rule::Numbers || segment.extras.precut {
            return None;
        }
        let numbers = compat::numbers_of(segment);
        // flow is made of every second frame unless its folder says otherwise
        let rate = pictures.rate.unwrap_or(if self.kind == Kind::FLOW { numbers.rate / 2.0 } else { numbers.rate });
        let (first, count) = compat::numbers(numbers, rate);
        Some((first, count, rate))
    }

    fn choose(&self, segment: &Segment, pictures: &Pictures, times: &[f64], covered: [f64; 2]) -> Vec<Shot> {
        if times.is_empty() {
            return Vec::new();
        }
        let frames = self.frames();
        // loaders of the field scale as OpenCV does, and know nothing of rotation and pixel aspect
        let (antialias, stored) = (self.rule == Rule::Clock, self.rule != Rule::Clock);
        let crop = Crop::Centre { resize: self.size.resize };
        let middle = View { crop, size: self.size.crop, flip: false, antialias, stored };
        let shots = |indices: Vec<usize>, view: View, first: usize| {
            indices.into_iter().enumerate().map(move |(i, frame)| Shot { frame, view, place: first + i })
        };
        let mut all: Vec<Shot> = shots(self.indices(segment, pictures, times, covered, None), middle, 0).collect();
        for number in 0..self.size.views {
            let draws = self.draws(segment, number);
            let crop = Crop::Random { resize: self.size.resize, draws };
            let view = View { crop, size: self.size.view_crop, flip: flipped(draws), antialias, stored };
            let indices = self.indices(segment, pictures, times, covered, Some(draws));
            all.extend(shots(indices, view, frames * (1 + number as usize)));
        }
        all
    }

    /// The random numbers of a training view; RGB and flow have their own, as in the field's loaders.
    pub(super) fn draws(&self, segment: &Segment, view: u32) -> Stream {
        Stream::new(self.size.view_seed).with(self.kind.name).with(&segment.id).at(view)
    }

    /// Places in `times`; those of the tests, or of a training view with its draws.
    fn indices(
        &self,
        segment: &Segment,
        pictures: &Pictures,
        times: &[f64],
        [start, end]: [f64; 2],
        draws: Option<Stream>,
    ) -> Vec<usize> {
        let (frames, stride) = match self.sampling {
            Sampling::Strided { frames, stride } => (frames, stride),
            Sampling::Uniform { frames } => {
                let part = (end - start) / frames as f64;
                return match draws {
                    None => uniform(times, start, end, frames),
                    // a time of each part
                    Some(draws) => (0..frames as u32)
                        .map(|i| on_show(times, start + (f64::from(i) + f64::from(draws.at(1).uniform(i))) * part))
                        .collect(),
                };
            }
        };
        let numbers = self.numbers(segment, pictures);
        let count = match (numbers, self.rule) {
            (Some((_, count, _)), _) => count,
            (None, Rule::Hac) => (times.len() - 1).max(1),
            (None, _) => times.len(),
        };
        let offset = match draws {
            None => middle_offset(count, frames, stride),
            Some(draws) => (f64::from(draws.uniform(23)) * offsets(count, frames, stride) as f64) as usize,
        };
        let indices = strided(count, offset, frames, stride);
        match (numbers, self.rule) {
            (Some((first, _, rate)), _) => compat::places(times, first, &indices, rate),
            (None, Rule::Hac) => indices.into_iter().map(|k| k.saturating_sub(1)).collect(),
            (None, _) => indices,
        }
    }

    fn read(&self, media: &dyn Decode, pictures: &Pictures, segments: &[&Segment], canvas: &mut dyn Canvas) -> Result<()> {
        let choices: Vec<_> = segments
            .iter()
            .map(|segment| move |times: &[f64], covered: [f64; 2]| self.choose(segment, pictures, times, covered))
            .collect();
        let wanted: Vec<Wanted<'_>> = segments
            .iter()
            .zip(&choices)
            .map(|(segment, choose)| Wanted { span: self.span(segment, pictures), choose })
            .collect();
        media.pictures(pictures, &wanted, canvas)
    }

    /// What a row's reader says of it, on the clock of the annotation.
    pub(super) fn made(&self, segment: &Segment, mut shown: Shown) -> Made {
        shown.times.truncate(self.frames());
        if segment.extras.precut {
            let begins = segment.span.start;
            shown.times.iter_mut().chain(&mut shown.span).for_each(|time| *time += begins);
        }
        Made { span: shown.span, times: shown.times, made_by: Cow::Borrowed(shown.made_by), partial: shown.partial }
    }
}

impl Preset for Frames {
    fn row(&self) -> RowShape {
        let (frames, channels) = (self.frames() as u64, self.channels() as u64);
        let shape = |side: u32| vec![frames, u64::from(side), u64::from(side), channels];
        let views = u64::from(self.size.views);
        let views = (views > 0).then(|| [vec![views], shape(self.size.view_crop)].concat());
        RowShape { dtype: Dtype::U8, shape: shape(self.size.crop), times: frames, views }
    }

    fn parameters(&self) -> Value {
        self.parameters.clone()
    }

    fn together(&self, source: &Source) -> Together {
        match source {
            Source::Pictures(Pictures { rate: None, .. }) | Source::PicturePair(Pictures { rate: None, .. }, _) => Together::Near,
            _ => Together::Alone,
        }
    }

    fn make(&self, media: &dyn Decode, source: &Source, segments: &[&Segment], sink: &mut dyn Sink) -> Result<()> {
        match source {
            Source::Pictures(pictures) => self.read(media, pictures, segments, &mut Rgb { preset: self, segments, sink }),
            Source::PicturePair(x, y) => {
                let mut across = Across::new(self, segments);
                self.read(media, x, segments, &mut across)?;
                self.read(media, y, segments, &mut across.down(sink))
            }
            Source::Sound { .. } | Source::Waveform { .. } => super::rows::no_pictures(segments, sink),
        }
    }
}

/// RGB goes to its place in the row.
struct Rgb<'a> {
    preset: &'a Frames,
    segments: &'a [&'a Segment],
    sink: &'a mut dyn Sink,
}

impl Canvas for Rgb<'_> {
    fn shot(&mut self, segment: usize, place: usize, rgb: &[u8]) -> Result<()> {
        self.sink.put(segment, self.preset.offset(place) as u64, rgb)
    }

    fn end(&mut self, segment: usize, outcome: Result<Shown, Failure>) -> Result<()> {
        self.sink.end(segment, outcome.map(|shown| self.preset.made(self.segments[segment], shown)))
    }
}

/// Whether a training view is mirrored.
pub(super) fn flipped(draws: Stream) -> bool {
    draws.uniform(22) < 0.5
}
