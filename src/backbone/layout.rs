//! Which axis of a network's input is which axis of a row.

use serde::{Deserialize, Serialize};

use crate::modality::Kind;

/// Letters of axes: batch, channel, time, height, width, features, samples.
const LETTERS: &str = "CTHWDS";

/// Axes of a network's input by letter, the batch first: `NCTHW`, `NTHWC`, `NCHW`, `NTD`, `ND`, `NS` and so on.
///
/// What the axes of rows are their kind says ([`crate::modality::Definition::axes`]): of several ways to read as many dimensions, such as `[H, W]` and `[T, D]` of sound, the
/// one whose last axis the layout has, else the usual one. An axis that only one side has is of length 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Layout(String);

impl TryFrom<String> for Layout {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let letters = text.strip_prefix('N').unwrap_or_default();
        let known = |(place, letter): (usize, char)| LETTERS.contains(letter) && !letters[..place].contains(letter);
        if letters.is_empty() || !letters.char_indices().all(known) {
            return Err(format!(
                "layout {text:?}: expected N and then some of C, T, H, W, D and S once, such as \"NCTHW\" or \"NTD\""
            ));
        }
        Ok(Self(text))
    }
}

impl From<Layout> for String {
    fn from(layout: Layout) -> Self {
        layout.0
    }
}

impl Layout {
    /// How rows of this shape and kind are read in this layout.
    ///
    /// # Errors
    /// A sentence, where they cannot be.
    pub fn of(&self, row: &[u64], kind: Kind) -> Result<Reading, String> {
        let letters = self.0.as_bytes().get(1..).unwrap_or_default();
        let has = |letter| letters.contains(&letter);
        let known = axes(row, kind);
        let axes = known.iter().rev().find(|axes| axes.last().copied().is_some_and(has)).or(known.first()).ok_or_else(|| {
            let expected = kind.axes.join(", ");
            format!("layout {:?}: rows of {row:?} have no letters; expected those of {}: {expected}", self.0, kind.name)
        })?;
        if let Some(left) = axes.iter().zip(row).find(|(axis, length)| !has(**axis) && **length != 1) {
            let axis = char::from(*left.0);
            return Err(format!(
                "layout {:?} has no {axis}, of which rows of {row:?} have {}; expected a place for it",
                self.0, left.1
            ));
        }
        let steps = steps(row);
        let place = |letter: &u8| axes.iter().position(|axis| axis == letter);
        let length = |letter: &u8| place(letter).map_or(1, |place| row[place]);
        let step = |letter: &u8| place(letter).map_or(0, |place| steps[place]);
        let channel = letters.iter().position(|letter| *letter == b'C' && place(letter).is_some());
        Ok(Reading { shape: letters.iter().map(length).collect(), steps: letters.iter().map(step).collect(), channel })
    }
}

/// How a row, as it lies in a store, is read as a network's input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Lengths of the input's axes, the batch aside.
    pub(super) shape: Vec<u64>,
    /// Elements of the row from one place on an axis to the next, by axis.
    pub(super) steps: Vec<usize>,
    /// The axis of the channels, where rows have such.
    pub(super) channel: Option<usize>,
}

impl Reading {
    /// As it lies.
    pub fn plain(row: &[u64], kind: Kind) -> Self {
        let channel = axes(row, kind).first().and_then(|axes| axes.iter().position(|axis| *axis == b'C'));
        Self { shape: row.to_vec(), steps: steps(row), channel }
    }

    /// As networks mostly take it, [as the kind says](crate::modality::Definition::layout): frames as `NCTHW`, spectrograms as pictures of one channel; unusual rows as they lie.
    pub fn usual(row: &[u64], kind: Kind) -> Self {
        let plain = || Self::plain(row, kind);
        match kind.axes.first().is_some_and(|axes| axes.len() == row.len()) {
            true => Layout(kind.layout.into()).of(row, kind).unwrap_or_else(|_| plain()),
            false => plain(),
        }
    }

    /// The reading whose shape a network can take, `fits` says which: the usual one, else the row as it lies, else the only other one.
    ///
    /// # Errors
    /// The layouts that would do, where they are several; none where no layout would.
    pub fn fitting(row: &[u64], kind: Kind, fits: impl Fn(&[u64]) -> bool) -> Result<Self, Vec<&'static str>> {
        let known = [Self::usual(row, kind), Self::plain(row, kind)].into_iter().find(|reading| fits(&reading.shape));
        if let Some(reading) = known {
            return Ok(reading);
        }
        let others = ["NCTHW", "NTCHW", "NCHW", "NHWC", "NDT", "NTD", "NCS"];
        let reading = |name: &'static str| Some((name, Layout(name.into()).of(row, kind).ok()?));
        let mut found: Vec<_> = others.into_iter().filter_map(reading).filter(|(_, reading)| fits(&reading.shape)).collect();
        // what is the same to these rows is one
        found.dedup_by(|a, b| a.1.shape == b.1.shape && a.1.steps == b.1.steps);
        match found.len() {
            1 => found.pop().map(|(_, reading)| reading).ok_or_else(Vec::new),
            _ => Err(found.into_iter().map(|(name, _)| name).collect()),
        }
    }

    /// Lengths of the input's axes, the batch aside.
    pub fn shape(&self) -> &[u64] {
        &self.shape
    }

    /// Channels that have a mean and a deviation each; 1 where rows have none.
    pub fn channels(&self) -> usize {
        self.channel.map_or(1, |axis| self.shape[axis] as usize)
    }
}

/// What the axes of rows of this shape may be, the usual ones first; rows of as many dimensions as no sample of the kind has are features of it.
fn axes(row: &[u64], kind: Kind) -> Vec<&'static [u8]> {
    let of = |kind: Kind| kind.definition().axes.iter().map(|axes| axes.as_bytes()).filter(|axes| axes.len() == row.len());
    if of(kind).next().is_some() { of(kind).collect() } else { of(Kind::FEATURES).collect() }
}

/// Elements from one place on an axis to the next, rows in C order.
fn steps(row: &[u64]) -> Vec<usize> {
    let mut steps = vec![1; row.len()];
    for axis in (1..row.len()).rev() {
        steps[axis - 1] = steps[axis] * row[axis] as usize;
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames and pictures are video's, all else is sound's.
    fn kind(row: &[u64]) -> Kind {
        if row.len() > 2 { Kind::VIDEO } else { Kind::AUDIO }
    }

    fn shape(layout: &str, row: &[u64]) -> Result<Vec<u64>, String> {
        Layout::try_from(layout.to_owned())?.of(row, kind(row)).map(|reading| reading.shape)
    }

    #[test]
    fn layouts_name_axes() {
        for (layout, row, expected) in [
            ("NCTHW", &[8, 64, 48, 3][..], &[3, 8, 64, 48][..]),
            ("NTCHW", &[8, 64, 48, 3], &[8, 3, 64, 48]),
            ("NCHW", &[1, 64, 48, 3], &[3, 64, 48]),
            ("NHWC", &[64, 48, 3], &[64, 48, 3]),
            ("NCHW", &[64, 48, 3], &[3, 64, 48]),
            ("NCHW", &[201, 64], &[1, 201, 64]),
            ("NHWC", &[201, 64], &[201, 64, 1]),
            ("NTD", &[10, 4], &[10, 4]),
            ("NDT", &[10, 4], &[4, 10]),
            ("ND", &[7], &[7]),
            ("ND", &[1, 7], &[7]),
            ("NS", &[16000], &[16000]),
            ("NCS", &[16000], &[1, 16000]),
        ] {
            assert_eq!(shape(layout, row), Ok(expected.to_vec()), "{layout} of {row:?}");
        }
        for (layout, row, says) in [
            ("NCHW", &[8, 64, 48, 3][..], "has no T, of which rows of [8, 64, 48, 3] have 8"),
            ("ND", &[10, 4], "has no T"),
            ("ND", &[1, 1, 1, 1, 1], "expected those of video: THWC, HWC"),
            ("CTHW", &[1], "expected N and then"),
            ("NCC", &[1], "expected N and then"),
            ("N", &[1], "expected N and then"),
            ("NX", &[1], "expected N and then"),
            ("Né", &[1], "expected N and then"),
        ] {
            let problem = shape(layout, row).unwrap_err();
            assert!(problem.contains(says), "{layout} of {row:?}: {problem}");
        }
    }

    #[test]
    fn a_network_that_states_its_shape_needs_no_layout() {
        let found = |row: &[u64], wanted: &[u64]| {
            let fits = |shape: &[u64]| shape.len() == wanted.len() && shape.iter().zip(wanted).all(|(a, b)| a == b || *b == 0);
            Reading::fitting(row, kind(row), fits).map(|reading| reading.steps)
        };
        assert_eq!(found(&[2, 5, 4, 3], &[3, 2, 5, 4]), Ok(vec![1, 60, 12, 3]));
        assert_eq!(found(&[2, 5, 4, 3], &[2, 5, 4, 3]), Ok(vec![60, 12, 3, 1]));
        assert_eq!(found(&[2, 5, 4, 3], &[2, 3, 5, 4]), Ok(vec![60, 1, 12, 3]));
        assert_eq!(found(&[1, 5, 4, 3], &[0, 0, 0]), Err(vec!["NCHW", "NHWC"]));
        assert_eq!(found(&[1, 5, 4, 3], &[3, 5, 4]), Ok(vec![1, 12, 3]));
        assert_eq!(found(&[10, 4], &[0, 0]), Ok(vec![4, 1]));
        assert_eq!(found(&[10, 4], &[4, 10]), Ok(vec![1, 4]));
        assert_eq!(found(&[10, 4], &[0, 0, 0]), Ok(vec![0, 4, 1]));
        assert_eq!(found(&[9], &[1, 9]), Ok(vec![0, 1]));
        assert_eq!(found(&[9], &[8]), Err(vec![]));
    }
}
