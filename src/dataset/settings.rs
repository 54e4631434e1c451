//! The `[data]` table of a pipeline file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::manifest::{Split, TestSet};

/// The `[data]` table. Which keys a data set knows stands in its line of [`DATASETS`](super::DATASETS); others are refused.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DatasetSettings {
    /// A name in [`DATASETS`](super::DATASETS).
    pub dataset: String,
    /// Folder that the data set's own layout, or the table's relative paths, start from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<PathBuf>,
    /// `epic-kitchens`: the folder of MM-SADA's splits, or tables of EPIC-55, EPIC-100 or MultiOOD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Annotations>,
    /// The table, for `table`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<PathBuf>,
    /// Class names in the order of their labels; default: those that occur.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<String>>,
    /// `table`: labels are values in this unit (`""` for none), not classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<String>,
    /// Domains to use, in this order; default: those that occur.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domains: Option<Vec<String>>,
    /// Seed of the 20 % of files held out for validation, for tables without a `split`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub split_seed: u64,
    /// Rows of the target domain that are tested, unless `[train]` says otherwise; kept in the store's recipe. Default: `target-test` for
    /// `hac` and MM-SADA's splits; for tables nothing is said here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_set: Option<TestSet>,

    /// `epic-kitchens`: the column that tells the domain, or `file` for the name of the annotation file without its ending. Default:
    /// MM-SADA's D1, D2 and D3, else `participant_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// `epic-kitchens`: the domain of each value of that column; rows of other values are left out. Default: the values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain_map: Option<BTreeMap<String, String>>,
    /// `epic-kitchens`: the column that tells the class. Default `verb_class`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// `epic-kitchens`: the class of each value of that column; rows of other values are left out. `"mm-sada"` stands for its eight verbs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_map: Option<ClassMap>,
    /// `epic-kitchens`: the release's own table of verb or noun classes, which names the numbers. Default: a number has the name of
    /// its most frequent verb or noun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_table: Option<PathBuf>,
    /// `epic-kitchens`: which media to use. Default: the first found of videos, extracted frames and pre-cut clips.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<MediaForm>,
    /// `epic-kitchens`: an HDF5 file of waveforms by video, or a folder of wav files. Default: a wav beside the video or the
    /// folder of frames, else the video's own sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio: Option<PathBuf>,
    /// `epic-kitchens`: samples a second of that HDF5 file, which does not say. Default 24000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_rate: Option<u32>,
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}

/// Annotation files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a path, a list of paths, or a table of paths by split (train, val, test)")]
pub enum Annotations {
    /// A folder or a file.
    One(PathBuf),
    /// Files.
    Many(Vec<PathBuf>),
    /// Files by split.
    BySplit(BTreeMap<Split, Files>),
}

/// A file, or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a path or a list of paths")]
pub enum Files {
    /// One.
    One(PathBuf),
    /// Several.
    Many(Vec<PathBuf>),
}

impl Files {
    /// All of them.
    pub fn paths(&self) -> &[PathBuf] {
        match self {
            Self::One(path) => std::slice::from_ref(path),
            Self::Many(paths) => paths,
        }
    }
}

/// Which values are which class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a table of class names by value, or \"mm-sada\"")]
pub enum ClassMap {
    /// By name: only `mm-sada`.
    Named(String),
    /// Class by value.
    Values(BTreeMap<String, String>),
}

/// Forms in which EPIC-Kitchens lies on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MediaForm {
    /// Whole videos.
    Videos,
    /// Extracted frames, in folders or tars.
    Frames,
    /// A file for each segment, cut out beforehand.
    Clips,
}
