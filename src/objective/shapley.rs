use tch::Tensor;

use super::{Batch, Objective, Params, Reading, Shape};

/// What each modality adds to an objective's class scores: its Shapley value over embeddings with the other modalities at
/// zero, as uni-modal scores of the batch. No scores at all count as 0: the values sum to the scores of the whole, and two
/// modalities give φ_a = ½ (f(a, v) − f(0, v) + f(a, 0)), as in the code of AGM (Li et al., ICCV 2023). Takes 2^M − 1
/// evaluations of the head, without gradient. None where the objective has no class scores.
pub fn contributions(objective: &dyn Objective, params: &Params, batch: &Batch, shape: &Shape) -> Option<Reading> {
    tch::no_grad(|| {
        let count = shape.modalities.len();
        let mut scores = Vec::new();
        for some in 1..1usize << count {
            let part = |m: usize| match batch.embedding(m as i64, shape).detach() {
                part if some >> m & 1 == 1 => part,
                part => part.zeros_like(),
            };
            let embeddings = Tensor::cat(&(0..count).map(part).collect::<Vec<_>>(), 2);
            scores.push((some, objective.forward(params, &Batch { embeddings: &embeddings, ..*batch }).logits?));
        }
        let value = |m: usize| -> Tensor {
            let others = |some: usize| (some & !(1 << m)).count_ones() as usize;
            let sign = |some: usize| if some >> m & 1 == 1 { 1.0 } else { -1.0 };
            scores.iter().map(|(some, scores)| scores * (sign(*some) * weight(others(*some), count))).sum()
        };
        let values: Vec<Tensor> = (0..count).map(value).collect();
        Some(Reading::of(&values, batch.label, batch))
    })
}

/// s! (M − s − 1)! / M!: the share of orders in which a modality comes after these s.
fn weight(s: usize, modalities: usize) -> f64 {
    let factorial = |n: usize| (1..=n).map(|i| i as f64).product::<f64>();
    factorial(s) * factorial(modalities - s - 1) / factorial(modalities)
}
