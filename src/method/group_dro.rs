use tch::Tensor;

use super::{Batches, Build, Declared, Method, MethodEntry};
use crate::hyperparameters::Number;
use crate::objective::{FusedClassification, Layout, Role, Shape, Term, WorstRisk, column};

/// Group DRO (Sagawa et al., ICLR 2020) as DomainBed has it: source domains count by weights that grow with their losses.
pub const ENTRY: MethodEntry = MethodEntry {
    takes: &[RATE.setting()],
    batches: Batches::ByDomain,
    ..MethodEntry::new(
        "group-dro",
        "source domains weighted by their losses (group DRO, Sagawa et al., ICLR 2020)",
        &[(Role::Task, "classifier", "live")],
    )
};

pub const BUILD: Build = |runs, kind, device| {
    let rate = column(runs, &RATE, kind, device);
    let weights = Tensor::empty([runs.len() as i64, 0], (kind, device));
    Box::new(GroupDro { rate, weights })
};

const RATE: Number = Number::new("group-dro-rate", 0.01, [1e-3, 0.1], "η, how fast the domains' weights grow; DomainBed");

#[derive(Debug)]
struct GroupDro {
    rate: Tensor,
    /// q, [R, C].
    weights: Tensor,
}

impl Method for GroupDro {
    fn declare(&mut self, shape: &Shape, layout: &mut Layout) -> Declared {
        let size = [self.rate.size()[0], shape.domains];
        self.weights = Tensor::full(size, 1.0 / shape.domains as f64, (self.rate.kind(), self.rate.device()));
        let classifier = FusedClassification::declare(shape, layout);
        let risk = WorstRisk::of(&classifier, self.rate.shallow_clone(), self.weights.shallow_clone(), shape);
        Declared::live(vec![Term::new(Role::Task, risk)])
    }

    fn hear(&mut self, told: &Tensor, active: &Tensor) {
        let next = told.where_self(&active.unsqueeze(1).gt(0.0), &self.weights);
        self.weights.copy_(&next);
    }

    fn state(&mut self) -> Vec<(&'static str, &mut Tensor)> {
        vec![("weights", &mut self.weights)]
    }
}
