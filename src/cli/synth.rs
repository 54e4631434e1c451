//! `synth`: features whose truth is known, and whether they show what they were made to show.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

#[cfg(any(feature = "hdf5", feature = "torch"))]
use super::world::{WELL, tell};
use crate::Result;
use crate::stop::Stop;
#[cfg(feature = "hdf5")]
use crate::synthetic::features;
use crate::synthetic::features::{Arm, Linear, Parameters};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Word {
    /// The quick cue belongs to its domain, the slow one holds everywhere
    Imbalance,
    /// Sources of unlike priors, told apart by a direction along which the target lies further out
    Shift,
    /// No domain differs from another
    Control,
}

#[derive(Debug, Args)]
#[cfg_attr(not(feature = "torch"), allow(dead_code, reason = "nothing is checked"))]
pub struct SynthArguments {
    /// Folder of the store to make; with --check, of runs to keep, of every column of pipelines/synth.toml in every arm [default there: none is kept, and only those are made that a condition is about]
    #[arg(required_unless_present = "check")]
    out: Option<PathBuf>,
    /// Parameters to start from [default: imbalance; with --check, every arm]
    #[arg(long)]
    arm: Option<Word>,
    /// Values in this unit, linear in the features, in place of classes; "" for none. Takes --rows and --seed
    #[arg(long, value_name = "UNIT", conflicts_with_all = ["check", "arm", "h", "a", "s", "b", "kappa", "c", "c_slow", "classes", "cue_width", "code_width", "shift_width"])]
    values: Option<String>,
    /// Seed of everything random in the store
    #[arg(long, default_value_t = 0, conflicts_with = "check")]
    seed: u64,
    /// Train, and print what makes each arm valid; exit code 5 where something does not hold
    #[arg(long)]
    check: bool,
    /// Seeds that --check draws features and trains with: how many, from 0 on, or ranges and lists such as 0-4,7
    #[arg(long, default_value = "10", value_name = "N|SEEDS", requires = "check")]
    seeds: Drawn,
    /// Override a key of pipelines/synth.toml, which --check trains with, such as train.optimizer=sgd
    #[arg(long = "set", value_name = "KEY=VALUE", requires = "check")]
    set: Vec<String>,
    #[command(flatten)]
    overrides: Overrides,
    /// No progress and no summary
    #[arg(short, long)]
    quiet: bool,
}

/// At least two seeds.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "torch"), allow(dead_code, reason = "nothing is checked"))]
struct Drawn(Vec<u64>);

impl std::str::FromStr for Drawn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let seeds = match text.parse::<u64>() {
            Ok(count) => (0..count.min(1001)).collect(),
            Err(_) => crate::rng::seeds(text)?,
        };
        let twice = seeds.iter().enumerate().any(|(i, seed)| seeds[..i.min(1001)].contains(seed));
        match seeds.len() {
            2..=1000 if !twice => Ok(Self(seeds)),
            _ => Err(format!("\"{text}\"; expected 2 to 1000 seeds, each once")),
        }
    }
}

/// What replaces a parameter of the arm.
#[derive(Debug, Args)]
struct Overrides {
    /// Share of the quick cue that is bound to a domain, 0 to 1
    #[arg(long)]
    h: Option<f64>,
    /// Size of the quick cue, in standard deviations of the noise
    #[arg(long)]
    a: Option<f64>,
    /// Size of the stable cue beside it
    #[arg(long)]
    s: Option<f64>,
    /// Size of each element of the slow cue
    #[arg(long)]
    b: Option<f64>,
    /// How unlike each other the sources' class priors are
    #[arg(long)]
    kappa: Option<f64>,
    /// Shift of quick from domain to domain
    #[arg(long)]
    c: Option<f64>,
    /// Shift of slow
    #[arg(long)]
    c_slow: Option<f64>,
    /// Number of classes
    #[arg(long)]
    classes: Option<usize>,
    /// Rows of each domain
    #[arg(long)]
    rows: Option<usize>,
    /// Width of each of the quick modality's cues
    #[arg(long)]
    cue_width: Option<usize>,
    /// Width of the slow cue's codes, a power of two
    #[arg(long)]
    code_width: Option<usize>,
    /// Width of the shifts
    #[arg(long)]
    shift_width: Option<usize>,
}

impl SynthArguments {
    /// Where a store is to be; none where something is to be checked.
    pub fn to_write(&self) -> Option<&Path> {
        self.out.as_deref().filter(|_| !self.check)
    }

    fn parameters(&self, arm: Arm) -> Parameters {
        let (o, p) = (&self.overrides, arm.parameters());
        Parameters {
            seed: self.seed,
            h: o.h.unwrap_or(p.h),
            a: o.a.unwrap_or(p.a),
            s: o.s.unwrap_or(p.s),
            b: o.b.unwrap_or(p.b),
            kappa: o.kappa.unwrap_or(p.kappa),
            c: o.c.unwrap_or(p.c),
            c_slow: o.c_slow.unwrap_or(p.c_slow),
            classes: o.classes.unwrap_or(p.classes),
            rows: o.rows.unwrap_or(p.rows),
            cue_width: o.cue_width.unwrap_or(p.cue_width),
            code_width: o.code_width.unwrap_or(p.code_width),
            shift_width: o.shift_width.unwrap_or(p.shift_width),
        }
    }

    fn linear(&self) -> Linear {
        let linear = Linear { seed: self.seed, ..Linear::default() };
        Linear { rows: self.overrides.rows.unwrap_or(linear.rows), ..linear }
    }

    fn arm(&self) -> Option<Arm> {
        self.arm.map(|word| match word {
            Word::Imbalance => Arm::Imbalance,
            Word::Shift => Arm::Shift,
            Word::Control => Arm::Control,
        })
    }
}

#[cfg(feature = "hdf5")]
pub fn write(arguments: &SynthArguments, out: &Path, stop: &Stop) -> Result<i32> {
    let arm = arguments.arm().unwrap_or(Arm::Imbalance);
    let summary = match &arguments.values {
        None => features::write(out, arm, &arguments.parameters(arm), stop)?,
        Some(unit) => features::write_values(out, &arguments.linear(), unit, stop)?,
    };
    if !arguments.quiet {
        tell(format_args!("synth: {} samples in {}", summary.samples, out.display()));
    }
    Ok(WELL)
}

#[cfg(not(feature = "hdf5"))]
pub fn write(arguments: &SynthArguments, _: &Path, _: &Stop) -> Result<i32> {
    match arguments.values {
        None => arguments.parameters(arguments.arm().unwrap_or(Arm::Imbalance)).check()?,
        Some(_) => arguments.linear().check()?,
    }
    Err(super::world::not_built("synth OUT", "hdf5"))
}

/// Trains, and tells what holds.
#[cfg(feature = "torch")]
pub fn check(arguments: &SynthArguments, stop: &Stop) -> Result<i32> {
    use crate::benchmark::{PIPELINE, check};
    use crate::{Error, config};
    /// Exit code where more does not hold than may.
    const NOT_VALID: i32 = 5;
    let name = Path::new("pipelines/synth.toml");
    let pipeline = config::parse(PIPELINE, name, &arguments.set)?;
    let mut settings = config::table(&pipeline.train, "train", name)?.clone();
    settings.protocol.seeds.clone_from(&arguments.seeds.0);
    let temporary = tempfile::tempdir().map_err(Error::io(crate::error::Action::Make, &std::env::temp_dir()))?;
    let (folder, all) = (arguments.out.as_deref().unwrap_or(temporary.path()), arguments.out.is_some());
    let arms = arguments.arm().map_or_else(|| Arm::ALL.to_vec(), |arm| vec![arm]);
    let mut valid = true;
    for arm in arms {
        let bar = super::progress::Bar::new("synth", "seeds", arguments.quiet);
        let found = check(arm, &arguments.parameters(arm), &settings, all, folder, stop, &|done, total| bar.show(done, total))?;
        bar.finish(arm.name());
        for condition in found {
            valid &= condition.holds;
            super::world::show(format_args!("{condition}\n"))?;
        }
    }
    Ok(if valid { WELL } else { NOT_VALID })
}
