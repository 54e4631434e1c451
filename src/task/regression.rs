//! A number: squared, absolute or Huber's error, and in the label's own unit how far predictions are off.
//!
//! Heads and losses see labels that are standardised by the run's own training rows, so that nothing depends on their unit.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::{Answer, Judged, Metric, MetricUnit, RowReading, Scale, Task, TaskKind};

/// A number.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Regression {
    /// What is trained with.
    pub loss: ValueLoss,
    /// Place of the metric that chooses epochs.
    pub selects: usize,
}

/// What is lost where a prediction is off by d standard deviations of the labels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValueLoss {
    /// d².
    #[default]
    Mse,
    /// |d|.
    L1,
    /// d² / 2 up to 1, |d| − 1/2 beyond (Huber, 1964, with δ = 1).
    Huber,
}

impl ValueLoss {
    fn of(self, off: &Tensor) -> Tensor {
        match self {
            Self::Mse => off.square(),
            Self::L1 => off.abs(),
            Self::Huber => {
                let size = off.abs();
                (off.square() * 0.5).where_self(&size.lt(1.0), &(&size - 0.5))
            }
        }
    }

    fn slope(self, off: &Tensor) -> Tensor {
        match self {
            Self::Mse => off * 2.0,
            Self::L1 => off.sign(),
            Self::Huber => off.clamp(-1.0, 1.0),
        }
    }
}

impl Task for Regression {
    fn kind(&self) -> TaskKind {
        TaskKind::Regression
    }

    fn outputs(&self) -> i64 {
        1
    }

    fn head(&self) -> &'static str {
        "regressor"
    }

    fn loss(&self, outputs: &Tensor, label: &Tensor) -> Tensor {
        self.loss.of(&(outputs.squeeze_dim(2) - label))
    }

    fn slope(&self, outputs: &Tensor, label: &Tensor) -> Tensor {
        self.loss.slope(&(outputs - label.unsqueeze(2)))
    }

    fn compared(&self, outputs: &Tensor) -> Tensor {
        outputs.shallow_clone()
    }

    fn divergence(&self, outputs: &Tensor, teacher: &Tensor) -> Tensor {
        (outputs - teacher.detach()).square().sum_dim_intlist(-1, false, None)
    }

    fn read(&self, outputs: Tensor, label: &Tensor) -> Box<dyn RowReading> {
        let off = &outputs - label.unsqueeze(1).unsqueeze(3);
        Box::new(Values { outputs, off, loss: self.loss })
    }

    fn score(&self, outputs: &Tensor, label: &Tensor) -> Tensor {
        (outputs.squeeze_dim(2) - label).abs()
    }

    fn judge(&self, outputs: &Tensor, label: &Tensor) -> Tensor {
        let value = outputs.squeeze_dim(2);
        // not a number where the output is none
        let confidence = &value * 0.0 + 1.0;
        let columns = [self.plain_loss(outputs, label), confidence, value];
        Tensor::stack(&columns.map(|column| column.to_kind(Kind::Double)), 2)
    }

    fn predicted(&self, outputs: &Tensor) -> Tensor {
        outputs.squeeze_dim(3).transpose(1, 2)
    }

    fn answer(&self, prediction: f64, scale: &Scale) -> Option<Answer> {
        prediction.is_finite().then(|| Answer::Value(scale.back(prediction)))
    }

    fn metrics(&self) -> &'static [Metric] {
        &METRICS
    }

    fn selects(&self) -> &'static Metric {
        METRICS.get(self.selects).unwrap_or(&METRICS[0])
    }
}

#[derive(Debug)]
struct Values {
    /// [R, M, B, 1].
    outputs: Tensor,
    /// Prediction less label, [R, M, B, 1].
    off: Tensor,
    loss: ValueLoss,
}

impl RowReading for Values {
    fn outputs(&self) -> &Tensor {
        &self.outputs
    }

    fn detach(&self) -> Box<dyn RowReading> {
        Box::new(Self { outputs: self.outputs.detach(), off: self.off.detach(), loss: self.loss })
    }

    fn loss(&self) -> Tensor {
        self.loss.of(&self.off).squeeze_dim(3)
    }

    fn slope(&self) -> Tensor {
        self.loss.slope(&self.off)
    }

    /// exp(− mean |ŷ − y|), as MMDG-Bench's GMP has it for values.
    fn confidence(&self, mean: &dyn Fn(&Tensor) -> Tensor) -> Tensor {
        (-mean(&self.off.abs().squeeze_dim(3))).exp()
    }
}

static METRICS: [Metric; 3] = [
    Metric { name: "mae", title: "MAE", unit: MetricUnit::Label, higher_is_better: false, of: mae },
    Metric { name: "rmse", title: "RMSE", unit: MetricUnit::Label, higher_is_better: false, of: rmse },
    Metric { name: "pearson", title: "Pearson correlation", unit: MetricUnit::None, higher_is_better: true, of: pearson },
];

/// Labels and predictions.
fn pairs(rows: &[&Judged]) -> Vec<[f64; 2]> {
    rows.iter().filter_map(|row| Some([row.truth.value()?, row.predicted?.value()?])).collect()
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> Option<f64> {
    let count = values.len();
    (count > 0).then(|| values.sum::<f64>() / count as f64)
}

/// Mean of |ŷ − y|.
fn mae(rows: &[&Judged]) -> Option<f64> {
    mean(pairs(rows).iter().map(|[truth, predicted]| (predicted - truth).abs()))
}

/// Square root of the mean of (ŷ − y)².
fn rmse(rows: &[&Judged]) -> Option<f64> {
    mean(pairs(rows).iter().map(|[truth, predicted]| (predicted - truth).powi(2))).map(f64::sqrt)
}

/// Correlation of labels and predictions, in [−1, 1]; none where one of them does not vary.
fn pearson(rows: &[&Judged]) -> Option<f64> {
    let pairs = pairs(rows);
    let centre = [0, 1].map(|side| mean(pairs.iter().map(|pair| pair[side])));
    let [a, b] = [centre[0]?, centre[1]?];
    let sum = |of: &dyn Fn(f64, f64) -> f64| pairs.iter().map(|[x, y]| of(x - a, y - b)).sum::<f64>();
    let [xy, xx, yy] = [sum(&|x, y| x * y), sum(&|x, _| x * x), sum(&|_, y| y * y)];
    (xx > 0.0 && yy > 0.0).then(|| (xy / (xx.sqrt() * yy.sqrt())).clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, pairs: &[[f64; 2]]) -> Option<f64> {
        let judged = |&[truth, predicted]: &[f64; 2]| Judged {
            row: 0,
            truth: Answer::Value(truth),
            predicted: Some(Answer::Value(predicted)),
            confidence: 1.0,
            loss: 0.0,
            heads: Vec::new(),
        };
        let rows: Vec<Judged> = pairs.iter().map(judged).collect();
        let metric = METRICS.iter().find(|metric| metric.name == name).unwrap();
        (metric.of)(&rows.iter().collect::<Vec<_>>())
    }

    #[test]
    fn metrics_are_those_of_the_definitions() {
        // numpy: x = [1, 2, 4], y = [2, 2, 3]; np.corrcoef(x, y)[0, 1]
        let pairs = [[1.0, 2.0], [2.0, 2.0], [4.0, 3.0]];
        let close = |found: Option<f64>, wanted: f64| assert!((found.unwrap() - wanted).abs() < 1e-12, "{found:?} {wanted}");
        close(of("mae", &pairs), 2.0 / 3.0);
        close(of("rmse", &pairs), (2.0f64 / 3.0).sqrt());
        close(of("pearson", &pairs), 0.944_911_182_523_068);
        assert_eq!(of("pearson", &[[1.0, 2.0], [3.0, 2.0]]), None);
        assert_eq!((of("mae", &[]), of("pearson", &[])), (None, None));
    }

    #[test]
    fn slopes_are_those_of_automatic_differentiation() {
        for loss in [ValueLoss::Mse, ValueLoss::L1, ValueLoss::Huber] {
            let task = Regression { loss, selects: 0 };
            let outputs = Tensor::from_slice(&[0.3, -2.0, 1.5, 0.9]).view([1, 4, 1]).set_requires_grad(true);
            let label = Tensor::from_slice(&[0.0, 0.5, 1.0, -3.0]).unsqueeze(0);
            let found = Tensor::run_backward(&[task.loss(&outputs, &label).sum(None)], &[&outputs], false, false);
            assert!((&found[0] - task.slope(&outputs, &label)).abs().max().double_value(&[]) < 1e-15, "{loss:?}");
        }
    }
}
