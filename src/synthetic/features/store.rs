use std::path::Path;

use super::{Arm, Draw, Linear, MODALITIES, Parameters};
use crate::Result;
use crate::manifest::Manifest;
use crate::modality::Kind;
use crate::sample::{Data, Dtype, Row};
use crate::stop::Stop;
use crate::store::{self, ModalityHeader, Plan};

/// Writes a feature store, f32. Its recipe has every parameter and says that nothing in it was ever recorded; `arm` names
/// what the parameters started from.
///
/// # Errors
/// [`Parameters::check`], [`Draw::manifest`], [`store::write`].
pub fn write(folder: &Path, arm: Arm, parameters: &Parameters, stop: &Stop) -> Result<store::writer::Summary> {
    let draw = Draw::new(parameters)?;
    let about = serde_json::json!({"arm": arm.name(), "parameters": parameters});
    put(folder, draw.manifest()?, parameters.widths(), about, stop, |m, row| draw.row(m, row))
}

/// The same of values in `unit` that are linear in the features.
///
/// # Errors
/// [`Linear::check`], [`store::write`].
pub fn write_values(folder: &Path, linear: &Linear, unit: &str, stop: &Stop) -> Result<store::writer::Summary> {
    let about = serde_json::json!({"linear": linear});
    put(folder, linear.manifest(unit)?, [linear.width; 2], about, stop, |m, row| linear.row(m, row))
}

fn put(
    folder: &Path,
    manifest: Manifest,
    widths: [usize; 2],
    about: serde_json::Value,
    stop: &Stop,
    row: impl Fn(usize, usize) -> Vec<f32> + Send + Sync,
) -> Result<store::writer::Summary> {
    let kinds = [Kind::VIDEO, Kind::AUDIO];
    let header = |m: usize| ModalityHeader::features(MODALITIES[m], kinds[m], Dtype::F32, widths[m] as u64);
    let mut recipe = serde_json::json!({
        "synthetic": "features drawn from known parameters (mmdg synth); nothing in them was recorded",
        "generator": 1,
    });
    if let (Some(recipe), serde_json::Value::Object(about)) = (recipe.as_object_mut(), about) {
        recipe.extend(about);
    }
    let plan = Plan { holds: "features", manifest, modalities: vec![header(0), header(1)], recipe, shard_bytes: None };
    store::write(folder, &plan, stop, |m, place| Ok(Row::new(Data::F32(row(m, place as usize)), "mmdg synth")))
}
