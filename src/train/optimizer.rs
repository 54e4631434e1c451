//! Adam, AdamW and SGD over a cohort's flat buffer, one pass over memory each.

use tch::{Device, Kind, Tensor};

use super::plain::{slice, slice_mut, wide};
use super::settings::Optimizer;

const BETA: [f64; 2] = [0.9, 0.999];
const EPSILON: f64 = 1e-8;

/// What one run's step goes by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Learning rate.
    pub learning_rate: f64,
    /// Weight decay.
    pub weight_decay: f64,
    /// Momentum of SGD.
    pub momentum: f64,
    /// Norm that the run's gradient is scaled down to where it is longer; infinite for none.
    pub clip: f64,
}

/// Moments of R runs, and how often each run has stepped.
#[derive(Debug)]
pub struct Descent {
    kind: Optimizer,
    /// First moment, or SGD's velocity.
    first: Tensor,
    /// Second moment; none of SGD.
    second: Option<Tensor>,
    /// Steps taken, by run.
    pub steps: Vec<i32>,
}

/// One run's numbers of one step.
#[derive(Debug, Clone, Copy)]
struct Step {
    clip: f64,
    rate: f64,
    root: f64,
    decay: f64,
    shrink: f64,
    momentum: f64,
}

impl Descent {
    /// For a buffer like `params` [R, P].
    pub fn new(kind: Optimizer, params: &Tensor) -> Self {
        let second = (kind != Optimizer::Sgd).then(|| params.zeros_like());
        Self { kind, first: params.zeros_like(), second, steps: vec![0; params.size()[0] as usize] }
    }

    /// A copy that shares nothing with this one.
    pub fn snapshot(&self) -> Self {
        let second = self.second.as_ref().map(Tensor::copy);
        Self { kind: self.kind, first: self.first.copy(), second, steps: self.steps.clone() }
    }

    /// The moments by name, [R, P] each.
    pub fn state(&mut self) -> impl Iterator<Item = (&'static str, &mut Tensor)> {
        std::iter::once(("first", &mut self.first)).chain(self.second.as_mut().map(|second| ("second", second)))
    }

    /// One step of the runs that are `active`, in place; the others keep parameters and moments.
    pub fn step(&mut self, params: &mut Tensor, gradient: &Tensor, rates: &[Rates], active: &[bool]) {
        let steps = self.count(rates, active);
        match (params.device(), params.kind()) {
            (Device::Cpu, Kind::Float) => self.step_slices::<f32>(params, gradient, &steps),
            (Device::Cpu, Kind::Double) => self.step_slices::<f64>(params, gradient, &steps),
            _ => self.step_tensors(params, gradient, &steps),
        }
    }

    /// Counts a step of the active runs.
    fn count(&mut self, rates: &[Rates], active: &[bool]) -> Vec<Option<Step>> {
        let mut steps = Vec::with_capacity(rates.len());
        for ((count, rates), &active) in self.steps.iter_mut().zip(rates).zip(active) {
            *count += i32::from(active);
            let &Rates { learning_rate, weight_decay, momentum, clip } = rates;
            let (decay, shrink) = match self.kind {
                Optimizer::Adam | Optimizer::Sgd => (weight_decay, 1.0),
                Optimizer::Adamw => (0.0, 1.0 - learning_rate * weight_decay),
            };
            let (rate, root) = match self.kind {
                Optimizer::Sgd => (learning_rate, 1.0),
                _ => (learning_rate / (1.0 - BETA[0].powi(*count)), (1.0 - BETA[1].powi(*count)).sqrt()),
            };
            steps.push(active.then_some(Step { clip, rate, root, decay, shrink, momentum }));
        }
        steps
    }

    /// One pass over plain memory: what tensor operations do in about ten.
    fn step_slices<T: Number>(&mut self, params: &mut Tensor, gradient: &Tensor, steps: &[Option<Step>]) {
        let width = params.size()[1] as usize;
        let (params, gradient, first) = (slice_mut::<T>(params), slice::<T>(gradient), slice_mut::<T>(&mut self.first));
        let mut second = self.second.as_mut().map(slice_mut::<T>);
        for (r, step) in steps.iter().enumerate() {
            let Some(step) = step else { continue };
            let row = r * width..(r + 1) * width;
            let (p, g, m) = (&mut params[row.clone()], &gradient[row.clone()], &mut first[row.clone()]);
            let scale = if step.clip.is_finite() { clipped(T::norm(g), step.clip) } else { 1.0 };
            match &mut second {
                Some(second) => T::adam(p, g, m, &mut second[row], scale, *step),
                None => T::sgd(p, g, m, scale, *step),
            }
        }
    }

    /// The same with tensor operations, for other devices. A run that rests has β = 1 and a rate of 0.
    fn step_tensors(&mut self, params: &mut Tensor, gradient: &Tensor, steps: &[Option<Step>]) {
        let column = |of: &dyn Fn(&Step) -> f64, resting: f64| {
            let values: Vec<f64> = steps.iter().map(|step| step.as_ref().map_or(resting, of)).collect();
            Tensor::from_slice(&values).to_kind(params.kind()).to_device(params.device()).unsqueeze(1)
        };
        let clipped = steps.iter().flatten().any(|step| step.clip.is_finite()).then(|| {
            let norm = gradient.square().sum_dim_intlist(1, true, None).sqrt();
            gradient * (column(&|s| s.clip, f64::INFINITY) / (norm + NORM_FLOOR)).clamp_max(1.0)
        });
        let gradient = clipped.as_ref().unwrap_or(gradient) + &*params * column(&|s| s.decay, 0.0);
        let active = column(&|_| 1.0, 0.0);
        let change = match &mut self.second {
            Some(second) => {
                let betas = BETA.map(|beta| column(&|_| beta, 1.0));
                let first: Tensor = &self.first * &betas[0] + &gradient * (1.0 - &betas[0]);
                let next: Tensor = &*second * &betas[1] + gradient.square() * (1.0 - &betas[1]);
                self.first.copy_(&first);
                second.copy_(&next);
                first / (next.sqrt() / column(&|s| s.root, 1.0) + EPSILON)
            }
            None => {
                let first: Tensor = &self.first * column(&|s| s.momentum, 1.0) + gradient * active;
                self.first.copy_(&first);
                first
            }
        };
        let next = &*params * column(&|s| s.shrink, 1.0) - change * column(&|s| s.rate, 0.0);
        params.copy_(&next);
    }
}

/// As PyTorch's `clip_grad_norm_`: keeps the quotient finite.
const NORM_FLOOR: f64 = 1e-6;

fn clipped(norm: f64, clip: f64) -> f64 {
    (clip / (norm + NORM_FLOOR)).min(1.0)
}

/// Passes over one run's row.
trait Number: tch::kind::Element {
    fn adam(params: &mut [Self], gradient: &[Self], first: &mut [Self], second: &mut [Self], scale: f64, step: Step);
    fn sgd(params: &mut [Self], gradient: &[Self], first: &mut [Self], scale: f64, step: Step);
    /// Euclidean, in f64.
    fn norm(gradient: &[Self]) -> f64;
}

macro_rules! number {
    ($float:ty) => {
        impl Number for $float {
            fn adam(
                params: &mut [$float],
                gradient: &[$float],
                first: &mut [$float],
                second: &mut [$float],
                scale: f64,
                step: Step,
            ) {
                let [b1, b2] = BETA.map(|beta| beta as $float);
                let [scale, rate, decay, shrink] = [scale, step.rate, step.decay, step.shrink].map(|x| x as $float);
                let (root, epsilon) = ((1.0 / step.root) as $float, EPSILON as $float);
                wide(|| {
                    for (((p, g), m), v) in params.iter_mut().zip(gradient).zip(first).zip(second) {
                        let g = scale * *g + decay * *p;
                        *m = b1 * *m + (1.0 - b1) * g;
                        *v = b2 * *v + (1.0 - b2) * g * g;
                        *p = shrink * *p - rate * *m / (v.sqrt() * root + epsilon);
                    }
                });
            }

            fn sgd(params: &mut [$float], gradient: &[$float], first: &mut [$float], scale: f64, step: Step) {
                let [scale, rate, decay, momentum] = [scale, step.rate, step.decay, step.momentum].map(|x| x as $float);
                wide(|| {
                    for ((p, g), m) in params.iter_mut().zip(gradient).zip(first) {
                        *m = momentum * *m + scale * *g + decay * *p;
                        *p -= rate * *m;
                    }
                });
            }

            fn norm(gradient: &[$float]) -> f64 {
                let mut sums = [0.0f64; 16];
                wide(|| {
                    for chunk in gradient.chunks(sums.len()) {
                        sums.iter_mut().zip(chunk).for_each(|(sum, &g)| *sum += f64::from(g) * f64::from(g));
                    }
                });
                sums.iter().sum::<f64>().sqrt()
            }
        }
    };
}
number!(f32);
number!(f64);

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(scale: f64) -> Tensor {
        (Tensor::arange(12, (Kind::Double, Device::Cpu)).sin() * scale).view([3, 4])
    }

    fn rates(learning_rate: f64) -> Rates {
        Rates { learning_rate, weight_decay: 0.01, momentum: 0.8, clip: 3.0 * learning_rate }
    }

    #[test]
    fn slices_and_tensors_agree_and_a_resting_run_keeps_everything() {
        for kind in [Optimizer::Adam, Optimizer::Adamw, Optimizer::Sgd] {
            let (mut a, mut b) = (buffer(1.0), buffer(1.0));
            let (mut one, mut other) = (Descent::new(kind, &a), Descent::new(kind, &b));
            for i in 1..5 {
                let (rates, active) = ([rates(0.1), rates(0.2), rates(0.01 * f64::from(i))], [true, false, true]);
                one.step(&mut a, &buffer(f64::from(i)), &rates, &active);
                let steps = other.count(&rates, &active);
                other.step_tensors(&mut b, &buffer(f64::from(i)), &steps);
            }
            assert!((&a - &b).abs().max().double_value(&[]) < 1e-14, "{kind:?}");
            assert!((&one.first - &other.first).abs().max().double_value(&[]) < 1e-14);
            assert_eq!(a.get(1), buffer(1.0).get(1));
            assert_eq!(one.first.get(1).abs().max().double_value(&[]), 0.0);
        }
    }

    #[test]
    fn steps_are_those_of_pytorch() {
        // made by tests/reference/optimizers.py: five steps with gradients sin(θ + t)
        #[derive(serde::Deserialize)]
        struct Case {
            optimizer: Optimizer,
            learning_rate: f64,
            weight_decay: f64,
            momentum: f64,
            clip: Option<f64>,
            params: Vec<f64>,
        }
        let cases: Vec<Case> = serde_json::from_str(include_str!("../../tests/reference/optimizers.json")).unwrap();
        assert!(cases.len() >= 6);
        for case in cases {
            let mut params = Tensor::from_slice(&[0.5, -1.0, 2.0]).view([1, 3]);
            let mut descent = Descent::new(case.optimizer, &params);
            let Case { learning_rate, weight_decay, momentum, clip, .. } = case;
            let rates = Rates { learning_rate, weight_decay, momentum, clip: clip.unwrap_or(f64::INFINITY) };
            for t in 0..5 {
                let gradient = (&params + f64::from(t)).sin();
                descent.step(&mut params, &gradient, &[rates], &[true]);
            }
            let found = Vec::<f64>::try_from(params.view([-1])).unwrap();
            let close = found.iter().zip(&case.params).all(|(a, b)| (a - b).abs() < 1e-12);
            assert!(close, "{:?} {found:?} {:?}", case.optimizer, case.params);
        }
    }
}
