//! Multimodal domain generalization, from raw recordings to a report.
//!
//! ```text
//! annotations + media ──preprocess──▶ clip store ──extract──▶ feature store ──train──▶ runs ──report──▶ tables, plots
//! ```
//! The modules stand on floors: a module uses its own floor and lower ones, never a higher one.
//! Each native library has one place that names it: FFmpeg in [`media`], HDF5 in `hdf5`, ONNX Runtime in [`backbone`],
//! libtorch in [`balance`], `objective`, `method` and `train`.

// both end the process where nobody reads
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

pub mod allocator;
pub mod error;

// floor 0: the words of the field
#[cfg(any(feature = "media", feature = "torch"))]
pub mod hyperparameters;
pub mod loaded;
pub mod manifest;
pub mod measure;
pub mod modality;
pub mod provenance;
pub mod rng;
pub mod sample;
pub mod source;
pub mod span;
pub mod stop;
pub mod track;

// floor 1: files and arithmetic
pub mod fs;
#[cfg(feature = "hdf5")]
pub mod hdf5;
#[cfg(feature = "exchange")]
pub mod npy;
#[cfg(feature = "media")]
pub mod pickle;
#[cfg(feature = "media")]
pub mod signal;

// floor 2: bytes on disk to samples
#[cfg(feature = "media")]
pub mod media;

// floor 3: recipes, annotations, stores
#[cfg(feature = "media")]
pub mod dataset;
#[cfg(feature = "media")]
pub mod preset;
pub mod store;
pub mod synthetic;

// floor 4: backbones, and how objectives and gradients are combined
#[cfg(feature = "onnx")]
pub mod backbone;
#[cfg(feature = "torch")]
pub mod balance;
#[cfg(feature = "torch")]
pub mod method;
#[cfg(feature = "torch")]
pub mod objective;
#[cfg(feature = "torch")]
pub mod task;

// floor 5: training and its report
#[cfg(any(feature = "cli", feature = "torch"))]
pub mod report;
#[cfg(feature = "torch")]
pub mod train;

// floor 6: the verbs
#[cfg(all(feature = "media", feature = "torch"))]
pub mod benchmark;
#[cfg(feature = "media")]
pub mod config;
#[cfg(feature = "exchange")]
pub mod export;
#[cfg(all(feature = "media", feature = "hdf5", feature = "onnx"))]
pub mod extract;
#[cfg(all(feature = "exchange", feature = "hdf5", feature = "media"))]
pub mod import;
pub mod inspect;
#[cfg(feature = "hdf5")]
pub mod merge;
#[cfg(feature = "media")]
pub mod pipeline;
#[cfg(all(feature = "media", feature = "hdf5"))]
pub mod preprocess;
#[cfg(feature = "media")]
pub mod validate;
pub mod verify;
#[cfg(all(feature = "media", feature = "hdf5"))]
pub mod worker;

// floor 7
#[cfg(feature = "cli")]
pub mod cli;

pub use error::{Error, Result};
