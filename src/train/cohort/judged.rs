//! What the models of a cohort say of rows that they do not learn from.

use tch::{Device, Kind, Tensor};

use super::super::device::to_host;
use super::{Cohort, EVALUATED};
use crate::objective::{Params, Shape};
use crate::report::results::DomainResult;
use crate::task::Judged;
use crate::train::evaluate::{figures, truth};
use crate::train::features::BatchRows;
use crate::train::model::Inputs;

impl Cohort {
    /// What each run's model says of its own rows, in their order; of its uni-modal heads too where `heads` asks for it.
    pub fn evaluate(&self, params: &Params, rows: &[&[usize]], heads: bool) -> Vec<Vec<Judged>> {
        let (mut parts, task) = (Vec::new(), self.model.shape.task.as_ref());
        for inputs in self.chunks(rows) {
            let label = inputs.label.shallow_clone();
            let Some(scores) = tch::no_grad(|| self.model.scores(params, inputs, heads)) else { continue };
            let own = scores.heads.map(|heads| task.predicted(&heads).to_kind(Kind::Double));
            let columns: Vec<Tensor> = std::iter::once(task.judge(&scores.logits, &label)).chain(own).collect();
            parts.push(Tensor::cat(&columns, 2));
        }
        if parts.is_empty() {
            return rows.iter().map(|_| Vec::new()).collect();
        }
        // [R, rows, 3 + M or 3]
        let all = Tensor::cat(&parts, 1);
        let width = all.size()[2] as usize;
        let figures = to_host(&all);
        let of_run = |(r, rows): (usize, &&[usize])| {
            let figures = figures.chunks(width).skip(r * parts.len() * EVALUATED);
            let scale = &self.runs[r].task.label;
            let judged = |(&row, figures): (&usize, &[f64])| Judged {
                row,
                truth: truth(&self.labels, row),
                predicted: if figures[1].is_finite() { task.answer(figures[2], scale) } else { None },
                confidence: figures[1],
                loss: figures[0],
                heads: figures[3..].iter().map(|&head| task.answer(head, scale)).collect(),
            };
            rows.iter().zip(figures).map(judged).collect()
        };
        rows.iter().enumerate().map(of_run).collect()
    }

    /// Each run's own rows, [`EVALUATED`] at a time.
    fn chunks<'a>(&'a self, rows: &'a [&[usize]]) -> impl Iterator<Item = Inputs> + 'a {
        let longest = rows.iter().map(|rows| rows.len()).max().unwrap_or(0);
        let (runs, options) = (rows.len() as i64, self.options());
        (0..longest.div_ceil(EVALUATED).max(1)).map(move |chunk| {
            let at = |rows: &[usize]| {
                (0..EVALUATED).map(|i| rows.get(chunk * EVALUATED + i).map_or(0, |&row| row as i64)).collect::<Vec<_>>()
            };
            let host: Vec<i64> = rows.iter().flat_map(|rows| at(rows)).collect();
            let rows = BatchRows { index: Tensor::from_slice(&host).view([runs, -1]).to_device(options.1), host: &host };
            let share = Tensor::zeros([runs, EVALUATED as i64], options);
            self.gather(&rows, share, Vec::new())
        })
    }

    /// Fused embeddings of each run's own rows, one row's after the other's.
    pub(super) fn embeddings(&self, params: &Params, rows: &[&[usize]]) -> Vec<Vec<f32>> {
        let scores = |inputs| tch::no_grad(|| self.model.scores(params, inputs, false)).map(|scores| scores.embeddings);
        let parts: Vec<Tensor> = self.chunks(rows).filter_map(scores).collect();
        let of_run = |(r, rows): (usize, &&[usize])| {
            let own: Vec<Tensor> = parts.iter().map(|part| part.get(r as i64)).collect();
            let own = if own.is_empty() { Tensor::zeros([0, 1], (Kind::Float, Device::Cpu)) } else { Tensor::cat(&own, 0) };
            let values = to_host(&own.narrow(0, 0, own.size()[0].min(rows.len() as i64)));
            values.into_iter().map(|x| x as f32).collect()
        };
        rows.iter().enumerate().map(of_run).collect()
    }

    /// Figures of each domain that has rows among these.
    pub(super) fn by_domain(&self, part: &str, rows: &[Judged]) -> Vec<DomainResult> {
        let Shape { task, modalities, .. } = &self.model.shape;
        let of = |(d, name): (usize, &String)| {
            let here: Vec<&Judged> = rows.iter().filter(|row| self.domains[row.row] == d).collect();
            (!here.is_empty()).then(|| figures(name, part, task.as_ref(), modalities, &here))
        };
        self.names.iter().enumerate().filter_map(of).collect()
    }
}
