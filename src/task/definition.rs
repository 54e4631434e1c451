use std::fmt::Debug;

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::judged::Answer;
use super::metric::Metric;
use super::reading::RowReading;
use super::scale::Scale;
use crate::manifest::LabelSpace;

/// What is predicted of a row. Outputs are those of a head's last layer; labels are places of classes (i64) or values.
///
/// Implementers owe: no exchange between runs or rows, nothing read back to the host but where it is said, and a loss that
/// automatic differentiation can go through twice.
pub trait Task: Debug + Send + Sync {
    /// Which one it is.
    fn kind(&self) -> TaskKind;

    /// Width of a head's last layer.
    fn outputs(&self) -> i64;

    /// The word that names of the fused head's parameters begin with.
    fn head(&self) -> &'static str;

    /// Loss of each row that is trained with: outputs [R, B, outputs] and labels [R, B] to [R, B].
    fn loss(&self, outputs: &Tensor, label: &Tensor) -> Tensor;

    /// The same without what only training adds, such as smoothing: what probes learn and what is judged.
    fn plain_loss(&self, outputs: &Tensor, label: &Tensor) -> Tensor {
        self.loss(outputs, label)
    }

    /// Gradient of the plain loss of each row by its outputs, [R, B, outputs], on the graph of these.
    fn slope(&self, outputs: &Tensor, label: &Tensor) -> Tensor;

    /// What two models are compared by, [R, B, outputs]: probabilities, or values as they are.
    fn compared(&self, outputs: &Tensor) -> Tensor;

    /// How far outputs [R, B, outputs] are from those of a teacher, which is a constant, [R, B]: of classes KL(teacher ‖ student), of
    /// values the squared difference.
    fn divergence(&self, outputs: &Tensor, teacher: &Tensor) -> Tensor;

    /// What uni-modal outputs [R, M, B, outputs] say of rows with these labels [R, B].
    fn read(&self, outputs: Tensor, label: &Tensor) -> Box<dyn RowReading>;

    /// What training tells of itself: the first metric where that is a mean over rows, [R, B].
    fn score(&self, outputs: &Tensor, label: &Tensor) -> Tensor;

    /// Plain loss, confidence and prediction of each row, [R, B, 3]. A confidence that is not finite is of outputs that are not.
    fn judge(&self, outputs: &Tensor, label: &Tensor) -> Tensor;

    /// What uni-modal heads predict, by what [`RowReading::outputs`] gave, [R, B, M].
    fn predicted(&self, outputs: &Tensor) -> Tensor;

    /// A prediction, on the host; none where outputs are not finite. `scale` turns values back into the label's unit.
    fn answer(&self, prediction: f64, scale: &Scale) -> Option<Answer>;

    /// By which figures runs are judged, the one that they are compared by first.
    fn metrics(&self) -> &'static [Metric];

    /// The one that chooses epochs and configurations: the first, unless another was asked for.
    fn selects(&self) -> &'static Metric;
}

/// Which task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskKind {
    /// One of some classes.
    Classification,
    /// A number.
    Regression,
}

impl TaskKind {
    /// The word in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Classification => "classification",
            Self::Regression => "regression",
        }
    }

    /// The one that labels are for.
    pub fn of(labels: &LabelSpace) -> Self {
        match labels {
            LabelSpace::Classes(_) => Self::Classification,
            LabelSpace::Values { .. } => Self::Regression,
        }
    }
}
