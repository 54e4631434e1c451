//! Which part of a recording a segment is: by the clock, or as the field's loaders count.

use serde::{Deserialize, Serialize};

use crate::manifest::{Numbers, Segment};
use crate::signal::sampling::on_show;
use crate::span::Span;

/// What a pipeline file may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compat {
    /// All modalities show the segment's seconds on the container's clock.
    Clock,
    /// As SimMMDG (Dong et al., NeurIPS 2023) and its descendants read the data set: frames by number, and what else differs.
    SimMmdg,
}

/// How frames are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// Those whose presentation time lies in the segment.
    Clock,
    /// EPIC-Kitchens under `simmmdg`: by the annotation's frame numbers.
    Numbers,
    /// HAC under `simmmdg`: of T frames only T − 1 count, and number k reads frame max(k − 1, 0).
    Hac,
}

impl Rule {
    /// The rule of a data set. Without a wish, `simmmdg` where it is defined and `usual`.
    pub(super) fn of(asked: Option<Compat>, dataset: &str, usual: bool) -> Result<(Self, Compat), String> {
        let defined = match dataset {
            "epic-kitchens" => Some(Self::Numbers),
            "hac" => Some(Self::Hac),
            _ => None,
        };
        match (asked, defined) {
            (Some(Compat::SimMmdg), None) => Err(format!(
                "compat = \"simmmdg\": it is defined for epic-kitchens and hac, not for {dataset}; expected \"clock\""
            )),
            (Some(Compat::SimMmdg), Some(rule)) => Ok((rule, Compat::SimMmdg)),
            (None, Some(rule)) if usual => Ok((rule, Compat::SimMmdg)),
            _ => Ok((Self::Clock, Compat::Clock)),
        }
    }
}

/// The numbers of a segment in a series of `rate` frames a second: first and count (FORMATS.md 3: for flow at half the rate,
/// `ceil(start / 2)` and `int((stop - start) / 2)`).
pub(super) fn numbers(numbers: Numbers, rate: f64) -> (u64, usize) {
    let ratio = numbers.rate / rate;
    let count = (numbers.stop.saturating_sub(numbers.start)) as f64 / ratio;
    ((numbers.start as f64 / ratio).ceil() as u64, count as usize)
}

/// The seconds in which the frames numbered so are to be looked for. A container may show them from a frame that began before.
pub(super) fn span(first: u64, count: usize, rate: f64, container: bool) -> Span {
    let second = |number: u64| number.saturating_sub(1) as f64 / rate;
    let lead = if container { 0.5 } else { 0.0 };
    // half a frame less, so that rounding takes in no frame more and none less
    let edge = 0.25 / rate;
    Span { start: (second(first) - lead - edge).max(0.0), end: Some(second(first + count as u64) - edge) }
}

/// Places in `times` of the frames with these numbers.
pub(super) fn places(times: &[f64], first: u64, indices: &[usize], rate: f64) -> Vec<usize> {
    if times.is_empty() {
        return Vec::new();
    }
    indices.iter().map(|&index| on_show(times, (first + index as u64).saturating_sub(1) as f64 / rate)).collect()
}

/// The annotation's numbers, or those of its seconds at 60 a second.
pub(super) fn numbers_of(segment: &Segment) -> Numbers {
    segment.extras.numbers.unwrap_or_else(|| {
        let number = |second: f64| ((second * 60.0) as u64).max(1);
        let start = number(segment.span.start);
        Numbers { start, stop: segment.span.end.map_or(start + 1, number).max(start + 1), rate: 60.0 }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flow_has_half_the_numbers() {
        let annotated = Numbers { start: 245, stop: 350, rate: 60.0 };
        assert_eq!(numbers(annotated, 60.0), (245, 105));
        assert_eq!(numbers(annotated, 30.0), (123, 52));
        assert_eq!(numbers(Numbers { start: 244, ..annotated }, 30.0), (122, 53));
    }

    #[test]
    fn numbers_are_frames_of_their_own_rate() {
        let (first, count) = (245, 105);
        let Span { start, end } = span(first, count, 60.0, false);
        let times: Vec<f64> = (0..1000).map(|i| f64::from(i) / 60.0).filter(|t| *t >= start && *t < end.unwrap()).collect();
        assert_eq!(times.len(), 105);
        assert_eq!(places(&times, first, &[0, 2, 104], 60.0), [0, 2, 104]);
        // 59.94 frames a second: the one on show at (n − 1) / 60
        let Span { start, end } = span(first, count, 60.0, true);
        let all: Vec<f64> = (0..1000).map(|i| f64::from(i) * 1001.0 / 60000.0).collect();
        let seen: Vec<f64> = all.iter().copied().filter(|t| *t >= start && *t < end.unwrap()).collect();
        let place = places(&seen, first, &[0], 60.0)[0];
        assert!(seen[place] <= 244.0 / 60.0 && seen[place + 1] > 244.0 / 60.0);
    }

    #[test]
    fn rules_follow_data_set_and_wish() {
        assert_eq!(Rule::of(None, "hac", true), Ok((Rule::Hac, Compat::SimMmdg)));
        assert_eq!(Rule::of(None, "hac", false), Ok((Rule::Clock, Compat::Clock)));
        assert_eq!(Rule::of(Some(Compat::Clock), "epic-kitchens", true), Ok((Rule::Clock, Compat::Clock)));
        assert_eq!(Rule::of(None, "table", true), Ok((Rule::Clock, Compat::Clock)));
        assert!(Rule::of(Some(Compat::SimMmdg), "table", true).is_err());
    }
}
