//! Losses of heads that count by how sure they are (MOOSA, Dong et al., ECCV 2024).

use std::ops::Range;

use tch::Tensor;

use super::{Batch, FusedClassification, Layout, Objective, Outcome, Shape, UnimodalClassification, View, mean, task_loss};
use crate::task::Reading;

/// Added to probabilities whose logarithm is taken; the official code's.
const FLOOR: f64 = 1e-5;

/// Which part of the losses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Mean weight × mean loss of the fused head.
    Fused,
    /// The same of uni-modal heads, summed.
    Unimodal,
    /// Mean entropy of all heads.
    Entropy,
}

/// One part of the losses of uni-modal heads and the fused one. Row by row they are weighed by the softmax of −H / T over heads, H the entropy
/// of what each says; weights are on the graph, so that every part has all heads.
#[derive(Debug)]
pub struct SureHeads {
    entries: Range<usize>,
    own: UnimodalClassification,
    fused: FusedClassification,
    part: Part,
    temperature: Tensor,
    /// On the loss, \[R\].
    weight: Tensor,
    shape: Shape,
}

impl SureHeads {
    /// Claims `classifier.*` and `unimodal.*`; the losses of the fused head and of uni-modal ones, and their entropies times `entropy` \[R\], with T
    /// \[R\].
    pub fn declare(temperature: &Tensor, entropy: Tensor, shape: &Shape, layout: &mut Layout) -> [Self; 3] {
        let start = layout.entries().len();
        let fused = FusedClassification::declare(shape, layout);
        let own = UnimodalClassification::apart(shape, layout);
        let entries = start..layout.entries().len();
        let one = entropy.ones_like();
        [(Part::Fused, one.shallow_clone()), (Part::Unimodal, one), (Part::Entropy, entropy)].map(|(part, weight)| Self {
            entries: entries.clone(),
            own: own.clone(),
            fused: fused.clone(),
            part,
            temperature: temperature.view([-1, 1, 1]),
            weight,
            shape: shape.clone(),
        })
    }

    /// Each head's weight and entropy, [R, B, M + 1].
    fn weights(&self, outputs: &[Tensor], batch: &Batch) -> [Tensor; 2] {
        let entropy = |scores: &Tensor| {
            let p = scores.softmax(-1, None);
            -(&p * (&p + FLOOR).log()).sum_dim_intlist(-1, false, None)
        };
        let entropies = Tensor::stack(&outputs.iter().map(entropy).collect::<Vec<_>>(), 2);
        let mut scores = -&entropies / &self.temperature;
        if let Some(present) = batch.present {
            // a head whose modality a row lacks has no say
            let there = Tensor::cat(&[present, &present.narrow(2, 0, 1).ones_like()], 2);
            scores += (there - 1.0) * 1e9;
        }
        [scores.softmax(-1, None), entropies]
    }
}

impl Objective for SureHeads {
    fn entries(&self) -> Range<usize> {
        self.entries.clone()
    }

    fn outcome(&self, &View { params, batch }: &View<'_>, _: &[View<'_>]) -> Outcome {
        let (task, count) = (self.shape.task.as_ref(), self.shape.modalities.len());
        let mut outputs = self.own.outputs(params, batch);
        outputs.push(self.fused.scores(params, batch).1);
        let [weights, entropies] = self.weights(&outputs, batch);
        let share = |head: usize| if head < count { batch.share_of(head as i64) } else { batch.share.shallow_clone() };
        let weighed = |head: usize| {
            let share = share(head);
            let loss = task_loss(task, &outputs[head], &Batch { share: &share, ..*batch });
            loss * mean(&weights.select(2, head as i64), &share)
        };
        let loss: Tensor = match self.part {
            Part::Fused => weighed(count),
            Part::Unimodal => (0..count).map(weighed).sum(),
            Part::Entropy => {
                let own = |head: usize| mean(&entropies.select(2, head as i64), &share(head));
                (0..=count).map(own).sum::<Tensor>() / (count + 1) as f64
            }
        };
        let outcome = Outcome::loss(loss * &self.weight);
        match self.part {
            Part::Fused => Outcome { logits: outputs.pop(), ..outcome },
            Part::Unimodal => {
                let class = Reading::of(task, &outputs[..count], batch.label, batch.shares());
                Outcome { class: Some(class), ..outcome }
            }
            Part::Entropy => outcome,
        }
    }
}
