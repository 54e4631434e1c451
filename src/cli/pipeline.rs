//! What the verbs that follow a pipeline file can be told beside it; each has what it heeds, and no more.

use std::path::PathBuf;

use clap::Args;

use super::failures::MaxFailures;
use crate::Result;
use crate::config::{self, Pipeline};

/// For all of them.
#[derive(Debug, Args)]
pub struct PipelineArguments {
    /// The pipeline file; paths in it are relative to the working directory
    pub pipeline: PathBuf,
    /// Override a key of the file, such as train.epochs=5
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Go on where an earlier run stopped; always so, the flag is for scripts that want to say it
    #[arg(long)]
    pub resume: bool,
    /// No progress and no summaries
    #[arg(short, long)]
    pub quiet: bool,
}

impl PipelineArguments {
    /// What the file says, with what is set over it.
    ///
    /// # Errors
    /// As [`config::read`].
    pub fn open(&self) -> Result<Pipeline> {
        config::read(&self.pipeline, &self.set)
    }
}

/// For those that make something of many parts.
#[derive(Debug, Args)]
pub struct MakingArguments {
    #[command(flatten)]
    pub file: PipelineArguments,
    /// Failed samples, or tasks that the features cannot fill, that are put up with: a number or a share such as 2%
    #[arg(long, default_value = "0", value_name = "N|P%")]
    pub max_failures: MaxFailures,
    /// Take the shards of stores that are read for what their records say, without hashing them
    #[arg(long)]
    pub trust: bool,
}

/// For those that decode.
#[derive(Debug, Args)]
#[cfg_attr(not(feature = "hdf5"), allow(dead_code, reason = "nothing decodes"))]
pub struct DecodingArguments {
    /// Processes that decode at once [default: as many as cores]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub workers: Option<u16>,
    /// Seconds that decoding one sample may take; longer, and it fails
    #[arg(long, default_value_t = 600.0, value_name = "SECONDS", value_parser = seconds)]
    pub timeout_per_item: f64,
}

/// For those that make stores.
#[derive(Debug, Args)]
#[cfg_attr(not(feature = "hdf5"), allow(dead_code, reason = "this build has no such verb"))]
pub struct StoreArguments {
    #[command(flatten)]
    pub making: MakingArguments,
    #[command(flatten)]
    pub decoding: DecodingArguments,
    /// How often samples that failed for a cause outside their recording (a file that is not there, a process that died, a time-out) are tried again at the end
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub retries: u32,
    /// Make samples again that failed in an earlier run, whatever the cause [default: those whose cause lay outside the recording]
    #[arg(long)]
    pub retry_failed: bool,
    /// What becomes of rows whose recordings have changed since they were made [default: refuse]
    #[arg(long, value_enum)]
    pub changed: Option<Changed>,
    /// Seconds after which another process that makes the same store, and of which nothing is seen any more, is taken for gone
    #[arg(long, default_value_t = 60.0, value_name = "SECONDS", value_parser = seconds)]
    pub lease_timeout: f64,
}

fn seconds(text: &str) -> Result<f64, String> {
    let value = text.parse().ok().filter(|value: &f64| (0.001..=1e6).contains(value));
    value.ok_or_else(|| "expected seconds, 0.001 to 1000000".into())
}

/// What becomes of rows whose recordings have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Changed {
    /// Nothing is done, and the recordings are named
    Refuse,
    /// They are made anew
    Remake,
    /// They stay as they are
    Ignore,
}

#[cfg(feature = "hdf5")]
impl From<Changed> for crate::pipeline::Changed {
    fn from(changed: Changed) -> Self {
        match changed {
            Changed::Refuse => Self::Refuse,
            Changed::Remake => Self::Remake,
            Changed::Ignore => Self::Ignore,
        }
    }
}
