//! Networks that turn a row of a clip store into features.
//!
//! A line of [`BACKBONES`] says how a network is fed and read; its weights come in an ONNX file, which `python/export_backbones.py` writes from published ones.

mod ast;
mod demo;
pub mod device;
pub mod engine;
mod entry;
pub mod files;
pub mod golden;
pub mod layout;
pub mod model;
mod mvit_v2_s;
mod neighbours;
pub mod onnx;
pub mod openvino;
mod proto;
pub mod provider;
mod r2plus1d_18;
pub mod reference;
pub mod runtime;
mod slowfast_r101;
mod slowfast_r50;
mod slowonly_r50_flow;
pub mod spec;
pub mod statement;
mod tensor;
mod version;
mod vggsound_resnet18;
mod videomae_v2_b;

use entry::IMAGENET;
pub use entry::{BackboneEntry, Cut, Output};

/// Every backbone that has a name.
pub static BACKBONES: &[&BackboneEntry] = &[
    &demo::VIDEO,
    &demo::AUDIO,
    &slowfast_r101::ENTRY,
    &slowfast_r50::ENTRY,
    &slowonly_r50_flow::ENTRY,
    &vggsound_resnet18::ENTRY,
    &r2plus1d_18::ENTRY,
    &mvit_v2_s::ENTRY,
    &ast::ENTRY,
    &videomae_v2_b::ENTRY,
];
