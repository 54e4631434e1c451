//! `model.safetensors`: a run's parameters, and in the metadata all that it takes to use them.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::compare::{Column, Compare};
use super::design::Design;
use super::model::Model;
use super::products::UNSAID;
use super::settings::TrainSettings;
use super::task::Standard;
use crate::error::Action;
use crate::manifest::LabelSpace;
use crate::objective::{LayerPart, Layout};
use crate::task::Scale;
use crate::{Error, Result, fs};

/// The metadata's key.
const KEY: &str = "mmdg";
/// Raised whenever the card changes.
const FORMAT: u32 = 3;
/// What stands in the card's text before the hash, which is its last entry.
const BEFORE_DIGEST: &str = "\"digest\":\"";
/// Characters of a hash.
const DIGEST: usize = 64;

/// What stands in the metadata under `mmdg`, as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// 3.
    pub format: u32,
    /// Class names in the order of the outputs, or the unit of values.
    pub labels: LabelSpace,
    /// What values are standardised with: outputs / scale + mean are in their unit.
    pub scale: Scale,
    /// Modalities in order of concatenation, each with the width of its features.
    pub modalities: Vec<(String, usize)>,
    /// Domains trained on.
    pub sources: Vec<String>,
    /// The domain tested on.
    pub target: String,
    /// Method, balancer and its settings.
    pub column: Compare,
    /// [`RunResult::diverged`](crate::report::RunResult): with such weights nothing can be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diverged: Option<usize>,
    /// What of `[train]` [shapes](TrainSettings::shaping) a run.
    settings: serde_json::Value,
    /// Blake3 of the tensors and of this text with zeros in the hash's place, in hex, so that a file copied alone can be checked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    digest: String,
}

impl Card {
    /// The card of one run.
    ///
    /// # Errors
    /// [`Error::Input`] where a setting has no place in JSON.
    pub fn new(
        settings: &TrainSettings,
        column: &Column,
        (labels, scale): (LabelSpace, Scale),
        modalities: Vec<(String, usize)>,
        sources: Vec<String>,
        target: String,
    ) -> Result<Self> {
        let wrong = |error: &dyn std::fmt::Display| Error::input("[train]", error.to_string());
        let mut shaping = settings.shaping()?;
        shaping.entry("products").or_insert_with(|| UNSAID.into());
        let settings = serde_json::to_value(shaping).map_err(|error| wrong(&error))?;
        let own = toml::Value::try_from(&column.hyperparameters).map_err(|error| wrong(&error))?;
        let column = Compare {
            name: column.name.clone(),
            method: Some(column.method.name.into()),
            balance: Some(column.balance.name.into()),
            hyperparameters: own.as_table().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect(),
        };
        Ok(Self {
            format: FORMAT,
            labels,
            scale,
            modalities,
            sources,
            target,
            column,
            diverged: None,
            settings,
            digest: String::new(),
        })
    }
}

/// Writes named tensors of one kind, f32 or f64, with the card, whole or not at all. Equal content is equal bytes.
///
/// # Errors
/// [`Error::Io`].
pub fn write(path: &Path, card: &Card, tensors: &[(String, Tensor)]) -> Result<()> {
    let wrong = |error: &dyn std::fmt::Display| Error::io(Action::Write, path)(std::io::Error::other(error.to_string()));
    let card = Card { digest: "0".repeat(DIGEST), ..card.clone() };
    let text = serde_json::to_string(&card).map_err(|error| wrong(&error))?;
    let bytes: Vec<(Dtype, Vec<u8>)> = tensors.iter().map(|(_, tensor)| bytes(tensor)).collect();
    let mut views = Vec::new();
    for ((name, tensor), (dtype, bytes)) in tensors.iter().zip(&bytes) {
        let shape = tensor.size().into_iter().map(|size| size as usize).collect();
        views.push((name.as_str(), TensorView::new(*dtype, shape, bytes).map_err(|error| wrong(&error))?));
    }
    let digest = digest(&text, views.iter().map(|(name, view)| (*name, view)));
    let text = with_digest(&text, &digest).unwrap_or(text);
    // one key: the crate keeps several in no fixed order
    let about = HashMap::from([(KEY.to_owned(), text)]);
    let file = safetensors::serialize(views, Some(about)).map_err(|error| wrong(&error))?;
    fs::write(path, &file)
}

/// The text of a card with another hash in it, if it has one.
fn with_digest(text: &str, digest: &str) -> Option<String> {
    let place = text.rfind(BEFORE_DIGEST)? + BEFORE_DIGEST.len();
    Some(text[..place].to_owned() + digest + text.get(place + DIGEST..)?)
}

/// The hash of a card's text, which has zeros in its place, and of tensors in the order of their names.
fn digest<'a, 'b: 'a>(text: &str, tensors: impl Iterator<Item = (&'a str, &'a TensorView<'b>)>) -> String {
    let mut tensors: Vec<(&str, &TensorView<'_>)> = tensors.collect();
    tensors.sort_by_key(|(name, _)| *name);
    let mut hasher = blake3::Hasher::new();
    hasher.update(text.as_bytes());
    for (name, view) in tensors {
        hasher.update(format!("\n{name} {} {:?}\n", view.dtype(), view.shape()).as_bytes());
        hasher.update(view.data());
    }
    hasher.finalize().to_hex().to_string()
}

fn bytes(tensor: &Tensor) -> (Dtype, Vec<u8>) {
    let tensor = tensor.to_device(Device::Cpu).contiguous();
    let count = tensor.numel();
    if tensor.kind() == Kind::Double {
        let mut values = vec![0f64; count];
        tensor.view([-1]).copy_data(&mut values, count);
        (Dtype::F64, bytemuck::cast_slice(&values).to_vec())
    } else {
        let mut values = vec![0f32; count];
        tensor.to_kind(Kind::Float).view([-1]).copy_data(&mut values, count);
        (Dtype::F32, bytemuck::cast_slice(&values).to_vec())
    }
}

/// Weights in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Saved {
    path: PathBuf,
    /// Blake3 of the file, in hex.
    pub digest: String,
    card: Option<Card>,
    tensors: BTreeMap<String, (Vec<i64>, Vec<f64>)>,
}

impl Saved {
    /// Reads a file of f32 or f64 tensors.
    ///
    /// # Errors
    /// [`Error::Input`] for what is no safetensors file, for tensors of other types, for a card of another version, and for the
    /// weights of a run that diverged.
    pub fn read(path: &Path) -> Result<Self> {
        let wrong = |problem: String| Error::input(path.display(), problem);
        let bytes = fs::read_named(path, "a model.safetensors")?;
        // one that begins as such a file does, or has lost even that, was damaged
        let begins = bytes.is_empty() || bytes.get(8) == Some(&b'{');
        let not_one = |error| match begins {
            true => Error::integrity(path, format!("{error}; expected a model.safetensors as it was written")),
            false => wrong(format!("{error}; expected a model.safetensors")),
        };
        let file = SafeTensors::deserialize(&bytes).map_err(not_one)?;
        let (_, about) = SafeTensors::read_metadata(&bytes).map_err(not_one)?;
        let text = about.metadata().as_ref().and_then(|about| about.get(KEY));
        let card = text.map(|text| serde_json::from_str::<Card>(text)).transpose();
        let card = card.map_err(|error| wrong(format!("metadata {KEY:?}: {error}")))?;
        if let Some(card) = card.as_ref().filter(|card| card.format != FORMAT) {
            return Err(wrong(format!("metadata {KEY:?} of format {}; expected {FORMAT}", card.format)));
        }
        if let (Some(text), Some(card)) = (text, &card) {
            let views = file.tensors();
            let blank = with_digest(text, &"0".repeat(DIGEST));
            let found = blank.map(|text| digest(&text, views.iter().map(|(name, view)| (name.as_str(), view))));
            if found.as_ref() != Some(&card.digest) {
                return Err(Error::integrity(
                    path,
                    "its hash is not the one that it carries; expected the file as it was written",
                ));
            }
        }
        if let Some(epoch) = card.as_ref().and_then(|card| card.diverged) {
            let problem =
                format!("its run diverged: the loss was not finite in epoch {epoch}; expected the model of another run");
            return Err(wrong(problem));
        }
        let mut tensors = BTreeMap::new();
        for (name, view) in file.tensors() {
            let values: Vec<f64> = match view.dtype() {
                Dtype::F32 => view.data().as_chunks::<4>().0.iter().map(|bytes| f64::from(f32::from_le_bytes(*bytes))).collect(),
                Dtype::F64 => view.data().as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect(),
                other => return Err(wrong(format!("{name} is of type {other}; expected F32 or F64"))),
            };
            if values.iter().any(|value| !value.is_finite()) {
                return Err(wrong(format!(
                    "{name} has numbers that are not finite; expected the model of a run that did not diverge"
                )));
            }
            tensors.insert(name, (view.shape().iter().map(|&size| size as i64).collect(), values));
        }
        Ok(Self { path: path.into(), digest: blake3::hash(&bytes).to_hex().to_string(), card, tensors })
    }

    /// The card.
    ///
    /// # Errors
    /// [`Error::Input`] for a file without one.
    pub fn card(&self) -> Result<&Card> {
        let problem = format!("no metadata {KEY:?}; expected the model.safetensors of a run");
        self.card.as_ref().ok_or_else(|| Error::input(self.path.display(), problem))
    }

    /// The model that the card describes, on the CPU, its arithmetic and its parameters [1, P].
    ///
    /// # Errors
    /// As [`card`](Self::card) and [`put`](Self::put); for settings that this program does not know.
    pub fn model(&self) -> Result<(Model, Kind, Tensor)> {
        let card = self.card()?;
        let at = |error: Error| Error::input(self.path.display(), error.to_string());
        let settings: TrainSettings = serde_json::from_value(card.settings.clone())
            .map_err(|error| Error::input(self.path.display(), format!("metadata {KEY:?}: {error}")))?;
        let column = card.column.resolve().map_err(at)?;
        let kind = settings.precision.kind();
        let design = Design::new(&settings, &column, &card.modalities, &card.labels, card.sources.len()).map_err(at)?;
        let model = Model::new(&design, std::slice::from_ref(&column.hyperparameters), kind, Device::Cpu);
        let mut row = vec![0.0; model.layout.len() as usize];
        self.put(&model.layout, model.layout.entries().len(), &mut row)?;
        Ok((model, kind, Tensor::from_slice(&row).to_kind(kind).unsqueeze(0)))
    }

    /// What a modality's features are standardised with.
    ///
    /// # Errors
    /// [`Error::Input`] where it is not there, or of another width.
    pub fn standard(&self, modality: &str, width: usize) -> Result<Standard> {
        let of = |what: &str| {
            let name = format!("input.{modality}.{what}");
            let found = self.tensors.get(&name).filter(|(shape, _)| *shape == [width as i64]);
            let problem = || format!("no {name} of shape [{width}]; expected the model.safetensors of a run");
            found.map(|(_, values)| values.clone()).ok_or_else(|| Error::input(self.path.display(), problem()))
        };
        Ok(Standard { mean: of("mean")?, scale: of("scale")? })
    }

    /// Puts the weights into a run's row \[P\] of parameters. The layout's first `needed` entries must be there; of the rest those
    /// that are not keep what stands in the row.
    ///
    /// # Errors
    /// [`Error::Input`] that names both sides: for a tensor that the model does not have, one that is not there, other shapes.
    pub fn put(&self, layout: &Layout, needed: usize, row: &mut [f64]) -> Result<()> {
        let wrong = |problem: String| Err(Error::input(self.path.display(), problem));
        let own = self.tensors.keys().filter(|name| !name.starts_with("input."));
        if let Some(name) = own.clone().find(|name| layout.entries().iter().all(|entry| entry.name != **name)) {
            let names: Vec<&str> = layout.entries().iter().map(|entry| entry.name.as_str()).collect();
            return wrong(format!("has {name}, which the model has not; its tensors are {}", names.join(", ")));
        }
        for (place, entry) in layout.entries().iter().enumerate() {
            // linear weights are [out, in] in the file
            let shape: Vec<i64> = entry.shape.iter().rev().copied().collect();
            let shape = if entry.part == LayerPart::Weight { shape } else { entry.shape.clone() };
            let Some((found, values)) = self.tensors.get(&entry.name) else {
                if place >= needed {
                    continue;
                }
                let names: Vec<&str> = own.map(String::as_str).collect();
                return wrong(format!("lacks {}, which the model has; its tensors are {}", entry.name, names.join(", ")));
            };
            if *found != shape {
                let list = |shape: &[i64]| shape.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
                return wrong(format!("{} has shape [{}] there and [{}] in the model", entry.name, list(found), list(&shape)));
            }
            let into = &mut row[entry.offset as usize..][..values.len()];
            match shape[..] {
                [out, inputs] => {
                    for (i, value) in values.iter().enumerate() {
                        let (o, i) = (i as i64 / inputs, i as i64 % inputs);
                        into[(i * out + o) as usize] = *value;
                    }
                }
                _ => into.copy_from_slice(values),
            }
        }
        Ok(())
    }
}
