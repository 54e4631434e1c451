use tch::Tensor;

use super::{Batch, Objective, Params, Shape};
use crate::task::Reading;

/// What each modality adds to an objective's class scores: its Shapley value over embeddings with the other modalities at
/// zero, as uni-modal scores of the batch. No scores at all count as 0: the values sum to the scores of the whole, and two
/// modalities give φ_a = ½ (f(a, v) − f(0, v) + f(a, 0)), as in the code of AGM (Li et al., ICCV 2023). Takes 2^M − 1
/// evaluations of the head, without gradient. None where the objective has no class scores.
pub fn contributions(objective: &dyn Objective, params: &Params, batch: &Batch, shape: &Shape) -> Option<Reading> {
    tch::no_grad(|| {
        let count = shape.modalities.len();
        let mut scores = Vec::new();
        for some in 1..1usize << count {
            let part = |m: usize| match batch.embedding(m, shape).detach() {
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
        Some(Reading::of(shape.task.as_ref(), &values, batch.label, batch.shares()))
    })
}

/// s! (M − s − 1)! / M!: the share of orders in which a modality comes after these s.
fn weight(s: usize, modalities: usize) -> f64 {
    let factorial = |n: usize| (1..=n).map(|i| i as f64).product::<f64>();
    factorial(s) * factorial(modalities - s - 1) / factorial(modalities)
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::super::{Layout, Outcome, View};
    use super::*;
    use tch::{Device, Kind};

    /// Scores (f, 0) with f = 1 + Σ (m + 2) z_m + the product of the first two + the product of all.
    #[derive(Debug)]
    struct Product;

    impl Objective for Product {
        fn entries(&self) -> Range<usize> {
            0..0
        }

        fn outcome(&self, &View { batch, .. }: &View<'_>, _: &[View<'_>]) -> Outcome {
            let z = batch.embeddings;
            let weights = Tensor::arange(z.size()[2], (z.kind(), z.device())) + 2.0;
            let sum = (z * weights).sum_dim_intlist(2, true, None);
            let first = z.narrow(2, 0, 1) * z.narrow(2, 1, 1);
            let f: Tensor = sum + first + z.prod_dim_int(2, true, None) + 1.0;
            Outcome { logits: Some(Tensor::cat(&[&f, &f.zeros_like()], 2)), ..Outcome::loss(f) }
        }
    }

    fn values(z: &[f64]) -> Vec<f64> {
        let names = (0..z.len()).map(|m| m.to_string()).collect();
        let shape = Shape {
            modalities: names,
            widths: vec![1; z.len()],
            task: crate::task::Classification::task(2),
            domains: 1,
            hidden: 1,
            heads: crate::objective::Heads::default(),
        };
        let one = Tensor::ones([1, 1], (Kind::Double, Device::Cpu));
        let zero = one.zeros_like().to_kind(Kind::Int64);
        let embeddings = Tensor::from_slice(z).view([1, 1, -1]);
        let batch = Batch {
            embeddings: &embeddings,
            label: &zero,
            domain: &zero,
            share: &one,
            present: None,
            weight: None,
            mixed: None,
            states: None,
            masks: None,
        };
        let params = Params::views(&Layout::default(), &one.zeros_like());
        let log = contributions(&Product, &params, &batch, &shape).unwrap().outputs().shallow_clone();
        Vec::try_from((log.select(3, 0) - log.select(3, 1)).flatten(0, -1)).unwrap()
    }

    #[test]
    fn values_are_those_of_the_definition_and_sum_to_the_whole() {
        let f2 = |a: f64, v: f64| 1.0 + 2.0 * a + 3.0 * v + 2.0 * a * v;
        let (a, v) = (0.5, -1.5);
        let close = |found: Vec<f64>, wanted: &[f64]| {
            assert!(found.iter().zip(wanted).all(|(x, y)| (x - y).abs() < 1e-12), "{found:?} {wanted:?}");
        };
        close(values(&[a, v]), &[0.5 * (f2(a, v) - f2(0.0, v) + f2(a, 0.0)), 0.5 * (f2(a, v) - f2(a, 0.0) + f2(0.0, v))]);

        let t = 0.7;
        let f = |a: f64, v: f64, t: f64| 1.0 + 2.0 * a + 3.0 * v + 4.0 * t + a * v + a * v * t;
        let own = (f(a, v, t) - f(0.0, v, t)) / 3.0
            + (f(a, v, 0.0) - f(0.0, v, 0.0) + f(a, 0.0, t) - f(0.0, 0.0, t)) / 6.0
            + f(a, 0.0, 0.0) / 3.0;
        let found = values(&[a, v, t]);
        assert!((found.iter().sum::<f64>() - f(a, v, t)).abs() < 1e-12);
        close(found[..1].to_vec(), &[own]);
    }
}
