//! What a saved model says of features.

use std::path::Path;

use serde::Serialize;
use tch::{Kind, Tensor};

use super::cohort::EVALUATED;
use super::evaluate::{Judged, figures};
use super::model::{Inputs, Model};
use super::saved::{Card, Saved};
use super::table::Table;
use crate::objective::Params;
use crate::report::results::DomainResult;
use crate::{Error, Result};

/// What stands in for features that are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fill {
    /// Zeros as features, before they are standardised.
    Zero,
    /// The mean of the rows that the model was trained on: zeros once they are standardised.
    Mean,
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
    /// Of each class, \[classes\].
    pub probabilities: Vec<f64>,
    /// Their logarithms.
    pub log: Vec<f64>,
    /// The class of the largest score; none where scores are not finite.
    pub predicted: Option<usize>,
    /// What each modality's own head predicts, where the model has such heads or probes.
    pub heads: Vec<Option<usize>>,
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
        Ok(Self { saved, model, params, kind, standard })
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
    /// not have, all of them, or without a fill.
    pub fn predict(&self, table: &Table, lacking: &Lacking) -> Result<Vec<Option<Said>>> {
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
            return Err(Error::input("drop", "nothing to stand in for it; expected a fill, zero or mean"));
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
            let mut features = Vec::new();
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
                if lacking.fill == Some(Fill::Mean) {
                    x *= Tensor::from_slice(&there).to_kind(self.kind).view([1, -1, 1]);
                }
                features.push(x);
            }
            for (&row, of_row) in rows.iter().zip(self.ask(features)) {
                said[row] = Some(of_row);
            }
        }
        Ok(said)
    }

    /// Of standardised features [1, B, D] by modality.
    fn ask(&self, features: Vec<Tensor>) -> Vec<Said> {
        let none = Tensor::zeros([1, EVALUATED as i64], (Kind::Int64, tch::Device::Cpu));
        let (label, domain, share) = (none.shallow_clone(), none.shallow_clone(), none.to_kind(self.kind));
        let inputs = Inputs { features, label, domain, share, present: None, weight: None, masks: Vec::new() };
        let Some(scores) = tch::no_grad(|| self.model.scores(&self.params, inputs, true)) else { return Vec::new() };
        let (log, probabilities) = (scores.logits.log_softmax(-1, None), scores.logits.softmax(-1, None));
        let classes = log.size()[2] as usize;
        let predicted = host(&scores.logits.argmax(-1, false));
        let heads = scores.heads.map(|heads| {
            let (found, sure) = (heads.argmax(-1, false), heads.amax([-1i64].as_slice(), false).isfinite());
            host(&found.where_self(&sure, &found.full_like(-1)).transpose(1, 2))
        });
        let (log, probabilities) = (host(&log), host(&probabilities));
        let of_row = |row: usize| Said {
            probabilities: probabilities[row * classes..][..classes].to_vec(),
            log: log[row * classes..][..classes].to_vec(),
            predicted: probabilities[row * classes].is_finite().then_some(predicted[row] as usize),
            heads: heads
                .iter()
                .flat_map(|heads| heads.chunks(self.standard.len()).nth(row))
                .flatten()
                .map(|&c| (c >= 0.0).then_some(c as usize))
                .collect(),
        };
        (0..EVALUATED).map(of_row).collect()
    }

    /// Figures of each domain and split of the rows that `wanted` says, and of all of these rows; and how many of them are left out.
    ///
    /// # Errors
    /// As [`predict`](Self::predict); [`Error::Input`] where a row is of a class that the model does not know, or none is left.
    pub fn examine(&self, table: &Table, lacking: &Lacking, wanted: impl Fn(usize) -> bool) -> Result<Examined> {
        let said = self.predict(table, lacking)?;
        let classes = &self.card()?.classes;
        let place = |class: &String| classes.iter().position(|known| known == class);
        let places: Vec<Option<usize>> = table.classes().iter().map(place).collect();
        let (mut judged, mut left_out) = (Vec::new(), 0);
        for (row, said) in said.into_iter().enumerate().filter(|(row, _)| wanted(*row)) {
            let place = table.labels().places()[row] as usize;
            let class = &table.classes()[place];
            let problem = || format!("row {row} is of class {class:?}; the model knows {}", classes.join(", "));
            let truth = places[place].ok_or_else(|| Error::input("features", problem()))?;
            let Some(Said { probabilities, log, predicted, heads }) = said else {
                left_out += 1;
                continue;
            };
            let confidence = probabilities.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            judged.push(Judged { row, truth, predicted, confidence, loss: -log[truth], heads });
        }
        if judged.is_empty() {
            return Err(Error::input("features", format!("no row to examine, {left_out} left out; expected at least one")));
        }
        let names: Vec<String> = self.card()?.modalities.iter().map(|(name, _)| name.clone()).collect();
        let of = |domain: &str, part: &str, rows: &[&Judged]| figures(domain, part, classes.len(), &names, rows);
        let all = of("all", "all", &judged.iter().collect::<Vec<_>>());
        let mut domains = Vec::new();
        for (d, domain) in table.domains().iter().enumerate() {
            for split in [crate::manifest::Split::Train, crate::manifest::Split::Val, crate::manifest::Split::Test] {
                let here = |row: &&Judged| table.domain()[row.row] == d && table.split()[row.row] == split;
                let rows: Vec<&Judged> = judged.iter().filter(here).collect();
                if !rows.is_empty() {
                    domains.push(of(domain, split.name(), &rows));
                }
            }
        }
        Ok(Examined { left_out, all, domains })
    }
}

/// What came of an examination.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Examined {
    /// Rows that lack a modality.
    pub left_out: usize,
    /// Over all rows.
    pub all: DomainResult,
    /// By domain and split.
    pub domains: Vec<DomainResult>,
}

fn host(tensor: &Tensor) -> Vec<f64> {
    let flat = tensor.to_kind(Kind::Double).contiguous().view([-1]);
    let mut values = vec![0.0; flat.numel()];
    flat.copy_data(&mut values, flat.numel());
    values
}
