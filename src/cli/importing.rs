//! What can be asked of `import`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::{Error, Result};

pub const IMPORT: &str = "A modality comes from
  features.npy           an array [rows, …], rows in the order of the labels, or of --ids
  features.npz           an array named as the modality (or KEY); by `ids` where there is such an array, else in the order of the labels
  features.safetensors   the tensor KEY, likewise; features.parquet: the column KEY of lists, by the column `id`
  features.hdf5          datasets called by id in the group KEY, such as visual_features or audio_features (MTCN), or at the root; the dataset KEY in groups called by
                         id; or the dataset KEY [rows, …], by `ids` beside it
  folder/                at any depth, files <id>_<KEY>.npy, <id>.npy or <id>.npz, or named by the recording's path (video_features)
A row that the files lack is absent: it is listed, and zeros in the store. Labels that are text are names; integers are places in class_names, or without these names themselves.

  mmdg import store --labels labels.csv --modality video=slowfast.npy --modality audio=vggsound.npz:emb --dtype f16
  mmdg import store --labels labels.csv --modality video=mtcn.hdf5:visual_features --reduce mean
  mmdg import store --labels labels.csv --modality text=bert.npy imu=imu.npy
  mmdg import store --labels labels.csv --modality rgb:video=i3d/ --modality flow=i3d/ --axes N,T,D --reduce mean=T";

#[derive(Debug, Args)]
#[cfg_attr(not(all(feature = "exchange", feature = "hdf5")), allow(dead_code, reason = "a build without import refuses it"))]
pub struct ImportArguments {
    /// Folder of the store to make
    out: Option<PathBuf>,
    /// A CSV with the columns id,label,domain and, if you have them, split,path,start,end; or a .npz, .parquet or .safetensors with labels and domains [default: the first modality's file of these]
    #[arg(long)]
    pub labels: Option<PathBuf>,
    /// Modalities of any name, what they show (video, flow, audio or features) [default: the kind that the name begins with, else features], and where they come from
    #[arg(long = "modality", value_name = "NAME[:KIND]=PATH[:KEY]", required = true, num_args = 1..)]
    modalities: Vec<String>,
    /// Labels are numbers in this unit, not classes; "" for none [default: what a file that `mmdg export` wrote says, else classes]
    #[arg(long, value_name = "UNIT")]
    pub values: Option<String>,
    /// Type of the values [default: f16 where all are such, else f32]
    #[arg(long)]
    pub dtype: Option<Float>,
    /// What becomes of the first dimension of rows that have several, such as 10 views or T steps, or of one that --axes names: mean, max, first, mean=T [default: it stays]
    #[arg(long, value_name = "HOW[=AXIS]", value_parser = reduction)]
    pub reduce: Option<Reduction>,
    /// Names of the files' dimensions, such as N,T,D; N are the rows of an array. Files of another number of dimensions are refused
    #[arg(long, value_delimiter = ',')]
    pub axes: Vec<String>,
    /// As what elements of two bytes without a type are read
    #[arg(long)]
    pub element: Option<Opaque>,
    /// The ids of the rows of arrays whose file has none: a .npy, or text with one a line [default: rows are in the order of the labels]
    #[arg(long)]
    pub ids: Option<PathBuf>,
    /// What files and datasets looked up by name are of
    #[arg(long, value_enum, default_value_t = What::Segment)]
    pub features_of: What,
    /// Put up with rows that have no label
    #[arg(long)]
    pub ignore_extra: bool,
    /// Seed of the fifth of each domain's files that is held out where the labels have no split
    #[arg(long, default_value_t = 0)]
    pub split_seed: u64,
    /// Largest shard in MiB [default: 256]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    pub shard_mib: Option<u64>,
    /// No progress and no summary
    #[arg(short, long)]
    pub quiet: bool,
}

impl ImportArguments {
    /// The folder, and what is said of each modality. A folder that stands right behind modalities came in with these.
    ///
    /// # Errors
    /// [`Error::Usage`] where there is no folder.
    #[cfg_attr(not(all(feature = "exchange", feature = "hdf5")), allow(dead_code, reason = "a build without import refuses it"))]
    pub fn places(&self) -> Result<(&Path, &[String])> {
        match (&self.out, self.modalities.split_last()) {
            (Some(out), _) => Ok((out, &self.modalities)),
            (None, Some((out, modalities))) if !out.contains('=') && !modalities.is_empty() => Ok((out.as_ref(), modalities)),
            _ => Err(Error::Usage("OUT is not given; expected the folder of the store to make".into())),
        }
    }
}

/// What becomes of a dimension, and which by name.
pub type Reduction = (How, Option<String>);

fn reduction(text: &str) -> std::result::Result<Reduction, String> {
    let (how, axis) = text.split_once('=').map_or((text, None), |(how, axis)| (how, Some(axis.to_owned())));
    let known = [("mean", How::Mean), ("max", How::Max), ("first", How::First)];
    let how = known.into_iter().find(|(name, _)| *name == how).map(|(_, how)| how);
    how.map(|how| (how, axis)).ok_or_else(|| "expected mean, max or first, and perhaps =AXIS".into())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    Mean,
    Max,
    First,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Float {
    /// Half precision, up to 65504
    #[value(aliases = ["float16", "half", "e", "<f2"])]
    F16,
    /// Single precision
    #[value(aliases = ["float32", "single", "f", "<f4"])]
    F32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Opaque {
    /// The upper halves of single precision, as ml_dtypes and JAX save them
    #[value(alias = "bfloat16")]
    Bf16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// One row
    Segment,
    /// A recording: all its rows have the same features
    Recording,
}
