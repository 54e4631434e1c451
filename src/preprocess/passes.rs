//! Which rows are made together.

use super::Maker;
use crate::error::Failure;
use crate::manifest::Segment;
use crate::modality::Kind;
use crate::source::Source;
use crate::{Error, Result};

/// Most seconds of a recording that one pass covers, so that a long recording keeps several workers busy.
const PASS_SECONDS: f64 = 60.0;
/// A stretch without segments longer than this is not decoded through.
const GAP_SECONDS: f64 = 10.0;
/// Most bytes of horizontal flow that wait in memory for the vertical.
const FLOW_BYTES: u64 = 64 << 20;

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

/// Cuts the rows `first..end` of a modality into passes: segments of one recording that overlap or nearly so are decoded together,
/// up to a minute of it. Which rows go together depends on nothing else.
pub fn passes(maker: usize, makers: &[Maker], segments: &[Segment], [first, end]: [u64; 2]) -> Result<Vec<Pass>> {
    let Maker { header, preset, .. } = &makers[maker];
    let most_rows = if header.kind == Kind::Flow { (FLOW_BYTES / (preset.row().bytes() / 2).max(1)).max(1) } else { u64::MAX };
    let mut passes: Vec<Pass> = Vec::new();
    // start and end of the stretch that the latest pass covers, where another row may still join it
    let mut open: Option<[f64; 2]> = None;
    for row in first..end {
        let segment = &segments[row as usize];
        let source = match Source::of(header.kind, segment) {
            Ok(source) => Ok(source),
            Err(Error::Media { failure, .. }) => Err(failure),
            Err(error) => return Err(error),
        };
        let stretch = match (&source, segment.span.end) {
            (Ok(source), Some(end)) if preset.together(source) && !segment.precut => Some([segment.span.start, end]),
            _ => None,
        };
        if let (Some([start, end]), Some(stretch), Some(pass)) = (open, stretch, passes.last_mut())
            && pass.source == source
            && stretch[0] <= end + GAP_SECONDS
            && f64::max(end, stretch[1]) - start <= PASS_SECONDS
            && (pass.rows.len() as u64) < most_rows
        {
            pass.rows.push(row);
            open = Some([start, end.max(stretch[1])]);
        } else {
            open = stretch;
            passes.push(Pass { maker, source, rows: vec![row] });
        }
    }
    Ok(passes)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::span::Span;

    fn rows(segments: &[Segment], preset: &str) -> Vec<Vec<u64>> {
        let settings = serde_json::from_value(json!({"preset": preset})).unwrap();
        let makers = super::super::makers(&BTreeMap::from([("video".to_owned(), settings)]), "table").unwrap();
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
    fn other_files_whole_files_and_sound_stay_alone() {
        let mixed =
            [segment("a", 0.0, Some(3.0)), segment("b", 0.0, Some(3.0)), segment("b", 1.0, None), segment("b", 2.0, None)];
        assert_eq!(rows(&mixed, "uniform"), [[0], [1], [2], [3]]);
        let settings = serde_json::from_value(json!({"preset": "log-mel"})).unwrap();
        let makers = super::super::makers(&BTreeMap::from([("audio".to_owned(), settings)]), "table").unwrap();
        assert_eq!(passes(0, &makers, &[mixed[0].clone(), mixed[0].clone()], [0, 2]).unwrap().len(), 2);
    }
}
