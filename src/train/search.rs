//! Random search: which configurations are tried, and what came of them.

use std::collections::BTreeSet;

use super::compare::Column;
use super::protocol::Protocol;
use super::settings::TrainSettings;
use crate::hyperparameters::Setting;
use crate::rng::Stream;
use crate::{Error, Result};

const LEARNING_RATE: &str = "learning-rate";
const WEIGHT_DECAY: &str = "weight-decay";

/// A column with the numbers that a random search draws.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// Its number in the search, 0 the given one; none where nothing is searched.
    pub index: Option<usize>,
    /// Learning rate.
    pub learning_rate: f64,
    /// Weight decay.
    pub weight_decay: f64,
    /// What is compared.
    pub column: Column,
}

/// The given configuration, and `search` random ones. A number depends on the first seed, its key and the configuration's
/// number alone, so columns and tasks try the same learning rates.
pub fn configurations(settings: &TrainSettings, asked: &Column) -> Vec<Configuration> {
    let protocol = &settings.protocol;
    let given = Configuration {
        index: (protocol.search > 0).then_some(0),
        learning_rate: settings.learning_rate,
        weight_decay: settings.weight_decay,
        column: asked.clone(),
    };
    let stream = Stream::new(protocol.seeds.first().copied().unwrap_or(0)).with("search");
    let drawn = |i: usize| {
        let uniform = |key: &str| f64::from(stream.with(key).at(i as u32).uniform(0));
        let draw = |key: &str, stated: [f64; 2], logarithmic: bool| {
            let [least, most] = protocol.ranges.get(key).copied().unwrap_or(stated);
            match logarithmic && least > 0.0 {
                true => least * (most / least).powf(uniform(key)),
                false => least + (most - least) * uniform(key),
            }
        };
        let mut column = asked.clone();
        let taken = |setting: &&Setting| asked.hyperparameters.numbers().contains_key(setting.name);
        for setting in asked.takes().filter(taken) {
            if let Some(stated) = setting.search() {
                column.hyperparameters = column.hyperparameters.with(setting.name, draw(setting.name, stated, false));
            }
        }
        Configuration {
            index: Some(i),
            learning_rate: draw(LEARNING_RATE, [settings.learning_rate / 10.0, settings.learning_rate * 10.0], true),
            weight_decay: draw(WEIGHT_DECAY, [1e-6, 1e-2], true),
            column,
        }
    };
    std::iter::once(given.clone()).chain((1..=protocol.search).map(drawn)).collect()
}

/// The seed that a configuration is tried with: none of those that results are made with.
pub fn seed(protocol: &Protocol, configuration: usize) -> u64 {
    let first = protocol.seeds.first().copied().unwrap_or(0);
    // TOML's whole numbers have 63 bits
    let mut seed = Stream::new(first).with("search seed").wide_bits(configuration as u32) >> 1;
    while protocol.seeds.contains(&seed) {
        seed += 1;
    }
    seed
}

/// That every range is of something that some column has and within what it may be.
///
/// # Errors
/// [`Error::Input`] naming the key and what there is.
pub fn check(protocol: &Protocol, columns: &[Column]) -> Result<()> {
    let numbers = columns.iter().flat_map(|column| column.hyperparameters.numbers().keys().copied());
    let known: BTreeSet<&str> = numbers.chain([LEARNING_RATE, WEIGHT_DECAY]).collect();
    for (key, range) in &protocol.ranges {
        let input = format!("[protocol] ranges: {key} = [{}, {}]", range[0], range[1]);
        if !known.contains(key.as_str()) {
            let known: Vec<&str> = known.into_iter().collect();
            return Err(Error::input(input, format!("nothing to search by that name; expected some of {}", known.join(", "))));
        }
        let bounds = columns.iter().flat_map(Column::takes).filter(|setting| setting.name == key);
        let own = match key.as_str() {
            LEARNING_RATE => Some((f64::MIN_POSITIVE, f64::INFINITY)),
            WEIGHT_DECAY => Some((0.0, f64::INFINITY)),
            _ => None,
        };
        for (least, most) in bounds.filter_map(Setting::bounds).chain(own) {
            if range[0] < least || range[1] > most {
                return Err(Error::input(input, format!("expected a range within {least} and {most}")));
            }
        }
    }
    Ok(())
}
