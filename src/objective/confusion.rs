//! Losses of joint adversarial training over domains and modalities (MDJA of Peng et al., ACM MM 2025).

use std::ops::Range;

use tch::{Kind, Tensor};

use super::adversary::{Projections, reversed};
use super::length::layer_normed;
use super::{
    Batch, Dropout, Init, LayerPart, Layout, Linear, Objective, Outcome, Params, Shape, UnimodalClassification, View, mean,
};
use crate::task::log_probability;

/// How much of the gradient of discriminators of domains, and of modalities, encoders work against; the official code's.
const REVERSAL: [f64; 2] = [0.3, 0.1];

/// The discriminator of domains that all modalities share: projections, then Linear → LayerNorm → ReLU → Linear.
#[derive(Debug, Clone)]
struct SharedDomains {
    projections: Projections,
    layers: [Linear; 2],
    norm: [usize; 2],
}

impl SharedDomains {
    fn declare(shape: &Shape, layout: &mut Layout) -> Self {
        let projections = Projections::declare("domain-projection", REVERSAL[0], shape, layout);
        let name = "domain-discriminator";
        let first = Linear::declare(layout, &format!("{name}.0"), Projections::width(shape), shape.hidden, true, None);
        let norm = [("weight", 1.0), ("bias", 0.0)].map(|(what, value)| {
            layout.tensor(format!("{name}.norm.{what}"), vec![shape.hidden], Init::Constant(value), LayerPart::Norm, None)
        });
        let second = Linear::declare(layout, &format!("{name}.1"), shape.hidden, shape.domains, true, None);
        Self { projections, layers: [first, second], norm }
    }

    /// Scores of domains, [R, B, C], of each modality.
    fn scores(&self, params: &Params, batch: &Batch) -> Vec<Tensor> {
        let [weight, bias] = self.norm.map(|place| params.get(place).unsqueeze(1));
        let score = |projected: Tensor| {
            let hidden = self.layers[0].forward(params, &projected);
            self.layers[1].forward(params, &(layer_normed(&hidden) * &weight + &bias).relu())
        };
        self.projections.forward(params, batch).into_iter().map(score).collect()
    }
}

/// Uni-modal losses 3 Σ_m w_m L_m, w the softmax over modalities of the mean entropy of what the shared discriminator says of the domain: who tells
/// domains least counts most, and, since w is on the graph, is made to. With one source domain it is the entropy of the classes.
#[derive(Debug)]
pub struct ConfusedClassification {
    entries: Range<usize>,
    heads: UnimodalClassification,
    domains: SharedDomains,
    shape: Shape,
}

/// Cross-entropy of the shared discriminator of domains, half the mean over modalities.
#[derive(Debug)]
pub struct DomainConfusion {
    entries: Range<usize>,
    domains: SharedDomains,
}

impl ConfusedClassification {
    /// Claims `unimodal.*`, `domain-projection.*` and `domain-discriminator.*`; the second loss is of the last two.
    pub fn declare(shape: &Shape, layout: &mut Layout) -> (Self, DomainConfusion) {
        let start = layout.entries().len();
        let heads = UnimodalClassification::apart(shape, layout);
        let middle = layout.entries().len();
        let domains = SharedDomains::declare(shape, layout);
        let end = layout.entries().len();
        let confusion = DomainConfusion { entries: middle..end, domains: domains.clone() };
        (Self { entries: start..end, heads, domains, shape: shape.clone() }, confusion)
    }
}

/// Mean entropy of scores [R, B, C] over rows by share, \[R\].
fn entropy(scores: &Tensor, share: &Tensor) -> Tensor {
    let log = scores.log_softmax(-1, None);
    -mean(&(log.exp() * log).sum_dim_intlist(2, false, None), share)
}

impl Objective for ConfusedClassification {
    fn entries(&self) -> Range<usize> {
        self.entries.clone()
    }

    fn outcome(&self, &View { params, batch }: &View<'_>, _: &[View<'_>]) -> Outcome {
        let (outputs, losses, class) = self.heads.each(params, batch);
        let said = if self.shape.domains > 1 { self.domains.scores(params, batch) } else { outputs };
        let entropy = |(m, scores): (usize, &Tensor)| entropy(scores, &batch.share_of(m as i64));
        let weights = Tensor::stack(&said.iter().enumerate().map(entropy).collect::<Vec<_>>(), 1).softmax(1, None);
        let loss = (weights * Tensor::stack(&losses, 1)).sum_dim_intlist(1, false, None) * 3.0;
        Outcome { class: Some(class), ..Outcome::loss(loss) }
    }
}

impl Objective for DomainConfusion {
    fn entries(&self) -> Range<usize> {
        self.entries.clone()
    }

    fn outcome(&self, &View { params, batch }: &View<'_>, _: &[View<'_>]) -> Outcome {
        let scores = self.domains.scores(params, batch);
        let own = |(m, scores): (usize, &Tensor)| -mean(&log_probability(scores, batch.domain), &batch.share_of(m as i64));
        let sum: Tensor = scores.iter().enumerate().map(own).sum();
        Outcome::loss(sum * (0.5 / scores.len() as f64))
    }
}

/// Half the cross-entropy of a discriminator of domains on the reversed concatenated embeddings, Linear → ReLU → Dropout → Linear.
#[derive(Debug)]
pub struct FusedConfusion {
    entries: Range<usize>,
    layers: [Linear; 2],
    dropout: Dropout,
}

impl FusedConfusion {
    /// Claims `discriminator.*`.
    pub fn declare(shape: &Shape, layout: &mut Layout) -> Self {
        let (start, width) = (layout.entries().len(), Projections::width(shape));
        let layers = [
            Linear::declare(layout, "discriminator.0", shape.fused(), width, true, None),
            Linear::declare(layout, "discriminator.1", width, shape.domains, true, None),
        ];
        Self { entries: start..layout.entries().len(), layers, dropout: layout.dropout(width) }
    }
}

impl Objective for FusedConfusion {
    fn entries(&self) -> Range<usize> {
        self.entries.clone()
    }

    fn outcome(&self, &View { params, batch }: &View<'_>, _: &[View<'_>]) -> Outcome {
        let hidden = self.layers[0].forward(params, &reversed(batch.embeddings, REVERSAL[0])).relu();
        let scores = self.layers[1].forward(params, &self.dropout.forward(hidden, batch.masks));
        Outcome::loss(mean(&log_probability(&scores, batch.domain), batch.share) * -0.5)
    }
}

/// A tenth of the cross-entropy of a discriminator of modalities, one linear layer on projections of reversed embeddings, mean over modalities.
#[derive(Debug)]
pub struct ModalityConfusion {
    entries: Range<usize>,
    projections: Projections,
    layer: Linear,
}

impl ModalityConfusion {
    /// Claims `modality-projection.*` and `modality-discriminator.*`.
    pub fn declare(shape: &Shape, layout: &mut Layout) -> Self {
        let start = layout.entries().len();
        let projections = Projections::declare("modality-projection", REVERSAL[1], shape, layout);
        let layer = Linear::declare(layout, "modality-discriminator", Projections::width(shape), shape.len(), true, None);
        Self { entries: start..layout.entries().len(), projections, layer }
    }
}

impl Objective for ModalityConfusion {
    fn entries(&self) -> Range<usize> {
        self.entries.clone()
    }

    fn outcome(&self, &View { params, batch }: &View<'_>, _: &[View<'_>]) -> Outcome {
        let projected = self.projections.forward(params, batch);
        let own = |(m, projected): (usize, &Tensor)| {
            let truth = Tensor::full(batch.domain.size(), m as i64, (Kind::Int64, batch.domain.device()));
            -mean(&log_probability(&self.layer.forward(params, projected), &truth), &batch.share_of(m as i64))
        };
        let sum: Tensor = projected.iter().enumerate().map(own).sum();
        Outcome::loss(sum * (0.1 / projected.len() as f64))
    }
}
