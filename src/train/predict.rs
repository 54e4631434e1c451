//! What a saved model says of features.

use std::path::Path;

use serde::Serialize;
use tch::{Kind, Tensor};

use super::cohort::EVALUATED;
use super::model::{Inputs, Model};
use super::saved::{Card, Saved};
use super::table::FeatureTable;
use crate::objective::Params;
use crate::task::{Answer, Scale, Task, TaskKind};
use crate::{Error, Result};

mod examine;

pub use examine::Examined;

/// What stands in for features that are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fill {
    /// Zeros as features, before they are standardised.
    Zero,
    /// The mean of the rows that the model was trained on: zeros once they are standardised.
    Mean,
    /// No features: the embedding is made of those of the modalities that are there, by a model that has learned it (SimMMDG, Dong et al.,
    /// NeurIPS 2023); of several, the mean.
    Translate,
}

/// Modalities that a model has to do without.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lacking {
    /// Modalities that no row is given.
    pub drop: Vec<String>,
    /// What stands in for them, and for a modality that a row lacks. None: such rows are left out.
    pub fill: Option<Fill>,
}

/// What a model says of one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// Outputs of the fused head.
    pub outputs: Vec<f64>,
    /// Of each class, \[classes\]; empty of values.
    pub probabilities: Vec<f64>,
    /// The class of the largest score, or the value; none where outputs are not finite.
    pub predicted: Option<Answer>,
    /// What each modality's own head predicts, where the model has such heads or probes.
    pub heads: Vec<Option<Answer>>,
}

/// A saved model, ready to be asked; on the CPU.
#[derive(Debug)]
pub struct Predictor {
    saved: Saved,
    model: Model,
    params: Params,
    kind: Kind,
    /// Mean and scale by modality, [D] each.
    standard: Vec<(Tensor, Tensor)>,
    /// Of the values that it predicts.
    scale: Scale,
}

impl Predictor {
    /// Reads a `model.safetensors`.
    ///
    /// # Errors
    /// [`Error::Input`] for a file that is none, or that lacks what the model needs.
    pub fn open(path: &Path) -> Result<Self> {
        let saved = Saved::read(path)?;
        let (model, kind, flat) = saved.model()?;
        let params = Params::views(&model.layout, &flat);
        let mut standard = Vec::new();
        for (name, width) in &saved.card()?.modalities {
            let of = saved.standard(name, *width)?;
            standard.push((Tensor::from_slice(&of.mean).to_kind(kind), Tensor::from_slice(&of.scale).to_kind(kind)));
        }
        let scale = saved.card()?.scale;
        Ok(Self { saved, model, params, kind, standard, scale })
    }

    /// Classes, modalities and settings.
    ///
    /// # Errors
    /// None once it is open.
    pub fn card(&self) -> Result<&Card> {
        self.saved.card()
    }

    /// What the model says of every row; none of rows that lack a modality which nothing stands in for.
    ///
    /// # Errors
    /// [`Error::Input`] for a modality that the features do not have, or not of that width; for one to drop that the model does
    /// not have, all of them, or without a fill; for a fill that it has not learned.
    pub fn predict(&self, table: &FeatureTable, lacking: &Lacking) -> Result<Vec<Option<Said>>> {
        let modalities = &self.card()?.modalities;
        let names: Vec<&str> = modalities.iter().map(|(name, _)| name.as_str()).collect();
        if let Some(name) = lacking.drop.iter().find(|name| !names.contains(&name.as_str())) {
            let problem = format!("{name:?} is not among the model's modalities; expected some of {}", names.join(", "));
            return Err(Error::input("drop", problem));
        }
        let dropped: Vec<bool> = names.iter().map(|name| lacking.drop.iter().any(|drop| drop == name)).collect();
        if dropped.iter().all(|&dropped| dropped) {
            return Err(Error::input("drop", format!("every modality ({}); expected one that stays", names.join(", "))));
        }
        if !lacking.drop.is_empty() && lacking.fill.is_none() {
            return Err(Error::input("drop", "nothing to stand in for it; expected a fill, zero, mean or translate"));
        }
        if lacking.fill == Some(Fill::Translate) && !self.model.translates() {
            let method = self.card()?.column.method.clone().unwrap_or_default();
            let problem = format!("translate: the model's method {method:?} translates no modality; expected zero or mean");
            return Err(Error::input("fill", problem));
        }
        let mut columns = Vec::new();
        for ((name, width), dropped) in modalities.iter().zip(dropped) {
            let found = table.modalities().iter().find(|modality| modality.name == *name && modality.width == *width);
            let there: Vec<String> = table.modalities().iter().map(|m| format!("{} ({})", m.name, m.width)).collect();
            let problem = || format!("no modality {name} of width {width}, which the model has; there are {}", there.join(", "));
            columns.push(if dropped { None } else { Some(found.ok_or_else(|| Error::input("features", problem()))?) });
        }
        let whole = |&row: &usize| lacking.fill.is_some() || columns.iter().flatten().all(|column| column.valid[row]);
        let rows: Vec<usize> = (0..table.len()).filter(whole).collect();
        let mut said = vec![None; table.len()];
        for rows in rows.chunks(EVALUATED) {
            let (mut features, mut present) = (Vec::new(), Vec::new());
            for (m, column) in columns.iter().enumerate() {
                let width = modalities[m].1;
                let (mut values, mut there) = (vec![0f32; EVALUATED * width], vec![0f32; EVALUATED]);
                for (place, &row) in rows.iter().enumerate() {
                    let Some(column) = column.filter(|column| column.valid[row]) else { continue };
                    values[place * width..][..width].copy_from_slice(&column.row(row));
                    there[place] = 1.0;
                }
                let (mean, scale) = &self.standard[m];
                let mut x = Tensor::from_slice(&values).view([1, EVALUATED as i64, width as i64]).to_kind(self.kind);
                x -= mean;
                x *= scale;
                let there = Tensor::from_slice(&there).to_kind(self.kind).view([1, -1, 1]);
                if lacking.fill != Some(Fill::Zero) {
                    x *= &there;
                }
                features.push(x);
                present.push(there);
            }
            let present = (lacking.fill == Some(Fill::Translate)).then(|| Tensor::cat(&present, 2));
            for (&row, of_row) in rows.iter().zip(self.ask(features, present)) {
                said[row] = Some(of_row);
            }
        }
        Ok(said)
    }

    /// Of standardised features [1, B, D] by modality; those that a row lacks by `present`, [1, B, M], are translated.
    fn ask(&self, features: Vec<Tensor>, present: Option<Tensor>) -> Vec<Said> {
        let domain = Tensor::zeros([1, EVALUATED as i64], (Kind::Int64, tch::Device::Cpu));
        let (label, share) = (self.no_labels(), domain.to_kind(self.kind));
        let mut inputs = Inputs { features, label, domain, share, present, weight: None, masks: Vec::new() };
        let scores = tch::no_grad(|| {
            let translated = inputs.present.as_ref().and_then(|_| self.model.translated(&self.params, &inputs));
            inputs.present = None;
            match translated {
                Some(embeddings) => self.model.scores_of(&self.params, embeddings, &inputs, true),
                None => self.model.scores(&self.params, inputs, true),
            }
        });
        let Some(scores) = scores else { return Vec::new() };
        let (task, scale) = (self.task(), &self.scale);
        let probabilities = match task.kind() {
            TaskKind::Classification => host(&task.compared(&scores.logits)),
            TaskKind::Regression => Vec::new(),
        };
        let width = task.outputs() as usize;
        let judged = host(&task.judge(&scores.logits, &self.no_labels()));
        let heads = scores.heads.map(|heads| host(&task.predicted(&heads)));
        let outputs = host(&scores.logits);
        let of_row = |row: usize| Said {
            outputs: outputs[row * width..][..width].to_vec(),
            probabilities: probabilities.chunks(width).nth(row).unwrap_or_default().to_vec(),
            predicted: if judged[3 * row + 1].is_finite() { task.answer(judged[3 * row + 2], scale) } else { None },
            heads: heads
                .iter()
                .flat_map(|heads| heads.chunks(self.standard.len()).nth(row))
                .flatten()
                .map(|&head| task.answer(head, scale))
                .collect(),
        };
        (0..EVALUATED).map(of_row).collect()
    }

    fn task(&self) -> &dyn Task {
        self.model.shape.task.as_ref()
    }

    /// Labels where nobody asks for a loss, [1, B].
    fn no_labels(&self) -> Tensor {
        let kind = if self.task().kind() == TaskKind::Classification { Kind::Int64 } else { self.kind };
        Tensor::zeros([1, EVALUATED as i64], (kind, tch::Device::Cpu))
    }
}

fn host(tensor: &Tensor) -> Vec<f64> {
    let flat = tensor.to_kind(Kind::Double).contiguous().view([-1]);
    let mut values = vec![0.0; flat.numel()];
    flat.copy_data(&mut values, flat.numel());
    values
}
