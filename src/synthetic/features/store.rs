use std::path::Path;

use super::{Arm, Draw, MODALITIES, Parameters};
use crate::Result;
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
    let kinds = [Kind::Video, Kind::Audio];
    let widths = parameters.widths();
    let header = |m: usize| ModalityHeader::features(MODALITIES[m], kinds[m], Dtype::F32, widths[m] as u64);
    let recipe = serde_json::json!({
        "synthetic": "features drawn from known parameters (mmdg synth); nothing in them was recorded",
        "generator": 1,
        "arm": arm.name(),
        "parameters": parameters,
    });
    let plan =
        Plan { holds: "features", manifest: draw.manifest()?, modalities: vec![header(0), header(1)], recipe, shard_bytes: None };
    store::write(folder, &plan, stop, |m, row| Ok(Row::new(Data::F32(draw.row(m, row as usize)), "mmdg synth")))
}
