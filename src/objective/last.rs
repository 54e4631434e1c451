use std::sync::Arc;

use tch::Tensor;

use super::Batch;
use crate::task::Task;

/// The last layer of the task's head in one step, on the graph of its loss.
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
    /// What is predicted.
    pub task: Arc<dyn Task>,
}

impl Last {
    /// Gradient of the mean plain loss by the weight, [R, H, C], written out: of classes hᵀ (softmax − truth), so that automatic
    /// differentiation can go through it once more.
    pub fn gradient(&self, batch: &Batch) -> Tensor {
        let error = self.task.slope(&self.scores, batch.label) * self.share.unsqueeze(2);
        self.input.transpose(1, 2).bmm(&error)
    }
}
