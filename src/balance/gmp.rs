use tch::Tensor;

use super::adversarial::LAMBDA;
use super::ratio::{is_ahead, to_mean_of_others, to_others};
use super::{Added, Balancer, BalancerEntry, Build, Choice, Needs, Number, Record, Signals, Update, column, word};
use crate::objective::{FusedDomain, Label, Layout, Probe, Role, Shape, SharedDiscriminator, Term, UnimodalClassification};

/// Gradient modulation projection (Peng et al., AAAI 2026, arXiv 2603.14175).
///
/// `paper` balances the class losses, which are all that a method has but domain losses, against the fused domain loss, or the method's own where it has
/// some. With `class-gradient = "fused"` it is the fused class loss alone; the others then count in full, untouched. `bench` follows the authors' code: the
/// fused loss counts in full, and the uni-modal class and domain losses of each modality are balanced on top of it. The uni-modal head counts in ‖g_c‖ and
/// has no g_d: as in that code it learns from k g_c whichever side is projected; `unimodal-head = "projected"` takes Θ_m, encoder and head, as one vector,
/// which gives the head what is left of the encoder's class side. For more than two modalities ratios are to the mean of the others, as in that code; for
/// two this is Eq. 8. With a single source domain the domain branch is off: its gradient is 0, σ = p = 1.
///
/// `modulate` and `project` hold the paper's ablation: IGDM alone is `project = "none"`, CAGP alone `modulate = "none"`, without k `"domain"`, without p
/// `"class"`, unified modulation `"unified"` (the paper gives no formula; here k on both gradients); fixed projections are `project = "class"` and
/// `"domain"`, PCGrad `"both"`, reverse CAGP `"weaker"`. Every one of them projects only where the two gradients conflict.
pub const ENTRY: BalancerEntry = BalancerEntry {
    takes: &[
        BENCH.setting(),
        MODULATE.setting(),
        PROJECT.setting(),
        PAIRWISE.setting(),
        CLASS_GRADIENT.setting(),
        ALPHA_K.setting(),
        ALPHA_P.setting(),
        LAMBDA.only("variant", "paper").setting(),
        REVERSAL.setting(),
        OWNED.setting(),
        CLASS_WEIGHT.setting(),
        DOMAIN_WEIGHT.setting(),
    ],
    adds: &[
        Added::unless_there(Role::Domain, "discriminator").only(&[("variant", "paper")]),
        Added::always(Role::Domain, "discriminator").only(&[("variant", "bench")]),
        Added::always(Role::Unimodal, "unimodal").only(&[("variant", "bench")]),
    ],
    ..BalancerEntry::new("gmp", "gradient modulation projection (Peng et al., AAAI 2026)")
};

pub const BUILD: Build = |runs, kind, device| {
    let column = |number: &Number| column(runs, number, kind, device);
    let bench = word(runs, &BENCH);
    let (class_scale, domain_scale) = match bench {
        true => (column(&CLASS_WEIGHT), -column(&DOMAIN_WEIGHT) * column(&REVERSAL)),
        false => (Tensor::ones([runs.len() as i64], (kind, device)), -column(&LAMBDA)),
    };
    let [alpha_k, alpha_p] = [&ALPHA_K, &ALPHA_P].map(|number| column(number).unsqueeze(1));
    let (modulate, project, pairwise) = (word(runs, &MODULATE), word(runs, &PROJECT), word(runs, &PAIRWISE));
    let (owned, fused) = (bench && word(runs, &OWNED), !bench && word(runs, &CLASS_GRADIENT));
    Box::new(Gmp { bench, owned, fused, modulate, project, pairwise, alpha_k, alpha_p, class_scale, domain_scale })
};

const BENCH: Choice<bool> = Choice::new(
    "variant",
    &["paper", "bench"],
    &[false, true],
    "the equations of the paper, or the authors' code as released with MMDG-Bench",
);

/// What is modulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Modulate {
    Both,
    Class,
    Domain,
    Unified,
    Neither,
}

const MODULATE: Choice<Modulate> = Choice::new(
    "modulate",
    &["both", "class", "domain", "unified", "none"],
    &[Modulate::Both, Modulate::Class, Modulate::Domain, Modulate::Unified, Modulate::Neither],
    "k on the class gradient and p on the domain gradient, one of them, k on both, or neither",
);

/// Which gradient is projected off the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Project {
    Stronger,
    Weaker,
    Class,
    Domain,
    Both,
    Neither,
}

const PROJECT: Choice<Project> = Choice::new(
    "project",
    &["stronger", "weaker", "class", "domain", "both", "none"],
    &[Project::Stronger, Project::Weaker, Project::Class, Project::Domain, Project::Both, Project::Neither],
    "which gradient is projected where the two conflict: the paper takes the stronger task's",
);

const PAIRWISE: Choice<bool> = Choice::new(
    "ratio",
    &["mean", "pairwise"],
    &[false, true],
    "to more than one other modality: ρ and σ by the mean of the others, or as the mean of the ratios to each",
);

const CLASS_GRADIENT: Choice<bool> = Choice::new(
    "class-gradient",
    &["all", "fused"],
    &[false, true],
    "what the class gradient is of: every loss but domain losses, or the fused class loss, the others added untouched",
)
.only("variant", "paper");

const ALPHA_K: Number =
    Number::new("alpha-k", 0.5, [0.0, 1.0], "α_k of Eq. 9, 0 leaves k = 1; the authors' code, the paper gives no value");

const ALPHA_P: Number =
    Number::new("alpha-p", 0.1, [0.0, 1.0], "α_p of Eq. 10, 0 leaves p = 1; the newer revision of the authors' code");

const REVERSAL: Number =
    Number::new("reversal", 0.3, [0.0, 1.0], "strength of the gradient reversal; the authors' code").only("variant", "bench");

const OWNED: Choice<bool> = Choice::new(
    "unimodal-head",
    &["modulated", "projected"],
    &[true, false],
    "what the uni-modal head learns from: k g_c, as in the authors' code, or the class side as its encoder has it",
)
.only("variant", "bench");

const CLASS_WEIGHT: Number =
    Number::new("class-weight", 3.0, [0.0, 5.0], "weight of the uni-modal losses; the authors' code").only("variant", "bench");

const DOMAIN_WEIGHT: Number =
    Number::new("domain-weight", 0.5, [0.0, 1.0], "weight of the domain losses; the authors' code").only("variant", "bench");

/// Keeps quotients finite where a gradient vanishes; the authors' code adds 1e-12.
const SQUARE_FLOOR: f64 = 1e-30;

/// ρ (above 1, the modality is ahead in classification), σ (above 1, in domain invariance), Γ = ρ / σ, the factors k and p, the cosine
/// of the two gradients before anything is changed, 1 where they conflict, and ‖removed part‖ / ‖gradient‖ of what was projected.
const RECORDS: [&str; 8] = ["rho", "sigma", "gamma", "k", "p", "cosine", "conflict", "projected"];

/// g_c and g_d of the paper.
const CLASS_AND_DOMAIN: &[&[Role]] = &[&[Role::Task, Role::Unimodal, Role::Auxiliary], &[Role::Domain]];

#[derive(Debug)]
struct Gmp {
    bench: bool,
    /// Whether heads that a modality owns learn from k g_c.
    owned: bool,
    /// Whether g_c is of the fused class loss alone.
    fused: bool,
    modulate: Modulate,
    project: Project,
    pairwise: bool,
    alpha_k: Tensor,
    alpha_p: Tensor,
    class_scale: Tensor,
    domain_scale: Tensor,
}

impl Balancer for Gmp {
    fn groups(&self) -> &'static [&'static [Role]] {
        match (self.bench, self.fused) {
            (true, _) => &[&[Role::Task, Role::Auxiliary], &[Role::Unimodal], &[Role::Domain]],
            (false, true) => &[&[Role::Task], &[Role::Domain], &[Role::Unimodal, Role::Auxiliary]],
            (false, false) => CLASS_AND_DOMAIN,
        }
    }

    fn terms(&self, shape: &Shape, layout: &mut Layout, method: &[Role]) -> Vec<Term> {
        let (class, domain) = (self.class_scale.shallow_clone(), self.domain_scale.shallow_clone());
        if self.bench {
            let own = Term::new(Role::Unimodal, UnimodalClassification::declare(shape, layout)).scaled(class);
            let discriminator = Term::new(Role::Domain, SharedDiscriminator::declare(shape, layout)).scaled(domain);
            return vec![own, discriminator];
        }
        let discriminator = (!method.contains(&Role::Domain))
            .then(|| Term::new(Role::Domain, FusedDomain::declare(shape, layout)).scaled(domain));
        let mut terms: Vec<Term> = discriminator.into_iter().collect();
        terms.extend([Label::Class, Label::Domain].map(|label| Term::probe(Probe::declare(label, shape, layout))));
        terms
    }

    fn needs(&self) -> Needs {
        Needs { gramian: true, ..Needs::default() }
    }

    fn records(&self) -> &'static [&'static str] {
        &RECORDS
    }

    fn weigh(&mut self, signals: &Signals) -> Option<Update> {
        let (Some(class), Some(domain), Some(gramian)) = (&signals.class, &signals.domain, &signals.gramian) else {
            return None;
        };
        let c = signals.groups.place(if self.bench { Role::Unimodal } else { Role::Task })?;
        let d = signals.groups.place(Role::Domain)?;
        let inner = |s: i64, t: i64| gramian.select(3, t).select(2, s);
        let (cc, cd, dd) = (inner(c, c), inner(c, d), inner(d, d));

        let rho = to_others(&class.confidence(), self.pairwise);
        let sigma = to_mean_of_others(&domain.confidence()).reciprocal(); // Eq. 8: the other way round
        let one = rho.ones_like();
        let k = 1.0 - (&rho * &self.alpha_k).tanh() * is_ahead(&rho); // Eq. 9
        let p = 1.0 - (&sigma * &self.alpha_p).tanh() * is_ahead(&sigma); // Eq. 10
        let (k, p) = match self.modulate {
            Modulate::Both => (k, p),
            Modulate::Class => (k, one),
            Modulate::Domain => (one, p),
            Modulate::Unified => (k.shallow_clone(), k),
            Modulate::Neither => (one.shallow_clone(), one),
        };

        // Eqs. 11-15 in terms of inner products of g_c and g_d; rho = sigma goes with the class side, as in the code
        let product = &k * &p * &cd;
        let conflict = product.lt(0.0);
        let classes_ahead = rho.ge_tensor(&sigma);
        let every = || conflict.ones_like();
        let never = || conflict.zeros_like();
        let (class_side, domain_side) = match self.project {
            Project::Stronger => (classes_ahead.shallow_clone(), classes_ahead.logical_not()),
            Project::Weaker => (classes_ahead.logical_not(), classes_ahead),
            Project::Class => (every(), never()),
            Project::Domain => (never(), every()),
            Project::Both => (every(), every()),
            Project::Neither => (never(), never()),
        };
        let [class_side, domain_side] = [class_side, domain_side].map(|side| conflict.logical_and(&side).to_kind(rho.kind()));
        let on_domain = &product / (p.square() * &dd).clamp_min(SQUARE_FLOOR);
        let on_class = &product / (k.square() * &cc).clamp_min(SQUARE_FLOOR);
        let class_weight = &k * (1.0 - on_class * &domain_side);
        let domain_weight = &p * (1.0 - on_domain * &class_side);

        let with = |class: &Tensor, domain: &Tensor| {
            let column = |t: i64| match t {
                _ if t == c => class.shallow_clone(),
                _ if t == d => domain.shallow_clone(),
                _ => rho.ones_like(),
            };
            Tensor::stack(&(0..signals.groups.len()).map(column).collect::<Vec<_>>(), 2)
        };
        let weights = with(&class_weight, &domain_weight);
        let owned = self.owned.then(|| with(&k, &p));
        let cosine = (&cd / (&cc * &dd).clamp_min(SQUARE_FLOOR).sqrt()).clamp(-1.0, 1.0);
        let conflict = conflict.to_kind(rho.kind());
        let projected = cosine.abs() * class_side.maximum(&domain_side);
        let gamma = &rho / &sigma;
        let figures = [rho, sigma, gamma, k, p, cosine, conflict, projected];
        let record = Record::of(RECORDS.into_iter().zip(figures));
        Some(Update { record, owned, ..Update::weights(weights) })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Groups;
    use super::super::fixture::{settings, signals};
    use super::*;
    use tch::{Device, Kind};

    fn balance(q: &[f64], c: &[f64], gramian: [f64; 3]) -> (Vec<f64>, Vec<f64>) {
        let mut gmp = BUILD(&settings(&ENTRY, ""), Kind::Double, Device::Cpu);
        let one = Tensor::from_slice(&[gramian[0], gramian[1], gramian[1], gramian[2]]).view([1, 1, 2, 2]);
        let signals = Signals {
            groups: Groups::new(CLASS_AND_DOMAIN, &[Role::Task, Role::Domain]),
            loss: one.select(2, 0).zeros_like(),
            domain: signals(c, 0).class,
            gramian: Some(one.repeat([1, q.len() as i64, 1, 1])),
            ..signals(q, 0)
        };
        let update = gmp.weigh(&signals).unwrap();
        let flat = |t: Tensor| Vec::<f64>::try_from(t.flatten(0, -1)).unwrap();
        (flat(update.weights), flat(update.record.tensor().unwrap()))
    }

    #[test]
    fn weights_stay_finite_where_gradients_and_confidences_vanish() {
        for gramian in
            [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [1.0, -1.0, 1.0], [4.0, 2.0, 1.0], [1e-320, -1e-320, 1e-320]]
        {
            for q in [[0.0, 1.0], [0.5, 0.5], [1.0, 1e-300], [0.0, 0.0]] {
                let (weights, record) = balance(&q, &[0.5, 0.0], gramian);
                assert!(weights.iter().chain(&record).all(|x| x.is_finite()), "{gramian:?} {q:?} {weights:?} {record:?}");
            }
        }
    }

    #[test]
    fn one_modality_and_equal_modalities_are_not_modulated() {
        assert_eq!(balance(&[0.3], &[0.5], [1.0, 0.5, 1.0]).0, [1.0, 1.0]);
        assert_eq!(balance(&[0.3, 0.3], &[0.5, 0.5], [1.0, 0.5, 1.0]).0, [1.0; 4]);
    }

    #[test]
    fn opposite_gradients_of_equal_ratio_keep_the_domain_side() {
        // g_c = -g_d: projecting g_c leaves nothing of it, so the update is g_d = 0 g_c + 1 g_d, written as 1 g_c + 2 g_d
        assert_eq!(balance(&[0.3], &[0.5], [1.0, -1.0, 1.0]).0, [1.0, 2.0]);
    }
}
