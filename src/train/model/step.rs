//! What goes into a step and comes out of it.

use tch::Tensor;

/// One batch of each run, before the encoders.
#[derive(Debug)]
pub struct Inputs {
    /// Standardised features by modality, [R, B, D].
    pub features: Vec<Tensor>,
    /// Labels [R, B]: places of classes, or standardised values.
    pub label: Tensor,
    /// Source domains [R, B], counted within the run's sources.
    pub domain: Tensor,
    /// [`Batch::share`](crate::objective::Batch::share).
    pub share: Tensor,
    /// [`Batch::present`](crate::objective::Batch::present).
    pub present: Option<Tensor>,
    /// [`Batch::weight`](crate::objective::Batch::weight).
    pub weight: Option<Tensor>,
    /// By branch, [`Batch::masks`](crate::objective::Batch::masks); none of branches that are not there.
    pub masks: Vec<Option<Tensor>>,
}

/// When a step is, and for whom.
#[derive(Debug)]
pub struct Moment {
    /// [`Signals::active`](crate::balance::Signals::active).
    pub active: Tensor,
    /// [`Signals::states`](crate::balance::Signals::states).
    pub states: Tensor,
    /// [`Signals::epoch`](crate::balance::Signals::epoch).
    pub epoch: usize,
    /// [`Signals::done`](crate::balance::Signals::done).
    pub done: Option<Tensor>,
    /// [`BranchInput::late`](crate::method::BranchInput::late).
    pub late: Option<Tensor>,
}

/// The gradient of one group's losses by one parameter.
#[derive(Debug)]
pub(super) struct Head {
    /// Entry of the layout.
    pub(super) place: usize,
    /// The group.
    pub(super) t: usize,
    /// The modality it is balanced with.
    pub(super) owner: Option<usize>,
    /// [R, …] flattened; scaled as the losses are where a modality owns it.
    pub(super) gradient: Tensor,
}

/// What a model says of rows.
#[derive(Debug)]
pub struct Scores {
    /// Concatenated embeddings [R, B, Σ E_m].
    pub embeddings: Tensor,
    /// Outputs of the fused head, [R, B, outputs].
    pub logits: Tensor,
    /// [What](crate::task::RowReading::outputs) each modality's own head or probe says, [R, M, B, outputs], where there are such.
    pub heads: Option<Tensor>,
}

/// What a step tells of itself.
#[derive(Debug)]
pub struct Seen {
    /// The fused head's loss, \[R\].
    pub loss: Tensor,
    /// Mean of [`Task::score`](crate::task::Task::score) over the batch, \[R\].
    pub score: Tensor,
    /// [`crate::balance::Record::tensor`].
    pub record: Option<Tensor>,
}
