//! `slowfast` and `slowonly-flow`: runs of frames a fixed stride apart, as the field's mmaction2 backbones take them
//! (`SampleFrames`, `Resize`, `CenterCrop`; training views: `RandomResizedCrop`, `Flip`). What is random is drawn once a view.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::compat::{Compat, Rule};
use super::frames::{Frames, Sampling, Size};
use super::{Preset, Setup, parse};

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Parameters {
    /// Frames of a clip.
    frames: Option<usize>,
    /// From one to the next.
    stride: Option<usize>,
    compat: Option<Compat>,
    resize: Option<u32>,
    crop: Option<u32>,
    views: u32,
    view_crop: Option<u32>,
    view_seed: u64,
}

/// SlowFast 8×8: 32 frames, every second, 224 pixels of 256.
pub(super) fn slowfast(setup: Setup<'_>, parameters: Value) -> Result<Box<dyn Preset>, String> {
    build(setup, parameters, [32, 2], 224)
}

/// SlowOnly 8×8 on flow: 8 frames, every fourth; all 256 pixels in tests, 224 in training views.
pub(super) fn slowonly_flow(setup: Setup<'_>, parameters: Value) -> Result<Box<dyn Preset>, String> {
    build(setup, parameters, [8, 4], 256)
}

fn build(setup: Setup<'_>, parameters: Value, usual: [usize; 2], usual_crop: u32) -> Result<Box<dyn Preset>, String> {
    let mut asked: Parameters = parse(parameters)?;
    let (rule, compat) = Rule::of(asked.compat, setup.dataset, true)?;
    asked.compat = Some(compat);
    let sampling =
        Sampling::Strided { frames: *asked.frames.get_or_insert(usual[0]), stride: *asked.stride.get_or_insert(usual[1]) };
    let size = Size {
        resize: *asked.resize.get_or_insert(256),
        crop: *asked.crop.get_or_insert(usual_crop),
        views: asked.views,
        view_crop: *asked.view_crop.get_or_insert(224),
        view_seed: asked.view_seed,
    };
    Ok(Box::new(Frames::new(setup, sampling, rule, size, json!(asked))?))
}
