//! How good a saved model is on labelled rows.

use serde::Serialize;
use tch::Tensor;

use super::super::evaluate::{figures, truth};
use super::{Lacking, Predictor, Said, host};
use crate::manifest::{LabelSpace, Labels, Split};
use crate::measure::Measure;
use crate::report::results::DomainResult;
use crate::task::{Answer, Judged, TaskKind};
use crate::train::FeatureTable;
use crate::{Error, Result};

/// What came of an examination.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Examined {
    /// Rows that lack a modality.
    pub left_out: usize,
    /// By which figures the model is judged.
    pub metrics: Vec<Measure>,
    /// Over all rows.
    pub all: DomainResult,
    /// By domain and split.
    pub domains: Vec<DomainResult>,
}

impl Predictor {
    /// The label of a row, a class at its place among the model's.
    fn truth(&self, labels: &Labels, row: usize) -> Answer {
        let known = self.model.shape.task.kind();
        match (known, truth(labels, row)) {
            (TaskKind::Classification, Answer::Class(place)) => {
                let name = labels.names().get(place);
                let known = self.saved.card().ok().map(|card| card.labels.classes()).unwrap_or_default();
                Answer::Class(known.iter().position(|class| Some(class) == name).unwrap_or(place))
            }
            (_, answer) => answer,
        }
    }

    /// Labels as the model has them, [1, rows].
    fn labels(&self, labels: &Labels, rows: &[usize]) -> Result<Tensor> {
        let refuse = |problem: String| Err(Error::input("features", problem));
        let labels = match (&self.card()?.labels, labels) {
            (LabelSpace::Classes(known), Labels::Classes { names, of }) => {
                let places: Vec<Option<usize>> = names.iter().map(|name| known.iter().position(|class| class == name)).collect();
                let mut found = Vec::with_capacity(rows.len());
                for &row in rows {
                    let Some(place) = places[of[row] as usize] else {
                        let class = &names[of[row] as usize];
                        return refuse(format!("row {row} is of class {class:?}; the model knows {}", known.join(", ")));
                    };
                    found.push(place as i64);
                }
                Tensor::from_slice(&found)
            }
            (LabelSpace::Values { unit }, Labels::Values { unit: own, of }) if unit == own => {
                let values: Vec<f32> = rows.iter().map(|&row| of[row]).collect();
                let [mean, scale] = [self.scale.mean, self.scale.scale].map(|x| Tensor::from_slice(&[x]).to_kind(self.kind));
                (Tensor::from_slice(&values).to_kind(self.kind) - mean) * scale
            }
            (model, own) => return refuse(format!("labels are {}; the model predicts {model}", own.space())),
        };
        Ok(labels.unsqueeze(0))
    }

    /// Figures of each domain and split of the rows that `wanted` says, and of all of these rows; and how many of them are left out.
    ///
    /// # Errors
    /// As [`predict`](Self::predict); [`Error::Input`] where a row is of a class that the model does not know, labels are of
    /// another task or unit, or no row is left.
    pub fn examine(&self, table: &FeatureTable, lacking: &Lacking, wanted: impl Fn(usize) -> bool) -> Result<Examined> {
        let said = self.predict(table, lacking)?;
        let (mut rows, mut all, mut left_out) = (Vec::new(), Vec::new(), 0);
        for (row, said) in said.into_iter().enumerate().filter(|(row, _)| wanted(*row)) {
            match said {
                Some(said) => {
                    rows.push(row);
                    all.push(said);
                }
                None => left_out += 1,
            }
        }
        let task = self.task();
        let outputs: Vec<f64> = all.iter().flat_map(|said| said.outputs.iter().copied()).collect();
        let outputs = Tensor::from_slice(&outputs).view([1, -1, task.outputs()]).to_kind(self.kind);
        let columns = host(&task.judge(&outputs, &self.labels(table.labels(), &rows)?));
        let judge = |((&row, said), columns): ((&usize, Said), &[f64])| Judged {
            row,
            truth: self.truth(table.labels(), row),
            predicted: said.predicted,
            confidence: columns[1],
            loss: columns[0],
            heads: said.heads,
        };
        let judged: Vec<Judged> = rows.iter().zip(all).zip(columns.chunks(3)).map(judge).collect();
        if judged.is_empty() {
            return Err(Error::input("features", format!("no row to examine, {left_out} left out; expected at least one")));
        }
        let card = self.card()?;
        let names: Vec<String> = card.modalities.iter().map(|(name, _)| name.clone()).collect();
        let of = |domain: &str, part: &str, rows: &[&Judged]| figures(domain, part, task, &names, rows);
        let all = of("all", "all", &judged.iter().collect::<Vec<_>>());
        let mut domains = Vec::new();
        for (d, domain) in table.domains().iter().enumerate() {
            for split in [Split::Train, Split::Val, Split::Test] {
                let here = |row: &&Judged| table.domain()[row.row] == d && table.split()[row.row] == split;
                let rows: Vec<&Judged> = judged.iter().filter(here).collect();
                if !rows.is_empty() {
                    domains.push(of(domain, split.name(), &rows));
                }
            }
        }
        let metrics = task.metrics().iter().map(|metric| metric.measure(&card.labels)).collect();
        Ok(Examined { left_out, metrics, all, domains })
    }
}
