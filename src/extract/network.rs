//! A backbone, looked up or read from a file, and fitted to the rows of a modality.

use serde_json::{Value, json};

use super::settings::BackboneSettings;
use crate::backbone::BACKBONES;
use crate::backbone::onnx::Backbone;
use crate::backbone::spec::{Norm, Spec};
use crate::store::ModalityHeader;
use crate::{Error, Result, fs};

/// A network ready for the rows of one modality.
pub(super) struct Network {
    pub(super) backbone: Backbone,
    pub(super) norm: Norm,
    /// What the rows are.
    pub(super) clips: ModalityHeader,
    pub(super) name: String,
    pub(super) recipe: Value,
}

/// The network for the modality `name` of `clips`. Everything that cannot fit is found here.
pub(super) fn load(
    name: &str,
    settings: &BackboneSettings,
    clips: &[ModalityHeader],
    batch: usize,
    threads: usize,
) -> Result<Network> {
    let place = format!("[extract.backbones.{name}]");
    let bad = |problem: String| Error::input(&place, problem);
    let clips = clips.iter().find(|modality| modality.name == name).ok_or_else(|| {
        let names: Vec<&str> = clips.iter().map(|modality| modality.name.as_str()).collect();
        bad(format!("no clips of the modality {name:?}; expected one of {}", names.join(", ")))
    })?;
    let (model, mut spec) = match (&settings.backbone, &settings.model) {
        (Some(wanted), None) => {
            let entry = BACKBONES.iter().find(|entry| entry.name == wanted).ok_or_else(|| {
                let names: Vec<&str> = BACKBONES.iter().map(|entry| entry.name).collect();
                bad(format!("backbone {wanted:?}: expected one of {}, or model = a file", names.join(", ")))
            })?;
            (entry.model.to_vec(), (entry.spec)())
        }
        (None, Some(path)) => {
            let end = |end: &Option<String>, key: &str| {
                end.clone().ok_or_else(|| bad(format!("{key} is not set; expected a name in {}", path.display())))
            };
            let spec =
                Spec { input: end(&settings.input, "input")?, output: end(&settings.output, "output")?, norm: Norm::default() };
            (fs::read(path).map_err(|error| bad(error.to_string()))?, spec)
        }
        _ => return Err(bad("expected either backbone = a name or model = a file".into())),
    };
    if let Some(mean) = &settings.mean {
        spec.norm.mean.clone_from(mean);
    }
    if let Some(std) = &settings.std {
        spec.norm.std.clone_from(std);
    }
    let channels = if let [_, _, _, channels] = *clips.shape { channels as usize } else { 1 };
    spec.norm.check(channels).map_err(bad)?;
    let recipe = json!({"model_blake3": blake3::hash(&model).to_hex().as_str(), "spec": &spec});
    let norm = spec.norm.clone();
    let backbone = Backbone::load(&model, spec, &clips.shape, batch, threads, &place)?;
    Ok(Network { backbone, norm, clips: clips.clone(), name: name.to_owned(), recipe })
}
