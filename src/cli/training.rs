//! What overrides the tables `[protocol]` and `[train]`.

use std::path::PathBuf;

use clap::Args;

use crate::balance::BALANCERS;
use crate::config::Pipeline;
use crate::method::METHODS;
use crate::train::{Bytes, Compare, ProtocolKind, Runs, Seeds, Selection, Subset, TrainSettings};

/// Flags of `train` and `bench-suite`; what is not given is as the pipeline file says.
#[derive(Debug, Default, Args)]
pub struct TrainArguments {
    /// multi-source (leave one domain out), single-source (every ordered pair) or in-domain
    #[arg(long, value_name = "KIND", value_parser = word::<ProtocolKind>)]
    pub protocol: Option<ProtocolKind>,
    /// Subsets of the modalities, a column each: first letters (va,vaf), or names (audio, video+audio)
    #[arg(long, value_delimiter = ',', value_name = "SUBSETS")]
    pub modalities: Vec<Subset>,
    /// Domains tested on in turn
    #[arg(long, value_delimiter = ',', value_name = "DOMAINS")]
    pub targets: Vec<String>,
    /// Domains that may be trained on
    #[arg(long, value_delimiter = ',', value_name = "DOMAINS")]
    pub sources: Vec<String>,
    /// One run each; ranges such as 0-4 have both ends
    #[arg(long, value_delimiter = ',')]
    pub seeds: Vec<Seeds>,
    /// How the tested epoch is chosen: source-val, last, leave-one-domain-out, or oracle (by the target: no fair figure)
    #[arg(long, value_name = "RULE", value_parser = word::<Selection>)]
    pub selection: Option<Selection>,
    /// Random configurations tried for each column and task besides the given one
    #[arg(long, value_name = "N")]
    pub search: Option<usize>,
    /// A balancer, in place of [[train.compare]]; may be given several times
    #[arg(long = "balance", value_name = "NAME")]
    pub balancers: Vec<String>,
    /// A method, in place of [[train.compare]]; may be given several times
    #[arg(long = "method", value_name = "NAME")]
    pub methods: Vec<String>,
    /// Where runs train: cpu, cuda or cuda:N
    #[arg(long)]
    pub device: Option<String>,
    /// Memory that runs side by side and the features may take, such as 8GiB
    #[arg(long, value_name = "BYTES")]
    pub max_memory: Option<Bytes>,
    /// A model.safetensors whose weights every run starts from
    #[arg(long, value_name = "FILE")]
    pub init: Option<PathBuf>,
    /// Keep the balancer's figures of each step too, in balance-steps.csv
    #[arg(long)]
    pub trace: bool,
    /// Lay embeddings out in the plane, for the report to draw
    #[arg(long)]
    pub tsne: bool,
    /// Runs side by side at most, or auto: what is fastest here, measured first
    #[arg(long, value_name = "N|auto")]
    pub cohort: Option<Runs>,
    /// Make runs of other settings anew that are finished in the folder of runs, or have a checkpoint there [default: they are refused]
    #[arg(long)]
    pub overwrite: bool,
    /// Steps of each run that are written out whole: rows, masks, parameters, gradients and all that the balancer saw
    #[arg(long, value_name = "N")]
    pub dump_steps: Option<usize>,
}

/// A word of a pipeline file.
fn word<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    T::deserialize(toml::Value::String(text.into())).map_err(|error: toml::de::Error| error.message().to_owned())
}

/// What came of a suite's columns that nobody named.
#[derive(Debug, Default)]
pub struct Suite {
    /// Those that are no pairs.
    pub left_out: Vec<String>,
    /// The others.
    pub unnamed: Vec<String>,
}

impl TrainArguments {
    /// Puts them over what the file says.
    pub fn apply(&self, pipeline: &mut Pipeline) {
        fn put<T: Clone>(over: &mut T, given: &Option<T>) {
            if let Some(given) = given {
                over.clone_from(given);
            }
        }
        fn list<T: Clone>(over: &mut Vec<T>, given: &[T]) {
            if !given.is_empty() {
                *over = given.to_vec();
            }
        }
        let protocol = &mut pipeline.protocol;
        put(&mut protocol.kind, &self.protocol);
        list(&mut protocol.modalities, &self.modalities);
        list(&mut protocol.targets, &self.targets);
        list(&mut protocol.sources, &self.sources);
        list(&mut protocol.seeds, &self.seeds.iter().flat_map(|seeds| seeds.0.iter().copied()).collect::<Vec<_>>());
        put(&mut protocol.selection, &self.selection);
        put(&mut protocol.search, &self.search);
        let Some(train) = &mut pipeline.train else { return };
        train.protocol = protocol.clone();
        put(&mut train.device, &self.device);
        put(&mut train.cohort, &self.cohort);
        put(&mut train.dump_steps, &self.dump_steps);
        train.trace |= self.trace;
        train.tsne |= self.tsne;
        train.overwrite |= self.overwrite;
        if self.init.is_some() {
            train.init.clone_from(&self.init);
        }
        if self.max_memory.is_some() {
            train.max_memory = self.max_memory;
        }
        self.compare(train);
    }

    /// Methods × balancers, where some were named.
    fn compare(&self, train: &mut TrainSettings) {
        if !self.methods.is_empty() || !self.balancers.is_empty() {
            train.compare = Compare::product(&self.methods, &self.balancers);
        }
    }

    /// The same, with the file's own columns first; where none were named, every balancer with `erm` and every method with `none` and `gmp`. Columns
    /// that nobody named and that are [no pair](Compare::is_a_pair) are left out.
    pub fn apply_to_suite(&self, pipeline: &mut Pipeline) -> Suite {
        let own = pipeline.train.as_mut().map(|train| std::mem::take(&mut train.compare)).unwrap_or_default();
        self.apply(pipeline);
        let Some(train) = &mut pipeline.train else { return Suite::default() };
        let or_all = |named: &[String], all: Vec<&str>| {
            if named.is_empty() { all.into_iter().map(String::from).collect() } else { named.to_vec() }
        };
        let methods = or_all(&self.methods, METHODS.iter().map(|method| method.name).collect());
        let balancers = or_all(&self.balancers, BALANCERS.iter().map(|entry| entry.name).collect());
        train.compare = own;
        let named = !self.methods.is_empty() && !self.balancers.is_empty();
        // all with all is hundreds of columns, of which few say more than these
        let some = self.methods.is_empty() && self.balancers.is_empty();
        let is_wanted = |column: &Compare| {
            let is = |word: &Option<String>, names: &[&str]| word.as_deref().is_some_and(|word| names.contains(&word));
            !some || is(&column.method, &["erm"]) || is(&column.balance, &["none", "gmp"])
        };
        let mut suite = Suite::default();
        for column in Compare::product(&methods, &balancers).into_iter().filter(is_wanted) {
            if !named && !column.is_a_pair() {
                suite.left_out.push(column.name);
            } else if train.compare.iter().all(|own| own.name != column.name) {
                suite.unnamed.extend((!named).then(|| column.name.clone()));
                train.compare.push(column);
            }
        }
        suite
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        train: TrainArguments,
    }

    fn parse(line: &str) -> Result<TrainArguments, String> {
        let words = std::iter::once("mmdg").chain(line.split_whitespace());
        Flags::try_parse_from(words).map(|flags| flags.train).map_err(|error| error.to_string())
    }

    #[test]
    fn flags_override_the_file_and_leave_the_rest() {
        let text = "[data]\ndataset = 'table'\ntable = 't.csv'\n[protocol]\nseeds = [7]\ntargets = ['x']\n[train]\nepochs = 3\n\
            [[train.compare]]\nname = 'a'";
        let mut pipeline: Pipeline = toml::from_str(text).unwrap();
        let flags = "--protocol single-source --modalities va,v --selection oracle --search 4 --balance none --balance gmp \
            --max-memory 2GiB --cohort auto --dump-steps 3 --targets y,z";
        parse(flags).unwrap().apply(&mut pipeline);
        let (train, protocol) = (pipeline.train.unwrap(), pipeline.protocol);
        assert_eq!(train.protocol, protocol);
        assert_eq!((protocol.kind, protocol.selection, protocol.search), (ProtocolKind::SingleSource, Selection::Oracle, 4));
        assert_eq!((protocol.seeds, protocol.modalities.len(), protocol.targets), (vec![7], 2, vec!["y".into(), "z".into()]));
        let names: Vec<&str> = train.compare.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!((names, train.epochs, train.cohort), (vec!["none", "gmp"], 3, Runs::Auto));
        assert_eq!((train.max_memory.map(u64::from), train.dump_steps), (Some(2 << 30), 3));
    }

    #[test]
    fn a_suite_has_the_files_columns_and_every_balancer() {
        let text = "[data]\ndataset = 'table'\ntable = 't.csv'\n[train]\n[[train.compare]]\nname = 'mine'\nbalance = 'gmp'";
        let suite = |flags: &str| {
            let mut pipeline: Pipeline = toml::from_str(text).unwrap();
            let Suite { left_out, .. } = parse(flags).unwrap().apply_to_suite(&mut pipeline);
            let train = pipeline.train.unwrap();
            (train.columns().map(|columns| columns.into_iter().map(|column| column.name).collect::<Vec<_>>()), left_out)
        };
        let (all, left_out) = suite("");
        assert_eq!((all.unwrap().len(), left_out.len()), (1 + BALANCERS.len() + 2 * (METHODS.len() - 1), 0));
        let (all, left_out) = suite("--method unimodal --method erm");
        assert_eq!((all.unwrap().len(), left_out), (2 * BALANCERS.len(), vec!["unimodal+gradient-blending".to_owned()]));
        let (some, left_out) = suite("--method erm --balance none --balance adversarial");
        assert_eq!((some.unwrap(), left_out.len()), (["mine", "none", "adversarial"].map(String::from).to_vec(), 0));
        assert!(suite("--method unimodal --balance gradient-blending").0.is_err());
    }

    #[test]
    fn words_that_mean_nothing_are_refused_with_those_that_do() {
        assert_eq!(parse("--seeds 0-2,7").unwrap().seeds.into_iter().flat_map(|seeds| seeds.0).collect::<Vec<_>>(), [0, 1, 2, 7]);
        assert!(parse("--seeds 3-1").unwrap_err().contains("0-4, both ends included"));
        assert!(parse("--protocol both").unwrap_err().contains("single-source"));
        assert!(parse("--selection best").unwrap_err().contains("leave-one-domain-out"));
        assert!(parse("--cohort 0").unwrap_err().contains("auto"));
        assert!(parse("--max-memory lots").unwrap_err().contains("8GiB"));
    }
}
