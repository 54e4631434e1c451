//! By which figures runs are judged, as their results state it.

use serde::{Deserialize, Serialize};

/// A figure by which runs are judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// The word in files.
    pub name: String,
    /// The words in tables.
    pub title: String,
    /// What it is measured in.
    pub unit: Unit,
    /// Whether a larger one is better.
    pub higher_is_better: bool,
}

/// What a figure is measured in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// A share in [0, 1], which is shown in per cent.
    Share,
    /// This unit.
    Of(String),
    /// Nothing.
    None,
}

impl Measure {
    /// What is chosen as the best is the largest figure times this, 1 or −1.
    pub fn sign(&self) -> f64 {
        if self.higher_is_better { 1.0 } else { -1.0 }
    }

    /// A figure as it is shown, in the unit that is shown with it.
    pub fn shown(&self, figure: f64) -> f64 {
        if self.unit == Unit::Share { 100.0 * figure } else { figure }
    }

    /// The title with the unit and, where less is better, that: `accuracy, %`, `MAE, mm (lower is better)`.
    pub fn heading(&self) -> String {
        let lower = if self.higher_is_better { "" } else { " (lower is better)" };
        format!("{}{lower}", self.axis())
    }

    /// The title with the unit.
    pub fn axis(&self) -> String {
        match &self.unit {
            Unit::Share => format!("{}, %", self.title),
            Unit::Of(unit) => format!("{}, {unit}", self.title),
            Unit::None => self.title.clone(),
        }
    }

    /// What a difference of two is measured in: `points`, the unit, or nothing.
    pub fn points(&self) -> Option<&str> {
        match &self.unit {
            Unit::Share => Some("points"),
            Unit::Of(unit) => Some(unit),
            Unit::None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_tell_unit_and_direction() {
        let measure = |title: &str, unit, higher_is_better| Measure {
            name: title.to_lowercase(),
            title: title.into(),
            unit,
            higher_is_better,
        };
        let [share, of, none] = [
            measure("accuracy", Unit::Share, true),
            measure("MAE", Unit::Of("mm".into()), false),
            measure("r", Unit::None, true),
        ];
        assert_eq!([&share, &of, &none].map(Measure::heading), ["accuracy, %", "MAE, mm (lower is better)", "r"]);
        assert_eq!([share.shown(0.25), of.shown(0.25), of.sign()], [25.0, 0.25, -1.0]);
        assert_eq!([share.points(), of.points(), none.points()], [Some("points"), Some("mm"), None]);
        assert_eq!(serde_json::to_string(&of.unit).unwrap(), r#"{"of":"mm"}"#);
    }
}
