//! What uni-modal scores say of a batch.

use tch::Tensor;

use super::Batch;

/// One linear head's scores of every modality for each row, without gradient. Each figure is made when it is asked for.
#[derive(Debug)]
pub struct Reading {
    /// Log-probabilities [R, M, B, C].
    log: Tensor,
    /// The truth [R, M, B, 1].
    label: Tensor,
    /// Each row's share of its run's batch, [R, 1, B]; [R, M, B] where not every row has every modality.
    share: Tensor,
}

impl Reading {
    /// Scores [R, M, B, C] (any, before or after a log-softmax), the truth [R, B] and each row's share [R, B], which sums to 1.
    pub fn new(scores: &Tensor, label: &Tensor, share: &Tensor) -> Self {
        Self::of_log(scores.detach().log_softmax(-1, None), label, share.unsqueeze(1))
    }

    fn of_log(log: Tensor, label: &Tensor, share: Tensor) -> Self {
        let label = label.unsqueeze(1).unsqueeze(3).expand([-1, log.size()[1], -1, -1], false);
        Self { log, label, share }
    }

    /// Of the scores of each modality, [R, B, C]: their mean cross-entropies, summed over modalities, to learn from, and what
    /// they say.
    pub(super) fn learned(scores: &[Tensor], label: &Tensor, batch: &Batch) -> (Tensor, Self) {
        let graph = Self::of_log(Tensor::stack(scores, 1).log_softmax(-1, None), label, batch.shares());
        let loss = -(graph.log_truth() * &graph.share).sum_dim_intlist([1i64, 2].as_slice(), false, None);
        (loss, Self { log: graph.log.detach(), ..graph })
    }

    /// Of the scores of each modality, [R, B, C].
    pub(super) fn of(scores: &[Tensor], label: &Tensor, batch: &Batch) -> Self {
        Self::of_log(Tensor::stack(scores, 1).detach().log_softmax(-1, None), label, batch.shares())
    }

    /// Over the rows that have the modality; where none has, the mean of the other modalities' figures, which sets it apart in no
    /// ratio.
    fn mean(&self, values: &Tensor) -> Tensor {
        let mean = (values * &self.share).sum_dim_intlist(2, false, None);
        if self.share.size()[1] == 1 {
            return mean;
        }
        let there = self.share.sum_dim_intlist(2, false, None).gt(0.0);
        let count = there.to_kind(mean.kind()).sum_dim_intlist(1, true, None).clamp_min(1.0);
        let others = mean.sum_dim_intlist(1, true, None) / count;
        mean.where_self(&there, &others)
    }

    fn log_truth(&self) -> Tensor {
        self.log.gather(3, &self.label, false).squeeze_dim(3)
    }

    /// Log-probabilities [R, M, B, C].
    pub fn log(&self) -> &Tensor {
        &self.log
    }

    /// Gradient of the mean cross-entropy by the scores, [R, M, B, C].
    pub(super) fn error(&self) -> Tensor {
        let truth = self.log.zeros_like().scatter_value(3, &self.label, 1.0);
        (self.log.exp() - truth) * self.share.unsqueeze(3)
    }

    /// Mean probability of the truth, [R, M].
    pub fn confidence(&self) -> Tensor {
        self.mean(&self.log_truth().exp())
    }

    /// Mean cross-entropy, [R, M].
    pub fn loss(&self) -> Tensor {
        -self.mean(&self.log_truth())
    }

    /// Cross-entropy summed over rows by these shares [R, M, B], [R, M].
    pub fn loss_by(&self, share: &Tensor) -> Tensor {
        -(self.log_truth() * share).sum_dim_intlist(2, false, None)
    }

    /// Mean cross-entropy where a probability of the truth below `floor` counts as that, [R, M].
    pub fn loss_above(&self, floor: f64) -> Tensor {
        -self.mean(&self.log_truth().clamp_min(floor.ln()))
    }

    /// Mean of the largest probability, right or wrong, [R, M].
    pub fn certainty(&self) -> Tensor {
        self.mean(&self.log.amax([-1i64].as_slice(), false).exp())
    }

    /// Share of rows whose largest score is the truth's, [R, M].
    pub fn accuracy(&self) -> Tensor {
        let right = self.log.argmax(-1, false).eq_tensor(&self.label.squeeze_dim(3));
        self.mean(&right.to_kind(self.log.kind()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_means_over_the_rows_that_count() {
        // two modalities, three rows of which the last is padding, two classes
        let p = [[[0.9, 0.1], [0.4, 0.6], [0.5, 0.5]], [[0.2, 0.8], [0.3, 0.7], [0.0, 1.0]]];
        let flat: Vec<f64> = p.iter().flatten().flatten().map(|p: &f64| p.ln()).collect();
        let scores = Tensor::from_slice(&flat).view([1, 2, 3, 2]) + 3.0;
        let reading = Reading::new(
            &scores,
            &Tensor::from_slice(&[0i64, 0, 1]).unsqueeze(0),
            &Tensor::from_slice(&[0.5, 0.5, 0.0]).unsqueeze(0),
        );
        let close = |found: Tensor, wanted: [f64; 2]| {
            let found = Vec::<f64>::try_from(found.get(0)).unwrap();
            assert!(found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?} {wanted:?}");
        };
        close(reading.confidence(), [0.65, 0.25]);
        close(reading.certainty(), [0.75, 0.75]);
        close(reading.accuracy(), [0.5, 0.0]);
        close(reading.loss(), [-(0.9f64.ln() + 0.4f64.ln()) / 2.0, -(0.2f64.ln() + 0.3f64.ln()) / 2.0]);
    }
}
