//! A backbone, looked up or read from a file, and fitted to the rows of a modality.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use serde_json::{Value, json};

use super::settings::{BackboneSettings, Batch, ExtractSettings};
use crate::backbone::engine::Engine;
use crate::backbone::files::Files;
use crate::backbone::model::LARGEST;
use crate::backbone::onnx::{Backbone, Loaded, Place};
use crate::backbone::reference::Agreement;
use crate::backbone::spec::{Norm, Spec};
use crate::backbone::statement::{Statement, agree, fits, near, same};
use crate::backbone::{BACKBONES, BackboneEntry, golden};
use crate::error::Action;
use crate::modality::check_name;
use crate::store::ModalityHeader;
use crate::{Error, Result, fs};

/// A network ready for the rows of one modality.
pub(super) struct Network {
    /// One for each run at once, until the [runners](super::unit::runners) have them.
    pub(super) backbones: Vec<Backbone>,
    /// Rows that are run at once.
    pub(super) batch: u64,
    pub(super) norm: Norm,
    /// What the rows are: a place in the list of the clips' modalities.
    pub(super) clips: usize,
    /// What comes out, as the store keeps it.
    pub(super) features: Vec<ModalityHeader>,
    pub(super) recipe: Value,
    /// Where a check was asked for, and others than ONNX Runtime's own kernels compute.
    pub(super) compared: Option<Mutex<Compared>>,
}

/// Rows that are run twice, for a check.
pub(super) struct Compared {
    /// What computes with ONNX Runtime's own kernels.
    pub(super) reference: Backbone,
    pub(super) agreement: Agreement,
}

/// What clips there are: their modalities, and the part of their recipe that tells the preset of each.
pub(super) struct Clips<'a> {
    pub(super) headers: &'a [ModalityHeader],
    pub(super) recipe: &'a Value,
}

/// The network of the table `name`, `runs` times. Everything that cannot fit is found here; where it is asked for, a golden pair that the network does not reproduce too.
pub(super) fn load(
    name: &str,
    all: &ExtractSettings,
    clips: &Clips<'_>,
    engine: Engine,
    [threads, runs]: [usize; 2],
) -> Result<Network> {
    let settings = &all.backbones[name];
    let place = format!("[extract.backbones.{name}]");
    let bad = |problem: String| Error::input(&place, problem);
    check_name(name, &place)?;
    let modality = settings.modality.as_deref().unwrap_or(name);
    let seen = clips.headers.iter().position(|header| header.name == modality).ok_or_else(|| {
        let names: Vec<&str> = clips.headers.iter().map(|header| header.name.as_str()).collect();
        bad(format!("no clips of the modality {modality:?}; expected one of {}", names.join(", ")))
    })?;
    let header = &clips.headers[seen];
    let entry = settings.backbone.as_deref().map(entry).transpose().map_err(bad)?;
    let model = bytes(settings, entry).map_err(bad)?;
    let file = settings.model.as_deref().map_or_else(|| place.clone(), |path| path.display().to_string());
    let folder = settings.model.as_deref().map(|path| path.parent().unwrap_or(Path::new("")));
    let files = Files::of(model, folder).map_err(|problem| Error::input(&file, problem))?;
    let said = said(settings, entry, &files.said.metadata, &file, &place)?;
    let spec = spec(settings, entry, &said, clips, header).map_err(bad)?;
    let batch = if let Batch::Rows(rows) = all.batch_size { Some(rows) } else { None };
    let how = Place { engine, threads, batch };
    let Loaded { mut backbones, reference } = Backbone::load(&files, spec.clone(), header, how, runs, &place)?;
    let Some(first) = backbones.first_mut() else { return Err(bad("no run; expected at least one".into())) };
    let expected = |output: &String| said.iter().find_map(|statement| Some((&statement.who, statement.outputs.get(output)?)));
    for (output, shape) in spec.outputs.iter().zip(first.shapes()) {
        if let Some((who, expected)) = expected(output)
            && !fits(expected, shape)
        {
            return Err(bad(format!("output {output:?} has rows of {shape:?}; {who} says {expected:?}")));
        }
    }
    if let (true, Some(path)) = (all.check, &settings.model) {
        golden::check(first, &golden::path(path), engine.compute)?;
    }
    let features = features(name, &spec.outputs, first.shapes(), header, all).map_err(bad)?;
    let (model, beside) = files.hashes();
    let mut recipe = json!({
        "model_blake3": model,
        "backbone": said.iter().find_map(|statement| statement.backbone.as_ref()),
        "weights": said.iter().find_map(|statement| statement.weights.as_ref()),
        "modality": modality,
        "spec": &spec,
        "batch-size": first.batch(),
    });
    if !beside.is_empty() {
        recipe["beside_blake3"] = json!(beside);
    }
    let batch = first.batch() as u64;
    let compared = |reference| Mutex::new(Compared { reference, agreement: Agreement::default() });
    let compared = reference.filter(|_| all.check).map(compared);
    Ok(Network { backbones, batch, norm: spec.norm, clips: seen, features, recipe, compared })
}

fn entry(name: &str) -> Result<&'static BackboneEntry, String> {
    BACKBONES.iter().copied().find(|entry| entry.name == name).ok_or_else(|| {
        let names: Vec<&str> = BACKBONES.iter().map(|entry| entry.name).collect();
        format!("backbone {name:?}: expected one of {}, or model = a file", names.join(", "))
    })
}

fn bytes(settings: &BackboneSettings, entry: Option<&BackboneEntry>) -> Result<Vec<u8>, String> {
    match (&settings.model, entry) {
        (Some(path), _) => read(path).map_err(|error| error.to_string()),
        (None, Some(BackboneEntry { model: Some(model), .. })) => Ok(model.to_vec()),
        (None, Some(BackboneEntry { name, weights, .. })) => Err(format!(
            "backbone {name:?} is not built in; expected model = an ONNX file that python/export_backbones.py made of its weights ({weights})"
        )),
        (None, None) => Err("expected backbone = a name, model = a file, or both".into()),
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let length = std::fs::metadata(path).map_err(Error::io(Action::Read, path))?.len();
    if length >= LARGEST {
        return Err(Error::input(path.display(), format!("{length} bytes; expected a model of less than 2 GiB")));
    }
    fs::read(path)
}

/// What each of those who know the network says of it.
fn said(
    settings: &BackboneSettings,
    entry: Option<&BackboneEntry>,
    metadata: &BTreeMap<String, String>,
    file: &str,
    place: &str,
) -> Result<Vec<Statement>> {
    let mut said: Vec<Statement> = entry.map(Statement::of_entry).into_iter().collect();
    said.push(Statement::of_file(metadata, file.to_owned()).map_err(|problem| Error::input(file, problem))?);
    said.push(Statement {
        who: place.to_owned(),
        input: settings.input.clone(),
        mean: settings.mean.clone(),
        std: settings.std.clone(),
        ..Statement::default()
    });
    Ok(said)
}

/// What they agree on, and what fits the clips.
fn spec(
    settings: &BackboneSettings,
    entry: Option<&BackboneEntry>,
    said: &[Statement],
    clips: &Clips<'_>,
    header: &ModalityHeader,
) -> Result<Spec, String> {
    agree("the name", said, |s| s.backbone.as_ref(), |a, b| a == b)?;
    let preset = agree("preset", said, |s| s.preset.as_ref(), |a, b| a == b)?;
    let row = agree("row", said, |s| s.row.as_ref(), |a, b| fits(a, b))?;
    let input = agree("input", said, |s| s.input.as_ref(), |a, b| a == b)?;
    let mean = agree("mean", said, |s| s.mean.as_ref(), |a, b| near(a, b))?;
    let std = agree("std", said, |s| s.std.as_ref(), |a, b| near(a, b))?;
    let who = said.iter().find(|s| s.row.is_some() || s.preset.is_some()).map_or("", |s| &s.who);
    if let Some(row) = row.filter(|row| !fits(row, &header.shape)) {
        return Err(format!("clips of {:?} are {:?}; {who} takes {row:?} (0: any)", header.name, header.shape));
    }
    // clips from elsewhere do not say
    let made_by = clips.recipe["modalities"][&header.name]["preset"].as_str();
    if let (Some(made_by), Some(preset)) = (made_by, preset)
        && made_by != preset
    {
        return Err(format!("clips of {:?} are made by the preset {made_by:?}; {who} takes {preset:?}", header.name));
    }
    let parameters = &clips.recipe["modalities"][&header.name]["parameters"];
    for (who, (key, wanted)) in said.iter().flat_map(|s| s.parameters.iter().map(move |pair| (&s.who, pair))) {
        if let Some(made) = parameters.get(key).filter(|made| !same(made, wanted)) {
            return Err(format!("clips of {:?} are made with {key} = {made}; {who} takes {wanted}", header.name));
        }
    }
    let outputs = match (&settings.output, entry) {
        (Some(names), _) => names.list().to_vec(),
        (None, Some(entry)) => vec![entry.embedding.name.to_owned()],
        (None, None) => said.iter().flat_map(|s| s.outputs.keys().cloned()).collect(),
    };
    if outputs.is_empty() {
        let key = if input.is_none() { "input" } else { "output" };
        return Err(format!("{key} is not set; expected a name in the model, whose metadata does not say"));
    }
    if let Some(twice) = outputs.iter().enumerate().find(|(i, name)| outputs[..*i].contains(name)) {
        return Err(format!("output {:?} stands twice; expected it once", twice.1));
    }
    let default = Norm::default();
    let norm = Norm { mean: mean.unwrap_or(&default.mean).clone(), std: std.unwrap_or(&default.std).clone() };
    let input = input.ok_or("input is not set; expected a name in the model, whose metadata does not say")?;
    Ok(Spec { input: input.clone(), outputs, layout: settings.layout.clone(), pool: settings.pool, norm })
}

/// What the store keeps of each output.
fn features(
    name: &str,
    outputs: &[String],
    shapes: &[Vec<u64>],
    clips: &ModalityHeader,
    all: &ExtractSettings,
) -> Result<Vec<ModalityHeader>, String> {
    let plain = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' };
    let header = |(output, shape): (&String, &Vec<u64>)| {
        let own: String = output.to_lowercase().chars().map(plain).collect();
        let name = if outputs.len() == 1 { name.to_owned() } else { format!("{name}-{own}") };
        let header = ModalityHeader { shape: shape.clone(), ..ModalityHeader::features(&name, clips.kind, all.dtype, 1) };
        header.check().map(|()| header).map_err(|problem| format!("output {output:?}: {problem}"))
    };
    outputs.iter().zip(shapes).map(header).collect()
}

/// # Errors
/// [`Error::Input`] for two outputs of one name.
pub(super) fn distinct(features: &[ModalityHeader]) -> Result<()> {
    for (place, header) in features.iter().enumerate() {
        if features[..place].iter().any(|other| other.name == header.name) {
            let problem = format!("the name {:?} would stand for two outputs; expected names that differ", header.name);
            return Err(Error::input("[extract.backbones]", problem));
        }
    }
    Ok(())
}
