//! What the project promises, a module a promise.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(feature = "torch")]
mod absent;
#[cfg(all(feature = "media", feature = "onnx"))]
mod backbones;
#[cfg(all(feature = "cli", feature = "video", feature = "hdf5"))]
mod bad_input;
#[cfg(feature = "torch")]
mod balancers;
#[cfg(feature = "torch")]
mod clipping;
#[cfg(all(feature = "cli", feature = "video", feature = "hdf5"))]
mod command;
#[cfg(feature = "torch")]
mod comparable;
#[cfg(feature = "video")]
mod damage;
#[cfg(feature = "media")]
mod datasets;
#[cfg(all(feature = "cli", feature = "video", feature = "hdf5", feature = "onnx", feature = "torch"))]
mod demo;
#[cfg(feature = "video")]
mod demo_data;
#[cfg(feature = "torch")]
mod diverged;
#[cfg(feature = "video")]
mod downmix;
mod edges;
mod environment;
#[cfg(all(feature = "exchange", feature = "hdf5", feature = "media"))]
mod exchange;
#[cfg(feature = "torch")]
mod explicit;
#[cfg(all(feature = "cli", feature = "video", feature = "hdf5", feature = "onnx", feature = "torch"))]
mod extraction;
#[cfg(all(feature = "cli", feature = "exchange", feature = "video", feature = "hdf5", feature = "onnx", feature = "torch"))]
mod faults;
#[cfg(all(feature = "cli", feature = "exchange", feature = "hdf5", feature = "onnx"))]
mod feeding;
#[cfg(all(feature = "cli", feature = "video", feature = "hdf5"))]
mod formats;
#[cfg(feature = "media")]
mod fuzz_corpus;
#[cfg(feature = "torch")]
mod gpu;
#[cfg(all(feature = "exchange", feature = "hdf5", feature = "media"))]
mod imports;
#[cfg(all(feature = "cli", feature = "video", feature = "hdf5", feature = "onnx"))]
mod jpeg;
mod kinds;
#[cfg(all(feature = "media", feature = "hdf5"))]
mod large;
mod layering;
#[cfg(all(feature = "video", feature = "hdf5"))]
mod layouts;
#[cfg(feature = "hdf5")]
mod loader;
#[cfg(all(feature = "hdf5", any(feature = "video", all(feature = "exchange", feature = "media"))))]
mod locks;
#[cfg(feature = "hdf5")]
mod merge;
#[cfg(feature = "torch")]
mod methods;
#[cfg(feature = "torch")]
mod models;
#[cfg(feature = "video")]
mod names;
#[cfg(all(feature = "cli", feature = "video", feature = "hdf5", feature = "onnx"))]
mod networks;
#[cfg(all(feature = "cli", feature = "video", feature = "hdf5", feature = "onnx"))]
mod openvino;
#[cfg(feature = "media")]
mod pickles;
#[cfg(feature = "video")]
mod pixels;
#[cfg(all(feature = "cli", feature = "video", feature = "hdf5", feature = "exchange"))]
mod pressure;
#[cfg(feature = "torch")]
mod products;
#[cfg(feature = "torch")]
mod protocol;
#[cfg(all(feature = "cli", feature = "exchange", feature = "video", feature = "hdf5", feature = "onnx", feature = "torch"))]
mod readme;
#[cfg(all(feature = "video", feature = "hdf5", feature = "onnx"))]
mod real_recordings;
#[cfg(feature = "torch")]
mod reference_steps;
#[cfg(feature = "torch")]
mod regression;
#[cfg(any(feature = "cli", feature = "torch"))]
mod report;
#[cfg(all(feature = "cli", feature = "video", feature = "hdf5"))]
mod retries;
#[cfg(all(feature = "exchange", feature = "hdf5", feature = "media"))]
mod round_trip;
#[cfg(feature = "torch")]
mod run_folder;
#[cfg(feature = "torch")]
mod saved;
#[cfg(feature = "media")]
mod shared;
#[cfg(feature = "torch")]
mod signal_steps;
#[cfg(feature = "torch")]
mod signals;
#[path = "../skips.rs"]
mod skips;
#[cfg(feature = "media")]
mod spectrograms;
#[cfg(all(feature = "cli", feature = "video", feature = "hdf5", feature = "onnx", feature = "exchange", feature = "torch"))]
mod startup;
#[cfg(feature = "torch")]
mod steps;
#[cfg(all(feature = "cli", feature = "video", feature = "hdf5"))]
mod stores;
#[cfg(all(feature = "cli", feature = "hdf5", feature = "torch"))]
mod streamed;
#[cfg(all(feature = "cli", feature = "hdf5", feature = "torch"))]
mod suite;
#[cfg(all(feature = "cli", feature = "video", feature = "hdf5", feature = "onnx"))]
mod supervision;
mod synthetic;
#[cfg(all(feature = "torch", feature = "hdf5"))]
mod test_sets;
#[cfg(feature = "torch")]
mod train;
#[cfg(all(feature = "video", feature = "hdf5"))]
mod trees;
#[cfg(all(feature = "cli", feature = "video", feature = "hdf5", feature = "exchange", feature = "torch"))]
mod unseen;
#[cfg(all(feature = "cli", feature = "video", feature = "hdf5"))]
mod validate;
#[cfg(all(feature = "exchange", feature = "hdf5", feature = "media"))]
mod values;
#[cfg(feature = "hdf5")]
mod verify;
#[cfg(all(feature = "cli", feature = "video", feature = "hdf5"))]
mod views;
mod walk;
#[cfg(all(feature = "cli", feature = "video", feature = "hdf5"))]
mod writers;
