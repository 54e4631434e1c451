//! Which rows are made together.

use crate::error::Failure;
use crate::manifest::Segment;
use crate::preset::Together;
use crate::preset::maker::Maker;
use crate::source::Source;
use crate::{Error, Result};

/// Most seconds of a recording that one pass covers, so that a long recording keeps several workers busy.
const PASS_SECONDS: f64 = 60.0;
/// A stretch without segments longer than this is not decoded through.
const GAP_SECONDS: f64 = 10.0;
/// Sound that begins in one such part of a recording goes together.
const SOUND_SECONDS: f64 = 600.0;
/// Most seconds of sound in the rows of one pass, since those that overlap wait in memory for their ends.
const SOUND_ROWS_SECONDS: f64 = 3600.0;
/// Most bytes of a pair's first plane, such as horizontal flow, that wait in memory for the second.
const PLANE_BYTES: u64 = 64 << 20;

/// Rows of one modality that are made together.
#[derive(Debug, Clone, PartialEq)]
pub struct Pass {
    /// Place of the modality among the makers.
    pub maker: usize,
    /// Where they come from, or why they come from nowhere.
    pub source: Result<Source, Failure>,
    /// In order.
    pub rows: Vec<u64>,
}

/// Cuts the rows `first..end` of a modality into passes: pictures of one recording that overlap or nearly so are decoded together, up to a minute
/// of it; sound that begins in the same ten minutes. What comes of a row does not depend on which go together.
pub fn passes(maker: usize, makers: &[Maker], segments: &[Segment], [first, end]: [u64; 2]) -> Result<Vec<Pass>> {
    let Maker { header, preset, track, .. } = &makers[maker];
    let waiting = (PLANE_BYTES / (preset.row().bytes() / 2).max(1)).max(1);
    let mut passes: Vec<Pass> = Vec::new();
    // where another row may still join the latest pass
    let mut open: Option<Stretch> = None;
    for row in first..end {
        let segment = &segments[row as usize];
        let source = match segment.source(header.kind, track) {
            Ok(source) => Ok(source),
            Err(Error::Media { failure, .. }) => Err(failure),
            Err(error) => return Err(error),
        };
        let stretch = match (&source, segment.span.end) {
            (Ok(source), Some(end)) if !segment.extras.precut => Stretch::of(preset.together(source), [segment.span.start, end]),
            _ => None,
        };
        if let (Some(before), Some(next), Some(pass)) = (&mut open, &stretch, passes.last_mut())
            && pass.source == source
            && (!matches!(pass.source, Ok(Source::PicturePair(..))) || (pass.rows.len() as u64) < waiting)
            && before.takes(next)
        {
            pass.rows.push(row);
        } else {
            open = stretch;
            passes.push(Pass { maker, source, rows: vec![row] });
        }
    }
    Ok(passes)
}

/// The stretch of a recording that a pass covers.
struct Stretch {
    together: Together,
    start: f64,
    end: f64,
    /// Seconds of all its rows.
    seconds: f64,
}

impl Stretch {
    fn of(together: Together, [start, end]: [f64; 2]) -> Option<Self> {
        (together != Together::Alone).then_some(Self { together, start, end, seconds: end - start })
    }

    /// Takes in another row, if it may.
    fn takes(&mut self, next: &Self) -> bool {
        let end = self.end.max(next.end);
        let block = |start: f64| (start / SOUND_SECONDS).floor();
        let fits = match self.together {
            Together::Alone => false,
            Together::Near => next.start <= self.end + GAP_SECONDS && end - self.start <= PASS_SECONDS,
            Together::Stretch => block(next.start) == block(self.start) && self.seconds + next.seconds <= SOUND_ROWS_SECONDS,
        };
        if fits {
            (self.end, self.seconds) = (end, self.seconds + next.seconds);
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::span::Span;

    fn rows(segments: &[Segment], preset: &str) -> Vec<Vec<u64>> {
        let settings = serde_json::from_value(json!({"preset": preset})).unwrap();
        let makers = crate::preset::maker::makers(&BTreeMap::from([("video".to_owned(), settings)]), "table").unwrap();
        let passes = passes(0, &makers, segments, [0, segments.len() as u64]).unwrap();
        passes.into_iter().map(|pass| pass.rows).collect()
    }

    fn segment(path: &str, start: f64, end: Option<f64>) -> Segment {
        Segment::new("", path, Span::new(start, end).unwrap())
    }

    #[test]
    fn neighbours_go_together_up_to_a_minute() {
        let near = [0.0, 2.0, 15.5, 40.0, 49.0, 59.0].map(|start| segment("a", start, Some(start + 3.0)));
        assert_eq!(rows(&near, "uniform"), [vec![0, 1], vec![2], vec![3, 4, 5]]);
        let long: Vec<Segment> = (0..40).map(|i| segment("a", 3.0 * f64::from(i), Some(3.0 * f64::from(i) + 4.0))).collect();
        assert_eq!(rows(&long, "uniform").iter().map(Vec::len).collect::<Vec<_>>(), [19, 19, 2]);
    }

    #[test]
    fn other_files_and_whole_files_stay_alone_and_sound_goes_by_ten_minutes() {
        let mixed =
            [segment("a", 0.0, Some(3.0)), segment("b", 0.0, Some(3.0)), segment("b", 1.0, None), segment("b", 2.0, None)];
        assert_eq!(rows(&mixed, "uniform"), [[0], [1], [2], [3]]);
        let settings = serde_json::from_value(json!({"preset": "log-mel"})).unwrap();
        let makers = crate::preset::maker::makers(&BTreeMap::from([("audio".to_owned(), settings)]), "table").unwrap();
        let sound: Vec<Segment> = [0.0, 5.0, 590.0, 600.0, 1700.0].map(|start| segment("a", start, Some(start + 20.0))).into();
        let passes = passes(0, &makers, &sound, [0, 5]).unwrap();
        assert_eq!(passes.into_iter().map(|pass| pass.rows).collect::<Vec<_>>(), [vec![0, 1, 2], vec![3], vec![4]]);
    }
}
