use std::ops::Range;

use tch::Tensor;

use super::{Layout, Linear, Objective, Outcome, Shape, View};
use crate::task::{Classification, Reading, Task};

/// What a probe tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// The task's labels: gives the semantic confidence.
    Class,
    /// Source domains: gives the domain confidence.
    Domain,
}

/// One linear map without bias a modality, trained on the detached embedding: it reads how much of a label the embedding
/// holds and gives the encoder no gradient. It stands for the slices W^m and D^m of Peng et al., Eqs. 6 and 7, which
/// exist only where fused heads are linear; their experiments use heads with a hidden layer, for which the paper does not
/// say how the slices are taken.
#[derive(Debug)]
pub struct Probe {
    entries: Range<usize>,
    layers: Vec<Linear>,
    label: Label,
    shape: Shape,
}

impl Probe {
    /// Claims `probe.class.*` or `probe.domain.*`.
    pub fn declare(label: Label, shape: &Shape, layout: &mut Layout) -> Self {
        let start = layout.entries().len();
        let (name, outputs) = match label {
            Label::Class => ("class", shape.task.outputs()),
            Label::Domain => ("domain", shape.domains),
        };
        let probe = |(modality, width): (&String, i64)| {
            Linear::declare(layout, &format!("probe.{name}.{modality}"), width, outputs, false, None)
        };
        let layers = shape.each().map(probe).collect();
        Self { entries: start..layout.entries().len(), layers, label, shape: shape.clone() }
    }
}

impl Objective for Probe {
    fn entries(&self) -> Range<usize> {
        self.entries.clone()
    }

    fn outcome(&self, &View { params, batch }: &View<'_>, _: &[View<'_>]) -> Outcome {
        let domains = Classification::of(self.shape.domains);
        let (task, label): (&dyn Task, _) = match self.label {
            Label::Class => (self.shape.task.as_ref(), batch.label),
            Label::Domain => (&domains, batch.domain),
        };
        let embedding = |m: usize| batch.embedding(m, &self.shape);
        tch::no_grad(|| {
            let score = |(m, layer): (usize, &Linear)| layer.forward(params, &embedding(m));
            let scores: Vec<Tensor> = self.layers.iter().enumerate().map(score).collect();
            let (loss, reading) = Reading::learned(task, &scores, label, batch.shares());
            // (errorᵀ z)ᵀ: MKL takes six times as long for zᵀ error, which automatic differentiation would compute
            let error = reading.slope().transpose(2, 3);
            let gradient = |m: usize| error.select(1, m as i64).bmm(&embedding(m)).transpose(1, 2);
            let own = (0..scores.len()).map(gradient).collect();
            match self.label {
                Label::Class => Outcome { class: Some(reading), own, ..Outcome::loss(loss) },
                Label::Domain => Outcome { domain: Some(reading), own, ..Outcome::loss(loss) },
            }
        })
    }

    fn trains_encoders(&self) -> bool {
        false
    }
}
