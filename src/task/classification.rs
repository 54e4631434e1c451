//! One of some classes: cross-entropy, the largest score, accuracy.

use std::sync::Arc;

use tch::{Kind, Tensor};

use super::{Answer, Judged, Metric, MetricUnit, RowReading, Scale, Task, TaskKind};

/// One of some classes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Classification {
    /// How many there are.
    pub classes: i64,
    /// Share of the truth spread evenly over all classes in losses that are trained with, in [0, 1) (Szegedy et al., CVPR 2016).
    pub smoothing: f64,
    /// Place of the metric that chooses epochs.
    pub selects: usize,
}

impl Classification {
    /// Of this many classes, without smoothing.
    pub fn of(classes: i64) -> Self {
        Self { classes, smoothing: 0.0, selects: 0 }
    }

    /// The same as a task.
    pub fn task(classes: i64) -> Arc<dyn Task> {
        Arc::new(Self::of(classes))
    }
}

/// Log-probability of each row's true class: scores [R, B, C] and labels [R, B] to [R, B].
pub fn log_probability(logits: &Tensor, label: &Tensor) -> Tensor {
    logits.log_softmax(-1, None).gather(2, &label.unsqueeze(2), false).squeeze_dim(2)
}

impl Task for Classification {
    fn kind(&self) -> TaskKind {
        TaskKind::Classification
    }

    fn outputs(&self) -> i64 {
        self.classes
    }

    fn head(&self) -> &'static str {
        "classifier"
    }

    fn loss(&self, outputs: &Tensor, label: &Tensor) -> Tensor {
        let mut log = log_probability(outputs, label);
        if self.smoothing > 0.0 {
            log = log * (1.0 - self.smoothing) + outputs.log_softmax(-1, None).mean_dim(-1, false, None) * self.smoothing;
        }
        -log
    }

    fn plain_loss(&self, outputs: &Tensor, label: &Tensor) -> Tensor {
        -log_probability(outputs, label)
    }

    fn slope(&self, outputs: &Tensor, label: &Tensor) -> Tensor {
        let truth = outputs.zeros_like().scatter_value(2, &label.unsqueeze(2), 1.0);
        outputs.softmax(-1, None) - truth
    }

    fn compared(&self, outputs: &Tensor) -> Tensor {
        outputs.softmax(-1, None)
    }

    fn divergence(&self, outputs: &Tensor, teacher: &Tensor) -> Tensor {
        let teacher = teacher.detach().log_softmax(-1, None);
        (teacher.exp() * (&teacher - outputs.log_softmax(-1, None))).sum_dim_intlist(-1, false, None)
    }

    fn read(&self, outputs: Tensor, label: &Tensor) -> Box<dyn RowReading> {
        let label = label.unsqueeze(1).unsqueeze(3).expand([-1, outputs.size()[1], -1, -1], false);
        Box::new(Classes { log: outputs.log_softmax(-1, None), label })
    }

    fn score(&self, outputs: &Tensor, label: &Tensor) -> Tensor {
        outputs.argmax(-1, false).eq_tensor(label).to_kind(outputs.kind())
    }

    fn judge(&self, outputs: &Tensor, label: &Tensor) -> Tensor {
        let confidence = outputs.softmax(-1, None).amax([-1i64].as_slice(), false);
        let columns = [self.plain_loss(outputs, label), confidence, outputs.argmax(-1, false)];
        Tensor::stack(&columns.map(|column| column.to_kind(Kind::Double)), 2)
    }

    fn predicted(&self, log: &Tensor) -> Tensor {
        let (found, sure) = (log.argmax(-1, false), log.amax([-1i64].as_slice(), false).isfinite());
        found.where_self(&sure, &found.full_like(-1)).transpose(1, 2)
    }

    fn answer(&self, prediction: f64, _: &Scale) -> Option<Answer> {
        (prediction >= 0.0).then_some(Answer::Class(prediction as usize))
    }

    fn metrics(&self) -> &'static [Metric] {
        &METRICS
    }

    fn selects(&self) -> &'static Metric {
        METRICS.get(self.selects).unwrap_or(&METRICS[0])
    }
}

#[derive(Debug)]
struct Classes {
    /// Log-probabilities [R, M, B, C].
    log: Tensor,
    /// The truth [R, M, B, 1].
    label: Tensor,
}

impl Classes {
    fn log_truth(&self) -> Tensor {
        self.log.gather(3, &self.label, false).squeeze_dim(3)
    }
}

impl RowReading for Classes {
    fn outputs(&self) -> &Tensor {
        &self.log
    }

    fn detach(&self) -> Box<dyn RowReading> {
        Box::new(Self { log: self.log.detach(), label: self.label.shallow_clone() })
    }

    fn loss(&self) -> Tensor {
        -self.log_truth()
    }

    fn loss_above(&self, floor: f64) -> Tensor {
        -self.log_truth().clamp_min(floor.ln())
    }

    fn slope(&self) -> Tensor {
        self.log.exp() - self.log.zeros_like().scatter_value(3, &self.label, 1.0)
    }

    fn confidence(&self, mean: &dyn Fn(&Tensor) -> Tensor) -> Tensor {
        mean(&self.log_truth().exp())
    }

    fn certainty(&self, mean: &dyn Fn(&Tensor) -> Tensor) -> Tensor {
        mean(&self.log.amax([-1i64].as_slice(), false).exp())
    }

    fn accuracy(&self, mean: &dyn Fn(&Tensor) -> Tensor) -> Tensor {
        let right = self.log.argmax(-1, false).eq_tensor(&self.label.squeeze_dim(3));
        mean(&right.to_kind(self.log.kind()))
    }
}

static METRICS: [Metric; 2] = [
    Metric { name: "accuracy", title: "accuracy", unit: MetricUnit::Share, higher_is_better: true, of: accuracy },
    Metric { name: "macro_f1", title: "macro-F1", unit: MetricUnit::Share, higher_is_better: true, of: macro_f1 },
];

/// Share of rows that are right, in [0, 1]; 0 of no row.
fn accuracy(rows: &[&Judged]) -> Option<f64> {
    let right = rows.iter().filter(|row| row.predicted == Some(row.truth)).count();
    Some(right as f64 / rows.len().max(1) as f64)
}

/// Counts by true (rows) and predicted class (columns), up to the last class that occurs or `classes`.
pub fn confusion(rows: &[&Judged], classes: usize) -> Vec<Vec<u64>> {
    let pairs = rows.iter().filter_map(|row| Some([row.truth.class()?, row.predicted?.class()?]));
    let classes = pairs.clone().flatten().map(|place| place + 1).max().unwrap_or(0).max(classes);
    let mut confusion = vec![vec![0; classes]; classes];
    pairs.for_each(|[truth, predicted]| confusion[truth][predicted] += 1);
    confusion
}

/// Mean of 2 TP / (2 TP + FP + FN) over the classes that stand among the truths or the predictions; 0 of no row.
fn macro_f1(rows: &[&Judged]) -> Option<f64> {
    let confusion = confusion(rows, 0);
    let (mut sum, mut classes) = (0.0, 0);
    for (c, row) in confusion.iter().enumerate() {
        let either = row.iter().sum::<u64>() + confusion.iter().map(|row| row[c]).sum::<u64>();
        if either > 0 {
            sum += 2.0 * row[c] as f64 / either as f64;
            classes += 1;
        }
    }
    Some(sum / f64::from(classes.max(1)))
}
