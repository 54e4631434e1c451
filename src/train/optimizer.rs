//! Adam, AdamW and SGD over a cohort's flat buffer, one pass over memory each.

use tch::{Device, Kind, Tensor};

use super::plain::{in_large_pages, slice_mut};
use super::recipe::Optimizer;
use super::stretch::Stretch;

mod clip;
mod number;

pub use clip::squares;
use clip::{NORM_FLOOR, scales};
use number::Number;

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
    /// Norm that the gradient of each group of parameters is scaled down to where it is longer; infinite for none.
    pub clip: f64,
}

/// Moments of R runs, and how often each run has stepped.
#[derive(Debug)]
pub struct Descent {
    kind: Optimizer,
    /// All of a row, in order.
    parts: Vec<Stretch>,
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
        let moment = || in_large_pages(params.zeros_like());
        let second = (kind != Optimizer::Sgd).then(moment);
        let parts = vec![Stretch { start: 0, len: params.size()[1] as usize, group: 0 }];
        Self { kind, parts, first: moment(), second, steps: vec![0; params.size()[0] as usize] }
    }

    /// The same that clips by these parts, which are all of a row in order, instead of the whole row.
    #[must_use]
    pub fn by(self, parts: Vec<Stretch>) -> Self {
        Self { parts, ..self }
    }

    /// A copy that shares nothing with this one.
    pub fn snapshot(&self) -> Self {
        let second = self.second.as_ref().map(Tensor::copy);
        Self { kind: self.kind, parts: self.parts.clone(), first: self.first.copy(), second, steps: self.steps.clone() }
    }

    /// The moments by name, [R, P] each.
    pub fn state(&mut self) -> impl Iterator<Item = (&'static str, &mut Tensor)> {
        std::iter::once(("first", &mut self.first)).chain(self.second.as_mut().map(|second| ("second", second)))
    }

    /// One step of the runs that are `active`, in place; the others keep parameters and moments. The gradient is left at 0,
    /// which costs least where it has just been read. `ahead` is this step of [`ahead`](Self::ahead); without it, devices
    /// other than the CPU are waited for.
    pub fn step(&mut self, params: &mut Tensor, gradient: &mut Tensor, rates: &[Rates], active: &[bool], ahead: Option<&Tensor>) {
        let steps = count(self.kind, &mut self.steps, rates, active);
        match (params.device(), params.kind()) {
            (Device::Cpu, Kind::Float) => self.step_slices::<f32>(params, gradient, &steps),
            (Device::Cpu, Kind::Double) => self.step_slices::<f64>(params, gradient, &steps),
            _ => match ahead {
                Some(numbers) => self.step_tensors(params, gradient, numbers),
                None => self.step_tensors(params, gradient, &upload(&columns(&steps), &[steps.len()], params)),
            },
        }
    }

    /// Starts some runs anew: no moments, no step taken.
    pub fn forget(&mut self, anew: &[bool]) {
        for r in (0..anew.len()).filter(|&r| anew[r]) {
            self.steps[r] = 0;
            self.state().for_each(|(_, moment)| drop(moment.get(r as i64).zero_()));
        }
    }

    /// The numbers of the next steps, [S, R, …], on the parameters' device: brought there at once, they are not waited for in
    /// each step. `anew` says before which of them which runs are to [forget](Self::forget); none do where it is empty.
    pub fn ahead(&self, rates: &[Rates], active: &[Vec<bool>], anew: &[Vec<bool>]) -> Tensor {
        let mut counts = self.steps.clone();
        let steps = active.iter().enumerate().flat_map(|(step, active)| {
            let anew = anew.get(step).into_iter().flatten();
            counts.iter_mut().zip(anew).filter(|(_, anew)| **anew).for_each(|(count, _)| *count = 0);
            columns(&count(self.kind, &mut counts, rates, active))
        });
        upload(&steps.collect::<Vec<_>>(), &[active.len(), self.steps.len()], &self.first)
    }

    /// One pass over plain memory: what tensor operations do in about ten.
    fn step_slices<T: Number>(&mut self, params: &mut Tensor, gradient: &mut Tensor, steps: &[Option<Step>]) {
        let width = params.size()[1] as usize;
        let (params, gradient, first) = (slice_mut::<T>(params), slice_mut::<T>(gradient), slice_mut::<T>(&mut self.first));
        let mut second = self.second.as_mut().map(slice_mut::<T>);
        for (r, step) in steps.iter().enumerate() {
            let row = r * width..(r + 1) * width;
            let Some(step) = step else {
                gradient[row].fill(T::default());
                continue;
            };
            let (p, g, m) = (&mut params[row.clone()], &mut gradient[row.clone()], &mut first[row.clone()]);
            let mut v = second.as_mut().map(|second| &mut second[row]);
            let whole = [Stretch { start: 0, len: width, group: 0 }];
            let (parts, scales) = match step.clip.is_finite() {
                true => (&self.parts[..], scales(&self.parts, g, step.clip)),
                false => (&whole[..], vec![1.0]),
            };
            for part in parts {
                let (p, g, m, scale) = (part.of(p), part.of(g), part.of(m), scales[part.group]);
                match &mut v {
                    Some(v) => T::adam(p, g, m, part.of(v), scale, *step),
                    None => T::sgd(p, g, m, scale, *step),
                }
            }
        }
    }

    /// The same with tensor operations, for other devices; `numbers` are [`columns`] of each run, [R, …].
    fn step_tensors(&mut self, params: &mut Tensor, gradient: &mut Tensor, numbers: &Tensor) {
        let column = |place: i64| numbers.narrow(1, place, 1);
        let [clip, rate, root, decay, shrink, momentum, first_beta, second_beta, active] =
            std::array::from_fn(|i| column(i as i64));
        let of = |part: &Stretch| gradient.narrow(1, part.start as i64, part.len as i64);
        let square = |group: usize| {
            let own = self.parts.iter().filter(|part| part.group == group);
            own.map(|part| of(part).square().sum_dim_intlist(1, true, None)).reduce(|sum, more| sum + more)
        };
        let clipped = |part: &Stretch| match square(part.group) {
            Some(square) => of(part) * (&clip / (square.sqrt() + NORM_FLOOR)).clamp_max(1.0),
            None => of(part),
        };
        let slope = Tensor::cat(&self.parts.iter().map(clipped).collect::<Vec<_>>(), 1) + &*params * decay;
        let _zeroed = gradient.zero_();
        let change = match &mut self.second {
            Some(second) => {
                let first: Tensor = &self.first * &first_beta + &slope * (1.0 - &first_beta);
                let next: Tensor = &*second * &second_beta + slope.square() * (1.0 - &second_beta);
                self.first.copy_(&first);
                second.copy_(&next);
                first / (next.sqrt() / root + EPSILON)
            }
            None => {
                let first: Tensor = &self.first * momentum + slope * active;
                self.first.copy_(&first);
                first
            }
        };
        let next = &*params * shrink - change * rate;
        params.copy_(&next);
    }
}

/// Counts a step of the active runs.
fn count(kind: Optimizer, counts: &mut [i32], rates: &[Rates], active: &[bool]) -> Vec<Option<Step>> {
    let mut steps = Vec::with_capacity(rates.len());
    for ((count, rates), &active) in counts.iter_mut().zip(rates).zip(active) {
        *count += i32::from(active);
        let &Rates { learning_rate, weight_decay, momentum, clip } = rates;
        let (decay, shrink) = match kind {
            Optimizer::Adam | Optimizer::Sgd => (weight_decay, 1.0),
            Optimizer::Adamw => (0.0, 1.0 - learning_rate * weight_decay),
        };
        let (rate, root) = match kind {
            Optimizer::Sgd => (learning_rate, 1.0),
            _ => (learning_rate / (1.0 - BETA[0].powi(*count)), (1.0 - BETA[1].powi(*count)).sqrt()),
        };
        steps.push(active.then_some(Step { clip, rate, root, decay, shrink, momentum }));
    }
    steps
}

/// What tensor operations go by, run by run. A run that rests has β = 1 and a rate of 0; the largest f32 clips nothing.
fn columns(steps: &[Option<Step>]) -> Vec<f64> {
    let numbers = |step: &Option<Step>| match *step {
        Some(Step { clip, rate, root, decay, shrink, momentum }) => {
            [clip.min(f64::from(f32::MAX)), rate, root, decay, shrink, momentum, BETA[0], BETA[1], 1.0]
        }
        None => [f64::from(f32::MAX), 0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0],
    };
    steps.iter().flat_map(numbers).collect()
}

/// Values of this shape and one more dimension, where `like` is.
fn upload(values: &[f64], shape: &[usize], like: &Tensor) -> Tensor {
    let shape: Vec<i64> = shape.iter().map(|&size| size as i64).chain([-1]).collect();
    Tensor::from_slice(values).view(&shape[..]).to_kind(like.kind()).to_device(like.device())
}

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
            let parts = [(0, 1, 0), (1, 2, 1), (3, 1, 0)].map(|(start, len, group)| Stretch { start, len, group });
            let new = |params: &Tensor| Descent::new(kind, params).by(parts.to_vec());
            let (mut one, mut other) = (new(&a), new(&b));
            for i in 1..5 {
                let mut gradient = buffer(f64::from(i));
                let (rates, active) = ([rates(0.1), rates(0.2), rates(0.01 * f64::from(i))], [true, false, true]);
                one.step(&mut a, &mut gradient, &rates, &active, None);
                let numbers = other.ahead(&rates, &[active.to_vec(), active.to_vec()], &[]).get(0);
                let _steps = count(kind, &mut other.steps, &rates, &active);
                assert_eq!(gradient, gradient.zeros_like());
                gradient = buffer(f64::from(i));
                other.step_tensors(&mut b, &mut gradient, &numbers);
                assert_eq!(gradient, gradient.zeros_like());
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
                let mut gradient = (&params + f64::from(t)).sin();
                descent.step(&mut params, &mut gradient, &[rates], &[true], None);
            }
            let found = Vec::<f64>::try_from(params.view([-1])).unwrap();
            let close = found.iter().zip(&case.params).all(|(a, b)| (a - b).abs() < 1e-12);
            assert!(close, "{:?} {found:?} {:?}", case.optimizer, case.params);
        }
    }
}
