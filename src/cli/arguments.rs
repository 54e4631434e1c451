//! What can be asked for.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::importing::{IMPORT, ImportArguments};
#[cfg(feature = "torch")]
use super::models::{EvalArguments, PredictArguments};
use super::pipeline::{DecodingArguments, MakingArguments, PipelineArguments, StoreArguments};
use super::synth::SynthArguments;
#[cfg(feature = "torch")]
use super::training::TrainArguments;
use crate::manifest::Split;

/// Multimodal domain generalization: raw recordings to cached features to balanced heads.
#[derive(Debug, Parser)]
#[command(name = "mmdg", version, after_help = EXIT_CODES)]
pub struct Arguments {
    #[command(subcommand)]
    pub verb: Verb,
}

const EXIT_CODES: &str = "Exit codes: 0 all well; 2 usage; 3 input invalid, nothing done; 4 done, with failures within --max-failures; \
5 more failures than that; 6 environment; 7 integrity; 75 another mmdg is at work there, try again; 130, 143 stopped by a signal.";

const EXPORT: &str = "Rows are in the store's order, values as they are stored, but for Parquet, where f16 becomes f32 and a row that is not there is null. Beside each
modality stand which rows are valid (rows that are not are zeros) and the seconds that they show; frames kept as JPEG are decoded. `mmdg import` reads each of the three.";

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// All that the pipeline file asks for: preprocess, extract, train, report
    Run {
        #[command(flatten)]
        pipeline: StoreArguments,
        /// Exit code of what an earlier program has done of it
        #[arg(long, hide = true, value_name = "CODE")]
        so_far: Option<i32>,
    },
    /// All that is wrong with annotations and media, before any work
    Validate {
        #[command(flatten)]
        pipeline: PipelineArguments,
        #[command(flatten)]
        decoding: DecodingArguments,
        /// Make rows too, as `preprocess` would: of each recording the one that ends last, or with =all every one
        #[arg(long, value_name = "ROWS", num_args = 0..=1, require_equals = true, default_missing_value = "last")]
        decode: Option<Depth>,
    },
    /// Recordings to a clip store
    Preprocess {
        #[command(flatten)]
        pipeline: StoreArguments,
        /// Only tell rows, shards, bytes and about how long it will take, by making a few samples in memory
        #[arg(long)]
        dry_run: bool,
    },
    /// Clips to a feature store
    Extract {
        #[command(flatten)]
        pipeline: StoreArguments,
        #[command(flatten)]
        extract: ExtractArguments,
    },
    /// Features to trained runs
    Train {
        #[command(flatten)]
        pipeline: MakingArguments,
        #[cfg(feature = "torch")]
        #[command(flatten)]
        train: TrainArguments,
    },
    /// Every method with every balancer, beside the columns of the file, on all tasks, seeds and subsets of modalities, and their report
    BenchSuite {
        #[command(flatten)]
        pipeline: MakingArguments,
        #[cfg(feature = "torch")]
        #[command(flatten)]
        train: TrainArguments,
    },
    /// Runs to tables on the terminal, report.html, report.csv and report.tex
    Report(ReportArguments),
    /// What a run's model says of every row of a feature store, to a file
    #[cfg(feature = "torch")]
    Predict(PredictArguments),
    /// How well a run's model does on a feature store, with all modalities or without some
    #[cfg(feature = "torch")]
    Eval(EvalArguments),
    /// What is in a store
    Inspect {
        /// Folder of the store
        store: PathBuf,
        /// As JSON
        #[arg(long)]
        json: bool,
        /// The mean of all values too, for which every one is read
        #[arg(long)]
        mean: bool,
    },
    /// Whether every byte of a store, or of finished runs, is what its records say; names the files and rows that are not
    Verify {
        /// Folder of the store, or of runs
        store: PathBuf,
        /// No progress
        #[arg(short, long)]
        quiet: bool,
    },
    /// Features made elsewhere to a feature store
    #[command(after_help = IMPORT)]
    Import(ImportArguments),
    /// Rows of a store to a file for other programs: .npz, .parquet or .safetensors
    #[command(after_help = EXPORT)]
    Export {
        /// Folder of the store
        store: PathBuf,
        /// File to make
        out: PathBuf,
        /// What to write [default: by the end of the file's name]
        #[arg(long)]
        format: Option<Form>,
        /// Only this modality; may be given several times, as all of these
        #[arg(long = "modality", value_name = "NAME")]
        modalities: Vec<String>,
        /// Only this domain
        #[arg(long = "domain", value_name = "NAME")]
        domains: Vec<String>,
        /// Only this split
        #[arg(long = "split")]
        splits: Vec<SplitWord>,
        /// Take the shards for what their records say, without hashing them
        #[arg(long)]
        trust: bool,
        /// No progress and no summary
        #[arg(short, long)]
        quiet: bool,
    },
    /// Stores made apart into one: the shards of one plan, or the rows of stores made alike
    Merge {
        /// Folder of the store to make
        out: PathBuf,
        /// Folders of stores; those of one plan may lack shards
        #[arg(required = true)]
        stores: Vec<PathBuf>,
        /// Give whole shards a second name in place of copying them; only within one file system
        #[arg(long)]
        link: bool,
        /// No progress and no summary
        #[arg(short, long)]
        quiet: bool,
    },
    /// Render the demo data set, in the layout of Human-Animal-Cartoon
    DemoData {
        /// Folder to make
        folder: PathBuf,
        /// Seed of everything random in it
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Clips of each class in each domain
        #[arg(long, default_value_t = 24)]
        clips_per_class: usize,
    },
    /// Features whose truth is known to a feature store; or whether such features show what they were made to show
    Synth(SynthArguments),
    /// Every method and balancer that a column of a comparison may name, with all that may be set of it, and which go together
    Methods {
        /// One of them alone
        name: Option<String>,
    },
    /// Which native libraries are here, and what mends each gap
    Doctor,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExtractFrom {
    /// The clip store
    Clips,
    /// The recordings
    Media,
}

/// What overrides the `[extract]` table.
#[derive(Debug, Default, Args)]
#[cfg_attr(not(all(feature = "hdf5", feature = "onnx")), allow(dead_code, reason = "this build has no such verb"))]
pub struct ExtractArguments {
    /// Where clips come from [default: what the pipeline file says, as for all of these]
    #[arg(long)]
    pub from: Option<ExtractFrom>,
    /// Where networks run: cpu, cuda or cuda:N
    #[arg(long)]
    pub device: Option<String>,
    /// What computes there: cpu (ONNX Runtime's own kernels), openvino (on the CPU, too) or cuda
    #[arg(long)]
    pub provider: Option<String>,
    /// In what products and convolutions are computed: f32, or bf16 (by openvino alone, on CPUs that have it)
    #[arg(long)]
    pub compute: Option<String>,
    /// Element type of features: f32 or f16
    #[arg(long)]
    pub dtype: Option<String>,
    /// Rows a batch, or auto
    #[arg(long)]
    pub batch_size: Option<String>,
    /// Run the golden pair of each model first; with openvino also tell how near clips are to f32 of ONNX Runtime's own kernels
    #[arg(long)]
    pub check: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// Arrays, for numpy
    Npz,
    /// A table, for pandas, Polars, DuckDB
    Parquet,
    /// Tensors, for PyTorch and others
    Safetensors,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SplitWord {
    Train,
    Val,
    Test,
}

impl From<SplitWord> for Split {
    fn from(word: SplitWord) -> Self {
        match word {
            SplitWord::Train => Self::Train,
            SplitWord::Val => Self::Val,
            SplitWord::Test => Self::Test,
        }
    }
}

#[derive(Debug, Args)]
pub struct ReportArguments {
    /// A pipeline file, or folders of runs
    #[arg(required = true)]
    pub runs: Vec<PathBuf>,
    /// Folder of the report [default: what the pipeline file says; else report]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Override a key of the pipeline file, such as report.out=other
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Only the tables
    #[arg(short, long)]
    pub quiet: bool,
}

/// What `validate --decode` makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Depth {
    /// The row of each recording that ends last
    Last,
    /// Every row
    All,
}

impl From<Depth> for crate::validate::Depth {
    fn from(depth: Depth) -> Self {
        match depth {
            Depth::Last => Self::Last,
            Depth::All => Self::All,
        }
    }
}
