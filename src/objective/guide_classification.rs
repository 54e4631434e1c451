use std::ops::Range;

use tch::Tensor;

use super::{Last, Layout, Linear, Objective, Outcome, Shape, View, mean};
use crate::task::Reading;

/// One head a modality, of a class or a value, on the detached embedding, Linear → ReLU → Linear, its last layer of the size of the fused
/// head's: the classifiers that guide CGGM (Guo et al., NeurIPS 2024), two-layer transformers there. Encoders get no
/// gradient.
#[derive(Debug)]
pub struct GuideClassification {
    entries: Range<usize>,
    layers: Vec<[Linear; 2]>,
    shape: Shape,
}

impl GuideClassification {
    /// Claims `guide.*`.
    pub fn declare(shape: &Shape, layout: &mut Layout) -> Self {
        let start = layout.entries().len();
        let mut layers = Vec::new();
        for (modality, width) in shape.each() {
            let mut layer =
                |i, inputs, outputs| Linear::declare(layout, &format!("guide.{modality}.{i}"), inputs, outputs, true, None);
            layers.push([layer(0, width, shape.hidden), layer(1, shape.hidden, shape.task.outputs())]);
        }
        Self { entries: start..layout.entries().len(), layers, shape: shape.clone() }
    }
}

impl Objective for GuideClassification {
    fn entries(&self) -> Range<usize> {
        self.entries.clone()
    }

    fn outcome(&self, &View { params, batch }: &View<'_>, _: &[View<'_>]) -> Outcome {
        let classify = |(m, [first, second]): (usize, &[Linear; 2])| {
            let hidden = first.forward(params, &batch.embedding(m, &self.shape).detach()).relu();
            let (scores, weight) = (second.forward(params, &hidden), params.get(second.weight).shallow_clone());
            Last { scores, input: hidden, weight, share: batch.share_of(m as i64), task: self.shape.task.clone() }
        };
        let last: Vec<Last> = self.layers.iter().enumerate().map(classify).collect();
        let scores: Vec<Tensor> = last.iter().map(|last| last.scores.shallow_clone()).collect();
        let task = self.shape.task.as_ref();
        let loss = last.iter().map(|last| mean(&task.plain_loss(&last.scores, batch.label), &last.share)).sum();
        Outcome { class: Some(Reading::of(task, &scores, batch.label, batch.shares())), last, ..Outcome::loss(loss) }
    }

    fn trains_encoders(&self) -> bool {
        false
    }
}
