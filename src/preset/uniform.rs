//! `uniform`: frames at the middles of equal parts of the segment; training views take a time of each part at random (TSN).

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::compat::{Compat, Rule};
use super::frames::{Frames, Sampling, Size};
use super::{Preset, Setup, parse};

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Parameters {
    /// Frames of a clip.
    frames: usize,
    /// Only by the clock.
    compat: Compat,
    resize: u32,
    crop: u32,
    views: u32,
    view_crop: Option<u32>,
    view_seed: u64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { frames: 16, compat: Compat::Clock, resize: 128, crop: 112, views: 0, view_crop: None, view_seed: 0 }
    }
}

pub(super) fn build(setup: Setup<'_>, parameters: Value) -> Result<Box<dyn Preset>, String> {
    let mut parameters: Parameters = parse(parameters)?;
    if parameters.compat != Compat::Clock {
        return Err("compat = \"simmmdg\": it has no such sampling; expected \"clock\"".into());
    }
    let view_crop = *parameters.view_crop.get_or_insert(parameters.crop);
    let Parameters { frames, resize, crop, views, view_seed, .. } = parameters;
    let size = Size { resize, crop, views, view_crop, view_seed };
    Ok(Box::new(Frames::new(setup, Sampling::Uniform { frames }, Rule::Clock, size, json!(parameters))?))
}
