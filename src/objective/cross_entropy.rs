//! The pieces of every classification loss here.

use tch::Tensor;

/// Log-probability of each row's true class: scores [R, B, C] and labels [R, B] to [R, B].
pub fn log_probability(logits: &Tensor, label: &Tensor) -> Tensor {
    logits.log_softmax(-1, None).gather(2, &label.unsqueeze(2), false).squeeze_dim(2)
}

/// Mean over each run's batch: values and shares [R, B] to \[R\].
pub fn mean(values: &Tensor, share: &Tensor) -> Tensor {
    (values * share).sum_dim_intlist(1, false, None)
}
