//! How the epoch that is tested is chosen, and with it the configuration of a search.

use serde::{Deserialize, Serialize};

use super::cohort::Epoch;
use crate::task::Task;

/// How the tested epoch, and the configuration of a search, are chosen. Stands in every result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    /// The best first metric (accuracy, of values the mean absolute error) on the sources' validation rows (their test rows where they have none), of equals the later epoch.
    SourceVal,
    /// The last epoch; a search goes by source validation.
    Last,
    /// The best mean of it over inner runs that leave each source out in turn and are judged on all of its training and
    /// validation rows (Gulrajani & Lopez-Paz, ICLR 2021), of equals the later epoch. Asks for at least two sources.
    LeaveOneDomainOut,
    /// The best of it on the target's rows in split val, on the tested rows where it has none: no fair figure, an upper
    /// bound. Of equals the later epoch.
    Oracle,
}

impl Selection {
    /// How a run's own epoch is chosen; by source validation where inner runs have not chosen yet.
    pub(super) fn pick(self) -> Pick {
        match self {
            Self::SourceVal | Self::LeaveOneDomainOut => Pick::Validation,
            Self::Last => Pick::Last,
            Self::Oracle => Pick::Oracle,
        }
    }

    /// The word in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::SourceVal => "source-val",
            Self::Last => "last",
            Self::LeaveOneDomainOut => "leave-one-domain-out",
            Self::Oracle => "oracle",
        }
    }
}

/// How one run's epoch is chosen while it trains.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pick {
    /// The best first metric on the task's validation rows.
    Validation,
    /// The last epoch.
    Last,
    /// The epoch that inner runs chose.
    Chosen(Choice),
    /// The best first metric on the task's oracle rows.
    Oracle,
}

impl Pick {
    /// What an epoch is worth: of the largest, the latest epoch is taken. `oracle` is what the oracle's rows make it worth.
    pub(super) fn score(self, task: &dyn Task, epoch: usize, seen: &Epoch, oracle: f64) -> f64 {
        match self {
            Self::Validation => seen.validation.rank(task),
            Self::Last => 0.0,
            Self::Chosen(choice) => f64::from(u8::from(epoch == choice.epoch)),
            Self::Oracle => oracle,
        }
    }
}

/// An epoch and what it is chosen by: the larger rank, then the smaller loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// The epoch, from 0.
    pub epoch: usize,
    /// The first metric so that a larger number is better, which it is chosen by.
    pub rank: f64,
    /// Loss there.
    pub loss: f64,
}

impl Choice {
    /// The epoch with the best mean rank over `curves` of (rank, loss) by epoch; of equals the later one. An epoch without
    /// a number in each is none.
    pub fn of_mean(curves: &[Vec<(f64, f64)>]) -> Option<Self> {
        let epochs = curves.iter().map(Vec::len).min()?;
        let mean = |epoch: usize, of: fn(&(f64, f64)) -> f64| {
            curves.iter().map(|curve| of(&curve[epoch])).sum::<f64>() / curves.len() as f64
        };
        let mut best: Option<Self> = None;
        for epoch in 0..epochs {
            let rank = mean(epoch, |point| point.0);
            if rank.is_finite() && best.is_none_or(|best| rank >= best.rank) {
                best = Some(Self { epoch, rank, loss: mean(epoch, |point| point.1) });
            }
        }
        best
    }

    /// Whether it is strictly better: the larger rank, of equals the smaller loss. A loss that is not a number loses.
    pub fn beats(&self, other: &Self) -> bool {
        let lower = self.loss < other.loss || other.loss.is_nan() && !self.loss.is_nan();
        self.rank > other.rank || self.rank == other.rank && lower
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_equal_epochs_the_later_and_of_equal_configurations_the_smaller_loss() {
        let curves = [vec![(0.5, 1.0), (0.9, 0.5), (0.4, 0.2)], vec![(0.5, 1.0), (0.1, 3.0), (0.6, 0.4)]];
        let choice = Choice::of_mean(&curves).unwrap();
        assert_eq!((choice.epoch, choice.rank), (2, 0.5));
        let other = Choice { loss: 0.2, ..choice };
        assert!(other.beats(&choice) && !choice.beats(&other) && !choice.beats(&choice));
        assert!(choice.beats(&Choice { loss: f64::NAN, ..choice }) && !Choice { loss: f64::NAN, ..choice }.beats(&choice));
        assert!(Choice::of_mean(&[]).is_none());
        let lost = [curves[0].clone(), vec![(0.5, 1.0), (f64::NAN, f64::NAN)]];
        assert_eq!(Choice::of_mean(&lost).map(|choice| choice.epoch), Some(0));
        assert!(Choice::of_mean(&[vec![(f64::NAN, f64::NAN)]]).is_none());
    }
}
