use tch::Tensor;

use super::Batch;

/// The last layer of a classifier in one step, on the graph of its loss.
#[derive(Debug)]
pub struct Last {
    /// What goes in, [R, B, H].
    pub input: Tensor,
    /// Its weight, [R, H, C].
    pub weight: Tensor,
    /// What comes out, [R, B, C].
    pub scores: Tensor,
    /// Each row's share of its loss, [R, B].
    pub share: Tensor,
}

impl Last {
    /// Gradient of the mean cross-entropy by the weight, [R, H, C], written out: hᵀ (softmax − truth), so that automatic
    /// differentiation can go through it once more.
    pub fn gradient(&self, batch: &Batch) -> Tensor {
        let truth = self.scores.zeros_like().scatter_value(2, &batch.label.unsqueeze(2), 1.0);
        let error = (self.scores.softmax(-1, None) - truth) * self.share.unsqueeze(2);
        self.input.transpose(1, 2).bmm(&error)
    }
}
