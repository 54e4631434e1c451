//! Whether an arm shows what it was made to show.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::ThreadPoolBuilder;
use rayon::prelude::*;

use super::figures::Figures;
use crate::report::statistics::Difference;
use crate::stop::Stop;
use crate::synthetic::features::{Arm, Parameters};
use crate::train::{Compare, TrainSettings};
use crate::{Error, Result};

/// One thing that an arm must show, and what was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// The arm.
    pub arm: Arm,
    /// What must hold.
    pub what: String,
    /// The figure, in per cent or points of accuracy.
    pub found: String,
    /// Whether it holds.
    pub holds: bool,
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.holds { "holds" } else { "FAILS" };
        write!(f, "{:<9}  {verdict}  {}: {}", self.arm.name(), self.what, self.found)
    }
}

/// Draws an arm anew from each of the protocol's seeds, trains with the same seed, and measures what the arm must show:
///
/// - the base's accuracy on source validation is from 80 to 97 %: it learns, and something is left to learn;
/// - an oracle, the base trained on the target's own training rows, has at least 90 % of its test rows: the target can be told;
/// - `imbalance`: the slow modality alone is at least 5 points above the base on the target;
/// - `shift`: `adversarial` is above the base on the target, by a paired 95 % t interval over the seeds;
/// - `control`: every column of `settings.compare` is within 1 point of the base on the target.
///
/// The first two hold of means over the seeds, as the third and the last do. The base is the first column of `settings.compare`
/// with the balancer `none`. Runs are kept in `folder`, the compared ones in `folder/<arm>/compared`, and found there again;
/// with `all` they are those of every column in every arm, else only what the conditions are about. `progress` hears how many
/// seeds are done, of how many.
///
/// # Errors
/// [`Parameters::check`]; [`Error::Input`] for settings without these columns, or with one seed; those of [`crate::train::train`].
pub fn check(
    arm: Arm,
    parameters: &Parameters,
    settings: &TrainSettings,
    all: bool,
    folder: &Path,
    stop: &Stop,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Vec<Condition>> {
    parameters.check()?;
    settings.check()?;
    if settings.protocol.seeds.len() < 2 {
        return Err(Error::input("[protocol] seeds", "one; expected at least two, to tell a spread"));
    }
    let compare = columns(arm, settings, all)?;
    let (done, folder) = (AtomicUsize::new(0), folder.join(arm.name()));
    let measure = |&seed: &u64| {
        let figures = Figures::measure(parameters, settings, &compare, seed, &folder, stop)?;
        progress(done.fetch_add(1, Ordering::Relaxed) + 1, settings.protocol.seeds.len());
        Ok(figures)
    };
    let seeds = &settings.protocol.seeds;
    let figures = || seeds.par_iter().map(measure).collect::<Result<Vec<_>>>();
    let figures = match ThreadPoolBuilder::new().num_threads(seeds.len().min(rayon::current_num_threads())).build() {
        Ok(pool) => pool.install(figures)?,
        Err(_) => figures()?,
    };
    Ok(conditions(arm, &compare, &figures))
}

/// The columns to train: the base, then the one that the shift arm is about, then the others that are asked for.
fn columns(arm: Arm, settings: &TrainSettings, all: bool) -> Result<Vec<Compare>> {
    let known = settings.columns()?;
    let balanced = |name: &str| {
        let place = known.iter().position(|column| column.balance.name == name && column.method.name == "erm");
        let column = place.and_then(|place| settings.compare.get(place)).cloned();
        column
            .ok_or_else(|| Error::input("[train] compare", format!("no column with method erm and balance {name}; expected one")))
    };
    let mut columns = vec![balanced("none")?];
    if arm == Arm::Shift {
        columns.push(balanced("adversarial")?);
    }
    if all || arm == Arm::Control {
        let more: Vec<Compare> = settings.compare.iter().filter(|column| !columns.contains(column)).cloned().collect();
        columns.extend(more);
    }
    Ok(columns)
}

fn conditions(arm: Arm, compare: &[Compare], figures: &[Figures]) -> Vec<Condition> {
    let of = |figure: &dyn Fn(&Figures) -> f64| Sample::of(&figures.iter().map(figure).collect::<Vec<_>>());
    let validation = of(&|seed| seed.validation[0]);
    let oracle = of(&|seed| seed.oracle);
    let slow = of(&|seed| seed.slow - seed.target[0]);
    let over_base = |i: usize| of(&|seed| seed.target[i] - seed.target[0]);
    let base = of(&|seed| seed.target[0]);
    let mut all = vec![
        ("the base has 80 to 97 % of source validation", validation.percent(), (80.0..=97.0).contains(&validation.mean)),
        ("an oracle trained on the target has at least 90 % of it", oracle.percent(), oracle.mean >= 90.0),
    ];
    match arm {
        Arm::Imbalance => {
            let found = format!("{}; the base has {}", slow.points(), base.percent());
            all.push(("slow alone is at least 5 points above the base on the target", found, slow.mean >= 5.0));
        }
        Arm::Shift => {
            let gain = over_base(1);
            let found = format!("{}; the base has {}", gain.points(), base.percent());
            all.push(("adversarial is above the base on the target", found, gain.mean - gain.reach > 0.0));
        }
        Arm::Control => {
            let gains: Vec<(&str, Sample)> = (1..compare.len()).map(|i| (compare[i].name.as_str(), over_base(i))).collect();
            let furthest = gains.iter().max_by(|a, b| a.1.mean.abs().total_cmp(&b.1.mean.abs()));
            let found = furthest.map_or_else(String::new, |(name, gain)| format!(", furthest {name}, {}", gain.points()));
            let found = format!("{} of {}{found}", gains.iter().filter(|gain| gain.1.mean.abs() <= 1.0).count(), gains.len());
            let holds = gains.iter().all(|gain| gain.1.mean.abs() <= 1.0);
            all.push(("every method is within 1 point of the base on the target", found, holds));
        }
    }
    all.into_iter().map(|(what, found, holds)| Condition { arm, what: what.into(), found, holds }).collect()
}

/// A figure over seeds.
#[derive(Debug, Clone, Copy)]
struct Sample {
    mean: f64,
    /// Half the width of the 95 % t interval.
    reach: f64,
}

impl Sample {
    fn of(values: &[f64]) -> Self {
        let over_seeds = Difference::of(values);
        let nan = f64::NAN;
        Self {
            mean: over_seeds.map_or(nan, |over| over.summary.mean),
            reach: over_seeds.and_then(|over| over.half).unwrap_or(nan),
        }
    }

    fn percent(self) -> String {
        format!("{:.1} ± {:.1} %", self.mean, self.reach)
    }

    fn points(self) -> String {
        format!("{:+.2} [{:+.2}, {:+.2}]", self.mean, self.mean - self.reach, self.mean + self.reach)
    }
}
