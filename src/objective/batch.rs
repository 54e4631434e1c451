//! What heads are built for, and what they see.

use std::sync::Arc;

use tch::{Kind, Tensor};

use super::fusion::Fusion;
use crate::task::Task;

/// The sizes that heads are built for.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Names of the modalities, in order of concatenation.
    pub modalities: Vec<String>,
    /// Width E_m of each modality's embedding.
    pub widths: Vec<i64>,
    /// What is predicted.
    pub task: Arc<dyn Task>,
    /// Number of source domains.
    pub domains: i64,
    /// Width of the hidden layer of fused heads and discriminators.
    pub hidden: i64,
    /// What the task's heads are like.
    pub heads: Heads,
}

/// What the task's heads are like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Heads {
    /// How embeddings come together before the fused head.
    pub fusion: Fusion,
    /// Weight of a method's uni-modal losses, at least 0.
    pub unimodal: f64,
}

impl Default for Heads {
    fn default() -> Self {
        Self { fusion: Fusion::Concat, unimodal: 1.0 }
    }
}

impl Shape {
    /// Number of modalities.
    pub fn len(&self) -> i64 {
        self.modalities.len() as i64
    }

    /// Whether there is no modality.
    pub fn is_empty(&self) -> bool {
        self.modalities.is_empty()
    }

    /// Width of the concatenated embeddings, Σ E_m.
    pub fn fused(&self) -> i64 {
        self.widths.iter().sum()
    }

    /// The modalities with the widths of their embeddings.
    pub fn each(&self) -> impl Iterator<Item = (&String, i64)> {
        self.modalities.iter().zip(self.widths.iter().copied())
    }

    /// Pairs of modalities, i < j.
    pub fn pairs(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let count = self.modalities.len();
        (0..count).flat_map(move |i| (i + 1..count).map(move |j| (i, j)))
    }

    /// The part of modality `m` in something that is as wide as the concatenated embeddings in dimension `dim`.
    pub fn part(&self, of: &Tensor, dim: i64, m: usize) -> Tensor {
        of.narrow(dim, self.widths[..m].iter().sum(), self.widths[m])
    }

    /// One number a modality, [R, B, M], for each element of its embedding, [R, B, Σ E_m].
    pub fn widened(&self, of: &Tensor) -> Tensor {
        let part = |(m, &width): (usize, &i64)| of.narrow(2, m as i64, 1).expand([-1, -1, width], false);
        Tensor::cat(&self.widths.iter().enumerate().map(part).collect::<Vec<_>>(), 2)
    }
}

/// Rows of which each is part of another one: x_i = s_i x_i + (1 − s_i) x_j.
#[derive(Debug)]
pub struct Mixed {
    /// The place j of the other row, [R, B], i64.
    pub other: Tensor,
    /// s, [R, B].
    pub own: Tensor,
}

/// What heads see of one batch of each run.
#[derive(Debug)]
pub struct Batch<'a> {
    /// Concatenated embeddings [R, B, Σ E_m].
    pub embeddings: &'a Tensor,
    /// Labels [R, B]: places of classes (i64), or standardised values.
    pub label: &'a Tensor,
    /// Source domains [R, B], i64, counted within the run's sources.
    pub domain: &'a Tensor,
    /// Each row's share of its run's batch [R, B]: sums to 1 over B; 0 for padding.
    pub share: &'a Tensor,
    /// 1 where a row has the modality, [R, B, M]: rows that lack it are in none of its own losses. All have all where none.
    pub present: Option<&'a Tensor>,
    /// How much each row counts in the task's losses beside its share, [R, B]; all alike where none.
    pub weight: Option<&'a Tensor>,
    /// Rows that are mixed; none where each is itself.
    pub mixed: Option<&'a Mixed>,
    /// State of each run's random stream of this step, [R, 2], for [`Streams`](super::Streams); none in evaluation.
    pub states: Option<&'a Tensor>,
    /// Dropout factors [R, B, W], 0 or 1 / (1 − rate), by the places that a [`Layout`](super::Layout) gave out; none in evaluation.
    pub masks: Option<&'a Tensor>,
}

impl Batch<'_> {
    /// The embedding of modality `m`, [R, B, E_m].
    pub fn embedding(&self, m: usize, shape: &Shape) -> Tensor {
        shape.part(self.embeddings, 2, m)
    }

    /// Each row's share of those that have modality `m`, [R, B]: sums to 1, or to 0 where no row has it.
    pub fn share_of(&self, m: i64) -> Tensor {
        self.share_of_all(&[m])
    }

    /// The same of those that have all of these modalities.
    pub fn share_of_all(&self, modalities: &[i64]) -> Tensor {
        let Some(present) = self.present else { return self.share.shallow_clone() };
        let share = modalities.iter().fold(self.share.shallow_clone(), |share, &m| share * present.select(2, m));
        let whole = share.sum_dim_intlist(1, true, None).clamp_min(1e-30);
        share / whole
    }

    /// Rows by source domain, [R, C, B]: each one's share of its domain's rows, which sums to 1 over B, or to 0 where there are none.
    pub fn by_domain(&self, domains: i64) -> Tensor {
        let places = Tensor::arange(domains, (Kind::Int64, self.domain.device())).view([1, -1, 1]);
        let share = self.domain.unsqueeze(1).eq_tensor(&places).to_kind(self.share.kind()) * self.share.unsqueeze(1);
        let whole = share.sum_dim_intlist(2, true, None).clamp_min(1e-30);
        share / whole
    }

    /// The same of all modalities, [R, M, B], or of every one alike, [R, 1, B].
    pub fn shares(&self) -> Tensor {
        let Some(present) = self.present else { return self.share.unsqueeze(1) };
        Tensor::stack(&(0..present.size()[2]).map(|m| self.share_of(m)).collect::<Vec<_>>(), 1)
    }
}
