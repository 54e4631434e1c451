use std::ops::Range;

use tch::Tensor;

use super::{Batch, Layout, Linear, Objective, Outcome, Params, Shape, View, mean, task_loss};
use crate::task::Reading;

/// One linear head a modality, whose outputs are fused.
#[derive(Debug, Clone)]
struct LateHeads {
    entries: Range<usize>,
    layers: Vec<Linear>,
    shape: Shape,
}

impl LateHeads {
    /// Outputs of each modality's head, [R, B, outputs].
    fn outputs(&self, params: &Params, batch: &Batch) -> Vec<Tensor> {
        let of = |(m, layer): (usize, &Linear)| layer.forward(params, &batch.embedding(m, &self.shape));
        self.layers.iter().enumerate().map(of).collect()
    }
}

/// The task's loss of the mean of one linear head's outputs a modality, of those that a row has: late fusion.
#[derive(Debug)]
pub struct LateClassification {
    heads: LateHeads,
    weight: Tensor,
}

impl LateClassification {
    /// Claims `late.<modality>.*`; `weight` \[R\] is on the loss, and may be changed in place.
    pub fn declare(weight: Tensor, shape: &Shape, layout: &mut Layout) -> Self {
        let start = layout.entries().len();
        let head = |(modality, width): (&String, i64)| {
            Linear::declare(layout, &format!("late.{modality}"), width, shape.task.outputs(), true, None)
        };
        let layers = shape.each().map(head).collect();
        Self { heads: LateHeads { entries: start..layout.entries().len(), layers, shape: shape.clone() }, weight }
    }
}

impl Objective for LateClassification {
    fn entries(&self) -> Range<usize> {
        self.heads.entries.clone()
    }

    fn outcome(&self, &View { params, batch }: &View<'_>, _: &[View<'_>]) -> Outcome {
        let outputs = self.heads.outputs(params, batch);
        let logits = match batch.present {
            None => outputs.iter().sum::<Tensor>() / outputs.len() as f64,
            Some(present) => {
                let sum: Tensor = outputs.iter().enumerate().map(|(m, of)| of * present.narrow(2, m as i64, 1)).sum();
                sum / present.sum_dim_intlist(2, true, None).clamp_min(1.0)
            }
        };
        let task = self.heads.shape.task.as_ref();
        let loss = task_loss(task, &logits, batch) * &self.weight;
        let class = Some(Reading::of(task, &outputs, batch.label, batch.shares()));
        Outcome { logits: Some(logits), class, ..Outcome::loss(loss) }
    }
}

/// How far the modalities' heads are from what they say together: the mean over pairs of modalities of
/// ½ (KL(q ‖ p_i) + KL(q ‖ p_j)), q = (p_i + p_j) / 2, over rows that have both (LFM, NeurIPS 2024).
#[derive(Debug)]
pub struct Agreement {
    heads: LateHeads,
    weight: Tensor,
}

impl Agreement {
    /// Of heads that are declared already; `weight` \[R\] is on the loss, and may be changed in place.
    pub fn of(heads: &LateClassification, weight: Tensor) -> Self {
        Self { heads: heads.heads.clone(), weight }
    }
}

impl Objective for Agreement {
    fn entries(&self) -> Range<usize> {
        self.heads.entries.clone()
    }

    fn outcome(&self, &View { params, batch }: &View<'_>, _: &[View<'_>]) -> Outcome {
        let outputs = self.heads.outputs(params, batch);
        let logs: Vec<Tensor> = outputs.iter().map(|of| of.log_softmax(-1, None)).collect();
        let apart = |(i, j): (usize, usize)| {
            let both: Tensor = (logs[i].exp() + logs[j].exp()) * 0.5;
            let log = both.clamp_min(1e-30).log();
            let divergence = (both * (log - (&logs[i] + &logs[j]) * 0.5)).sum_dim_intlist(2, false, None);
            mean(&divergence, &batch.share_of_all(&[i as i64, j as i64]))
        };
        let pairs: Vec<Tensor> = self.heads.shape.pairs().map(apart).collect();
        let loss: Tensor = match pairs.len() {
            0 => super::length::nothing(batch.embeddings),
            count => pairs.into_iter().sum::<Tensor>() / count as f64,
        };
        Outcome::loss(loss * &self.weight)
    }
}
