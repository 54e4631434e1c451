//! The pieces of every classification loss here.

use tch::Tensor;

use super::Batch;

/// Log-probability of each row's true class: scores [R, B, C] and labels [R, B] to [R, B].
pub fn log_probability(logits: &Tensor, label: &Tensor) -> Tensor {
    logits.log_softmax(-1, None).gather(2, &label.unsqueeze(2), false).squeeze_dim(2)
}

/// Mean over each run's batch: values and shares [R, B] to \[R\].
pub fn mean(values: &Tensor, share: &Tensor) -> Tensor {
    (values * share).sum_dim_intlist(1, false, None)
}

/// Cross-entropy of class scores [R, B, C] that is trained with, \[R\]: rows count by [`Batch::weight`], and of the truth
/// `smoothing` is spread evenly over all classes (Szegedy et al., CVPR 2016). With both, a row's weight is that of its class
/// for all of its loss; PyTorch's weighs the spread part by each class it is spread to.
pub fn class_loss(logits: &Tensor, batch: &Batch, smoothing: f64) -> Tensor {
    let mut log = log_probability(logits, batch.label);
    if smoothing > 0.0 {
        log = log * (1.0 - smoothing) + logits.log_softmax(-1, None).mean_dim(-1, false, None) * smoothing;
    }
    let Some(weight) = batch.weight else { return -mean(&log, batch.share) };
    let share = batch.share * weight;
    let whole = share.sum_dim_intlist(1, true, None).clamp_min(1e-30);
    -mean(&log, &(share / whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_and_smoothing_are_pytorchs() {
        // torch.nn.functional.cross_entropy on the same scores, in f64
        let logits = Tensor::from_slice(&[1.0, -0.5, 0.3, 0.2, 2.0, -1.0]).view([1, 2, 3]);
        let (label, share) = (Tensor::from_slice(&[0i64, 2]).view([1, 2]), Tensor::from_slice(&[0.5, 0.5]).view([1, 2]));
        let weight = Tensor::from_slice(&[0.5, 3.0]).view([1, 2]); // of the classes 0 and 2
        let loss = |weight: Option<&Tensor>, smoothing| {
            let batch =
                Batch { embeddings: &logits, label: &label, domain: &label, share: &share, present: None, weight, masks: None };
            class_loss(&logits, &batch, smoothing).double_value(&[0])
        };
        let close = |found: f64, wanted: f64| assert!((found - wanted).abs() < 1e-12, "{found} {wanted}");
        close(loss(None, 0.0), 1.8684868348264865);
        close(loss(None, 0.1), 1.8351535014931533);
        close(loss(Some(&weight), 0.0), 2.8158639674177652);
    }
}
