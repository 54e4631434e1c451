use std::ops::Range;
use std::sync::Arc;

use tch::Tensor;

use super::{FusedClassification, Objective, Outcome, Shape, UnimodalClassification, View, mean};
use crate::task::Task;

/// Who is to say what the teacher's fused head does.
#[derive(Debug, Clone)]
enum Student {
    Fused,
    Unimodal(UnimodalClassification),
}

/// How far heads of the first branch are from what the fused head of the second one says, which is a constant: of classes KL(teacher ‖ student), a
/// mean over rows, and of uni-modal heads a sum over modalities.
#[derive(Debug)]
pub struct Distillation {
    teacher: FusedClassification,
    student: Student,
    weight: Tensor,
    task: Arc<dyn Task>,
}

impl Distillation {
    /// Into the fused head itself; `weight` \[R\] is on the loss.
    pub fn fused(classifier: &FusedClassification, weight: Tensor, shape: &Shape) -> Self {
        Self { teacher: classifier.clone(), student: Student::Fused, weight, task: shape.task.clone() }
    }

    /// Into uni-modal heads.
    pub fn unimodal(classifier: &FusedClassification, heads: &UnimodalClassification, weight: Tensor, shape: &Shape) -> Self {
        Self { student: Student::Unimodal(heads.clone()), ..Self::fused(classifier, weight, shape) }
    }
}

impl Objective for Distillation {
    fn entries(&self) -> Range<usize> {
        match &self.student {
            Student::Fused => self.teacher.entries(),
            Student::Unimodal(heads) => heads.entries(),
        }
    }

    fn outcome(&self, here: &View<'_>, others: &[View<'_>]) -> Outcome {
        let teacher = others.first().unwrap_or(here);
        let wanted = self.teacher.scores(teacher.params, teacher.batch).1.detach();
        let far = |outputs: &Tensor, share: &Tensor| mean(&self.task.divergence(outputs, &wanted), share);
        let loss: Tensor = match &self.student {
            Student::Fused => far(&self.teacher.scores(here.params, here.batch).1, here.batch.share),
            Student::Unimodal(heads) => {
                let outputs = heads.outputs(here.params, here.batch);
                outputs.iter().enumerate().map(|(m, outputs)| far(outputs, &here.batch.share_of(m as i64))).sum()
            }
        };
        Outcome::loss(loss * &self.weight)
    }
}
