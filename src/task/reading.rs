//! What uni-modal outputs say of a batch.

use std::fmt::Debug;

use tch::Tensor;

use super::Task;

/// What outputs of every modality's head say of labelled rows, without gradient.
pub trait RowReading: Debug + Send {
    /// Log-probabilities of classes, or values, [R, M, B, outputs].
    fn outputs(&self) -> &Tensor;

    /// The same without the graph of what made the outputs.
    fn detach(&self) -> Box<dyn RowReading>;

    /// The plain loss, [R, M, B].
    fn loss(&self) -> Tensor;

    /// The same where a probability of the truth below `floor` counts as that; of values the same.
    fn loss_above(&self, _floor: f64) -> Tensor {
        self.loss()
    }

    /// Its gradient by the outputs as they were given, [R, M, B, outputs].
    fn slope(&self) -> Tensor;

    /// How near to the truth the outputs are, in [0, 1], from means over rows [R, M, B] to [R, M].
    fn confidence(&self, mean: &dyn Fn(&Tensor) -> Tensor) -> Tensor;

    /// The mean of the largest probability, right or wrong; of values the confidence.
    fn certainty(&self, mean: &dyn Fn(&Tensor) -> Tensor) -> Tensor {
        self.confidence(mean)
    }

    /// Share of rows that are right; of values, of which none is just right, the confidence.
    fn accuracy(&self, mean: &dyn Fn(&Tensor) -> Tensor) -> Tensor {
        self.confidence(mean)
    }
}

/// What outputs of every modality's head say of a batch. Each figure is made when it is asked for.
#[derive(Debug)]
pub struct Reading {
    rows: Box<dyn RowReading>,
    /// Each row's share of its run's batch, [R, 1, B]; [R, M, B] where not every row has every modality.
    share: Tensor,
}

impl Reading {
    /// Outputs [R, M, B, outputs] (of classes any, before or after a log-softmax), labels [R, B] and each row's share [R, B], which
    /// sums to 1.
    pub fn new(task: &dyn Task, outputs: &Tensor, label: &Tensor, share: &Tensor) -> Self {
        Self { rows: task.read(outputs.detach(), label), share: share.unsqueeze(1) }
    }

    /// Of the outputs of each modality, [R, B, outputs], and shares [R, 1 or M, B].
    pub fn of(task: &dyn Task, outputs: &[Tensor], label: &Tensor, share: Tensor) -> Self {
        Self { rows: task.read(Tensor::stack(outputs, 1).detach(), label), share }
    }

    /// The same with their mean losses, summed over modalities, to learn from, \[R\].
    pub fn learned(task: &dyn Task, outputs: &[Tensor], label: &Tensor, share: Tensor) -> (Tensor, Self) {
        let rows = task.read(Tensor::stack(outputs, 1), label);
        let loss = (rows.loss() * &share).sum_dim_intlist([1i64, 2].as_slice(), false, None);
        (loss, Self { rows: rows.detach(), share })
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

    /// [`RowReading::outputs`].
    pub fn outputs(&self) -> &Tensor {
        self.rows.outputs()
    }

    /// Gradient of the mean loss by the outputs, [R, M, B, outputs].
    pub fn slope(&self) -> Tensor {
        self.rows.slope() * self.share.unsqueeze(3)
    }

    /// How near to the truth, [R, M]: of classes the mean probability of the truth, of values exp(− mean |ŷ − y|).
    pub fn confidence(&self) -> Tensor {
        self.rows.confidence(&|values| self.mean(values))
    }

    /// Mean loss, [R, M].
    pub fn loss(&self) -> Tensor {
        self.mean(&self.rows.loss())
    }

    /// Loss summed over rows by these shares [R, M, B], [R, M].
    pub fn loss_by(&self, share: &Tensor) -> Tensor {
        (self.rows.loss() * share).sum_dim_intlist(2, false, None)
    }

    /// Mean of [`RowReading::loss_above`], [R, M].
    pub fn loss_above(&self, floor: f64) -> Tensor {
        self.mean(&self.rows.loss_above(floor))
    }

    /// [`RowReading::certainty`], [R, M].
    pub fn certainty(&self) -> Tensor {
        self.rows.certainty(&|values| self.mean(values))
    }

    /// [`RowReading::accuracy`], [R, M].
    pub fn accuracy(&self) -> Tensor {
        self.rows.accuracy(&|values| self.mean(values))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Classification, Regression, ValueLoss};
    use super::*;

    fn close(found: &Tensor, wanted: [f64; 2]) {
        let found = Vec::<f64>::try_from(found.get(0)).unwrap();
        assert!(found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?} {wanted:?}");
    }

    #[test]
    fn figures_are_means_over_the_rows_that_count() {
        // two modalities, three rows of which the last is padding, two classes
        let p = [[[0.9, 0.1], [0.4, 0.6], [0.5, 0.5]], [[0.2, 0.8], [0.3, 0.7], [0.0, 1.0]]];
        let flat: Vec<f64> = p.iter().flatten().flatten().map(|p: &f64| p.ln()).collect();
        let scores = Tensor::from_slice(&flat).view([1, 2, 3, 2]) + 3.0;
        let (label, share) = (Tensor::from_slice(&[0i64, 0, 1]), Tensor::from_slice(&[0.5, 0.5, 0.0]));
        let reading = Reading::new(&Classification::of(2), &scores, &label.unsqueeze(0), &share.unsqueeze(0));
        close(&reading.confidence(), [0.65, 0.25]);
        close(&reading.certainty(), [0.75, 0.75]);
        close(&reading.accuracy(), [0.5, 0.0]);
        close(&reading.loss(), [-(0.9f64.ln() + 0.4f64.ln()) / 2.0, -(0.2f64.ln() + 0.3f64.ln()) / 2.0]);
    }

    #[test]
    fn values_are_as_near_as_their_mean_error_says() {
        let outputs = Tensor::from_slice(&[1.0, 2.0, 9.0, 0.0, 0.0, 9.0]).view([1, 2, 3, 1]);
        let (label, share) = (Tensor::from_slice(&[0.5, 3.0, 0.0]), Tensor::from_slice(&[0.5, 0.5, 0.0]));
        let reading =
            Reading::new(&Regression { loss: ValueLoss::Mse, selects: 0 }, &outputs, &label.unsqueeze(0), &share.unsqueeze(0));
        close(&reading.confidence(), [(-0.75f64).exp(), (-1.75f64).exp()]);
        close(&reading.accuracy(), [(-0.75f64).exp(), (-1.75f64).exp()]);
        close(&reading.loss(), [(0.25 + 1.0) / 2.0, (0.25 + 9.0) / 2.0]);
        close(&reading.slope().select(3, 0).select(2, 1), [-1.0, -3.0]);
    }
}
