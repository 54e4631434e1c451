//! The pieces of every loss of labels here.

use tch::Tensor;

use super::{Batch, Mixed};
use crate::task::Task;

/// Mean over each run's batch: values and shares [R, B] to \[R\].
pub fn mean(values: &Tensor, share: &Tensor) -> Tensor {
    (values * share).sum_dim_intlist(1, false, None)
}

/// The task's loss of outputs [R, B, outputs] that is trained with, \[R\]: rows count by [`Batch::weight`], and one that is mixed of two by
/// the labels of both. Where classes are smoothed too,
/// a row's weight is that of its class for all of its loss; PyTorch's weighs the spread part by each class it is spread to.
pub fn task_loss(task: &dyn Task, outputs: &Tensor, batch: &Batch) -> Tensor {
    let own = |label: &Tensor, part: &Tensor, weight: Option<&Tensor>| {
        let share = batch.share * part;
        (task.loss(outputs, label), weight.map_or_else(|| share.shallow_clone(), |weight| &share * weight))
    };
    let parts = match batch.mixed {
        None if batch.weight.is_none() => return mean(&task.loss(outputs, batch.label), batch.share),
        None => vec![own(batch.label, &batch.share.ones_like(), batch.weight)],
        Some(Mixed { other, own: part }) => {
            let weight = batch.weight.map(|weight| weight.gather(1, other, false));
            let rest: Tensor = 1.0 - part;
            vec![own(batch.label, part, batch.weight), own(&batch.label.gather(1, other, false), &rest, weight.as_ref())]
        }
    };
    let whole: Tensor = parts.iter().map(|(_, share)| share.sum_dim_intlist(1, true, None)).sum();
    let whole = whole.clamp_min(1e-30);
    parts.iter().map(|(loss, share)| mean(loss, &(share / &whole))).sum()
}

/// The same of each source domain's rows by themselves, [R, C], and whether it has rows, 1 or 0, [R, C].
pub fn risks(task: &dyn Task, outputs: &Tensor, batch: &Batch, domains: i64) -> (Tensor, Tensor) {
    let share = batch.by_domain(domains);
    let there = share.sum_dim_intlist(2, false, None).gt(0.5).to_kind(share.kind());
    let risk = |domain: i64| task_loss(task, outputs, &Batch { share: &share.select(1, domain), ..*batch });
    (Tensor::stack(&(0..domains).map(risk).collect::<Vec<_>>(), 1), there)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Classification;

    #[test]
    fn weights_and_smoothing_are_pytorchs() {
        // torch.nn.functional.cross_entropy on the same scores, in f64
        let logits = Tensor::from_slice(&[1.0, -0.5, 0.3, 0.2, 2.0, -1.0]).view([1, 2, 3]);
        let (label, share) = (Tensor::from_slice(&[0i64, 2]).view([1, 2]), Tensor::from_slice(&[0.5, 0.5]).view([1, 2]));
        let weight = Tensor::from_slice(&[0.5, 3.0]).view([1, 2]); // of the classes 0 and 2
        let loss = |weight: Option<&Tensor>, smoothing| {
            let batch = Batch {
                embeddings: &logits,
                label: &label,
                domain: &label,
                share: &share,
                present: None,
                weight,
                mixed: None,
                states: None,
                masks: None,
            };
            task_loss(&Classification { smoothing, ..Classification::of(3) }, &logits, &batch).double_value(&[0])
        };
        let close = |found: f64, wanted: f64| assert!((found - wanted).abs() < 1e-12, "{found} {wanted}");
        close(loss(None, 0.0), 1.8684868348264865);
        close(loss(None, 0.1), 1.8351535014931533);
        close(loss(Some(&weight), 0.0), 2.8158639674177652);
    }
}
