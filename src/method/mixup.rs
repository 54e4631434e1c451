use tch::{Kind, Tensor};

use super::{Batches, BranchInput, Build, Declared, Method, MethodEntry};
use crate::hyperparameters::Number;
use crate::objective::{FusedClassification, Layout, Mixed, Role, Shape, Streams, Term, beta, column};

/// Mixup between source domains (Zhang et al., ICLR 2018; Wang et al., ICASSP 2020) as DomainBed has it: each row's features are mixed with
/// those of a row of another domain, λ x + (1 − λ) x′ with λ ~ Beta(α, α) for each domain and step, and its loss is that of both labels.
///
/// Differences from DomainBed: what is mixed is the standardised features, and which domain goes with which is a random turn of
/// all, which for up to three domains is what its random pairs are. A row that lacks a modality lacks it mixed.
pub const ENTRY: MethodEntry = MethodEntry {
    takes: &[ALPHA.setting()],
    batches: Batches::ByDomain,
    ..MethodEntry::new(
        "mixup",
        "rows mixed with rows of other source domains (mixup, Zhang et al., ICLR 2018)",
        &[(Role::Task, "classifier", "live")],
    )
};

pub const BUILD: Build = |runs, kind, device| Box::new(Mixup { alpha: column(runs, &ALPHA, kind, device), domains: 1 });

const ALPHA: Number = Number::new("mixup-alpha", 0.2, [0.1, 1.0], "α of Beta(α, α); DomainBed").within(1e-3, 1e3);

#[derive(Debug)]
struct Mixup {
    alpha: Tensor,
    domains: i64,
}

impl Method for Mixup {
    fn declare(&mut self, shape: &Shape, layout: &mut Layout) -> Declared {
        self.domains = shape.domains;
        Declared::live(vec![Term::new(Role::Task, FusedClassification::declare(shape, layout))])
    }

    fn before(&mut self, _: usize, input: &mut BranchInput<'_>) {
        let Some(like) = input.features.first() else { return };
        let (kind, rows) = (like.kind(), like.size()[1]);
        let streams = Streams::new(input.states).with("mixup");
        let integers = |n: i64| Tensor::arange(n, (Kind::Int64, like.device()));
        // rows stand domain by domain, so many of each; what is left over at the end is padding
        let each = rows / self.domains;
        let place = integers(rows).clamp_max(each * self.domains - 1);
        let (domain, within) = (place.divide_scalar_mode(each, "floor"), place.remainder(each));
        let first = streams.uniform(&Tensor::zeros([1, 1], (Kind::Int, like.device()))).to_kind(Kind::Int64);
        let turn = (first * (self.domains - 1)).bitwise_right_shift_tensor_scalar(24i64) + 1;
        let other = (domain.unsqueeze(0) + turn).remainder(self.domains) * each + within;
        // a row whose other would be padding stays as it is
        let there = input.share.gather(1, &other, false).gt(0.0);
        let other = other.where_self(&there, &integers(rows).unsqueeze(0));
        let own = beta(&streams, &self.alpha, self.domains).to_kind(kind).index_select(1, &domain);
        let part = own.unsqueeze(2);
        for x in &mut input.features {
            let partner = x.gather(1, &other.unsqueeze(2).expand_as(&*x), false);
            *x = &part * &*x + (1.0 - &part) * partner;
        }
        input.mixed = Some(Mixed { other, own });
    }
}
