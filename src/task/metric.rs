use super::judged::Judged;
use crate::manifest::LabelSpace;
use crate::measure::{Measure, Unit};

/// A figure by which runs are judged.
#[derive(Debug)]
pub struct Metric {
    /// The word in files.
    pub name: &'static str,
    /// The words in tables.
    pub title: &'static str,
    /// What it is measured in.
    pub unit: MetricUnit,
    /// Whether a larger one is better.
    pub higher_is_better: bool,
    /// Of these rows, whose answers are all there; none where it has no value.
    pub of: fn(&[&Judged]) -> Option<f64>,
}

/// What a metric is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricUnit {
    /// A share in [0, 1].
    Share,
    /// That of the labels.
    Label,
    /// Nothing.
    None,
}

impl Metric {
    /// As results state it of these labels.
    pub fn measure(&self, labels: &LabelSpace) -> Measure {
        let unit = match (self.unit, labels) {
            (MetricUnit::Share, _) => Unit::Share,
            (MetricUnit::Label, LabelSpace::Values { unit }) if !unit.is_empty() => Unit::Of(unit.clone()),
            _ => Unit::None,
        };
        let (name, title) = (self.name.to_owned(), self.title.to_owned());
        Measure { name, title, unit, higher_is_better: self.higher_is_better }
    }
}
