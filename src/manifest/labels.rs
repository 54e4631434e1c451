//! What is to be predicted of each row: a column beside the segments.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::names::Occurring;

/// The label of each row.
#[derive(Debug, Clone, PartialEq)]
pub enum Labels {
    /// One of some classes.
    Classes {
        /// Their names.
        names: Vec<String>,
        /// By row, a place among the names.
        of: Vec<u32>,
    },
    /// A number.
    Values {
        /// What it is measured in, such as `mm`; empty for a number without a unit.
        unit: String,
        /// By row, finite.
        of: Vec<f32>,
    },
}

impl Default for Labels {
    fn default() -> Self {
        Self::Classes { names: Vec::new(), of: Vec::new() }
    }
}

impl Labels {
    /// Classes by their places among `names`.
    pub fn classes(names: Vec<String>, places: impl IntoIterator<Item = usize>) -> Self {
        let place = |place| u32::try_from(place).unwrap_or(u32::MAX);
        Self::Classes { names, of: places.into_iter().map(place).collect() }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Classes { of, .. } => of.len(),
            Self::Values { of, .. } => of.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Class names; none of values.
    pub fn names(&self) -> &[String] {
        match self {
            Self::Classes { names, .. } => names,
            Self::Values { .. } => &[],
        }
    }

    /// By row, the place of its class; empty of values.
    pub fn places(&self) -> &[u32] {
        match self {
            Self::Classes { of, .. } => of,
            Self::Values { .. } => &[],
        }
    }

    /// By row, its value; empty of classes.
    pub fn values(&self) -> &[f32] {
        match self {
            Self::Classes { .. } => &[],
            Self::Values { of, .. } => of,
        }
    }

    /// What they are, whatever the rows.
    pub fn space(&self) -> LabelSpace {
        match self {
            Self::Classes { names, .. } => LabelSpace::Classes(names.clone()),
            Self::Values { unit, .. } => LabelSpace::Values { unit: unit.clone() },
        }
    }

    /// The label of a row as text: a class's name, or a number whose digits read back as the same `f32`. Empty where there is none.
    pub fn text(&self, row: usize) -> String {
        match self {
            Self::Classes { names, of } => of.get(row).and_then(|&place| names.get(place as usize)).cloned().unwrap_or_default(),
            Self::Values { of, .. } => of.get(row).map(f32::to_string).unwrap_or_default(),
        }
    }

    /// Those of these rows, in that order.
    #[must_use]
    pub fn of_rows(&self, rows: &[usize]) -> Self {
        fn pick<T: Copy>(of: &[T], rows: &[usize]) -> Vec<T> {
            rows.iter().filter_map(|&row| of.get(row).copied()).collect()
        }
        match self {
            Self::Classes { names, of } => Self::Classes { names: names.clone(), of: pick(of, rows) },
            Self::Values { unit, of } => Self::Values { unit: unit.clone(), of: pick(of, rows) },
        }
    }

    /// Those of several tables, one after the other, classes by name in the order in which they come.
    ///
    /// # Errors
    /// The place of the first part whose labels are of another kind or unit, and a sentence.
    pub fn join(parts: &[&Self]) -> Result<Self, (usize, String)> {
        let (mut classes, mut places, mut values) = (Occurring::default(), Vec::new(), Vec::new());
        let first = parts.first().map(|part| part.space()).unwrap_or(LabelSpace::Classes(Vec::new()));
        for (place, part) in parts.iter().enumerate() {
            match (part, &first) {
                (Self::Classes { names, of }, LabelSpace::Classes(_)) => {
                    let own: Vec<usize> = names.iter().map(|name| classes.place(name)).collect();
                    places.extend(of.iter().map(|&place| own[place as usize]));
                }
                (Self::Values { unit, of }, LabelSpace::Values { unit: first }) if unit == first => values.extend_from_slice(of),
                _ => return Err((place, format!("its labels are {}; expected {first}, as in the first", part.space()))),
            }
        }
        Ok(match first {
            LabelSpace::Classes(_) => Self::classes(classes.into_names(), places),
            LabelSpace::Values { unit } => Self::Values { unit, of: values },
        })
    }

    /// What is wrong with them as those of so many rows: another number of them, a place beyond the names, a value that is not finite.
    pub fn problem(&self, rows: usize) -> Option<String> {
        if self.len() != rows {
            return Some(format!("{} entries; expected {rows}", self.len()));
        }
        let wrong = |(row, problem): (usize, String)| format!("row {row}: {problem}");
        match self {
            Self::Classes { names, of } => {
                let beyond = of.iter().enumerate().find(|(_, place)| **place as usize >= names.len());
                beyond.map(|(row, place)| wrong((row, format!("{place}; expected below {}", names.len()))))
            }
            Self::Values { of, .. } => {
                let odd = of.iter().enumerate().find(|(_, value)| !value.is_finite());
                odd.map(|(row, value)| wrong((row, format!("{value}; expected a finite number"))))
            }
        }
    }
}

/// What labels are, whatever the rows: stands in `store.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum LabelSpace {
    /// Classes, by name; a label is a place in this list.
    Classes(Vec<String>),
    /// Numbers.
    Values {
        /// As in [`Labels::Values`].
        unit: String,
    },
}

impl LabelSpace {
    /// Class names; none of values.
    pub fn classes(&self) -> &[String] {
        match self {
            Self::Classes(names) => names,
            Self::Values { .. } => &[],
        }
    }
}

impl fmt::Display for LabelSpace {
    /// `3 classes`, `values in "mm"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Classes(names) if names.len() == 1 => write!(f, "1 class"),
            Self::Classes(names) => write!(f, "{} classes", names.len()),
            Self::Values { unit } if unit.is_empty() => write!(f, "values without a unit"),
            Self::Values { unit } => write!(f, "values in {unit:?}"),
        }
    }
}

/// A label of a table that is a number.
///
/// # Errors
/// A sentence that says what was expected, for what is none or not finite as `f32`.
pub fn value(text: &str) -> Result<f32, String> {
    let value = text.parse::<f32>().ok().filter(|value| value.is_finite());
    value.ok_or_else(|| format!("label {text:?}; expected a finite number, as float32 holds it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_back_as_they_are() {
        let of = vec![0.1, -0.0, 1e-40, f32::MAX, f32::MIN_POSITIVE, 16_777_217.0, 1.0 / 3.0];
        let labels = Labels::Values { unit: "mm".into(), of: of.clone() };
        for (row, wanted) in of.iter().enumerate() {
            assert_eq!(value(&labels.text(row)).unwrap().to_bits(), wanted.to_bits());
        }
        for text in ["", "NaN", "inf", "1e39", "1,5", "0x1"] {
            assert!(value(text).unwrap_err().contains("expected a finite number"), "{text}");
        }
        assert_eq!(labels.of_rows(&[2, 0]).values(), [1e-40, 0.1]);
    }

    #[test]
    fn what_is_wrong_is_named_by_its_row() {
        let classes = |of: &[usize]| Labels::classes(vec!["a".into(), "b".into()], of.iter().copied());
        assert_eq!(classes(&[0, 1]).problem(2), None);
        assert_eq!(classes(&[0, 2]).problem(2).unwrap(), "row 1: 2; expected below 2");
        assert_eq!(classes(&[0]).problem(2).unwrap(), "1 entries; expected 2");
        let values = Labels::Values { unit: String::new(), of: vec![0.0, f32::NAN] };
        assert_eq!(values.problem(2).unwrap(), "row 1: NaN; expected a finite number");
    }

    #[test]
    fn store_json_says_classes_or_a_unit() {
        for (space, wanted) in [
            (LabelSpace::Classes(vec!["run".into()]), r#"{"classes":["run"]}"#),
            (LabelSpace::Values { unit: "mm".into() }, r#"{"values":{"unit":"mm"}}"#),
        ] {
            let text = serde_json::to_string(&space).unwrap();
            assert_eq!((text.as_str(), serde_json::from_str::<LabelSpace>(&text).unwrap()), (wanted, space));
        }
    }
}
