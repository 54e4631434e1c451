//! Adam and AdamW over a cohort's flat buffer.

use tch::{Device, Kind, Tensor};

use super::settings::Optimizer;

const BETA: [f64; 2] = [0.9, 0.999];
const EPSILON: f64 = 1e-8;

/// Moments of R runs, and how often each run has stepped.
#[derive(Debug)]
pub struct Adam {
    kind: Optimizer,
    first: Tensor,
    second: Tensor,
    /// Steps taken, by run.
    pub steps: Vec<i32>,
}

/// One run's numbers of one step.
#[derive(Debug, Clone, Copy)]
struct Step {
    rate: f64,
    root: f64,
    decay: f64,
    shrink: f64,
}

impl Adam {
    /// For a buffer like `params` [R, P].
    pub fn new(kind: Optimizer, params: &Tensor) -> Self {
        let steps = vec![0; params.size()[0] as usize];
        Self { kind, first: params.zeros_like(), second: params.zeros_like(), steps }
    }

    /// A copy that shares nothing with this one.
    pub fn snapshot(&self) -> Self {
        Self { kind: self.kind, first: self.first.copy(), second: self.second.copy(), steps: self.steps.clone() }
    }

    /// The moments by name, [R, P] each.
    pub fn state(&mut self) -> impl Iterator<Item = (&'static str, &mut Tensor)> {
        [("first", &mut self.first), ("second", &mut self.second)].into_iter()
    }

    /// One step of the runs that are `active`, in place; the others keep parameters and moments. `rates` are
    /// (learning rate, weight decay) by run.
    pub fn step(&mut self, params: &mut Tensor, gradient: &Tensor, rates: &[(f64, f64)], active: &[bool]) {
        let mut steps = Vec::with_capacity(rates.len());
        for ((count, &(rate, decay)), &active) in self.steps.iter_mut().zip(rates).zip(active) {
            *count += i32::from(active);
            let root = (1.0 - BETA[1].powi(*count)).sqrt();
            let (decay, shrink) = match self.kind {
                Optimizer::Adam => (decay, 1.0),
                Optimizer::Adamw => (0.0, 1.0 - rate * decay),
            };
            steps.push(active.then(|| Step { rate: rate / (1.0 - BETA[0].powi(*count)), root, decay, shrink }));
        }
        if params.device() == Device::Cpu {
            self.step_slices(params, gradient, &steps);
        } else {
            self.step_tensors(params, gradient, &steps);
        }
    }

    /// One pass over plain memory: what tensor operations do in about ten.
    fn step_slices(&mut self, params: &mut Tensor, gradient: &Tensor, steps: &[Option<Step>]) {
        let width = params.size()[1] as usize;
        match params.kind() {
            Kind::Double => {
                let (p, g) = (slice_mut::<f64>(params), slice::<f64>(gradient));
                let (m, v) = (slice_mut::<f64>(&mut self.first), slice_mut::<f64>(&mut self.second));
                for (r, step) in steps.iter().enumerate() {
                    let Some(step) = step else { continue };
                    let row = r * width..(r + 1) * width;
                    pass_f64(&mut p[row.clone()], &g[row.clone()], &mut m[row.clone()], &mut v[row], *step);
                }
            }
            _ => {
                let (p, g) = (slice_mut::<f32>(params), slice::<f32>(gradient));
                let (m, v) = (slice_mut::<f32>(&mut self.first), slice_mut::<f32>(&mut self.second));
                for (r, step) in steps.iter().enumerate() {
                    let Some(step) = step else { continue };
                    let row = r * width..(r + 1) * width;
                    pass_f32(&mut p[row.clone()], &g[row.clone()], &mut m[row.clone()], &mut v[row], *step);
                }
            }
        }
    }

    /// The same with tensor operations, for other devices. A run that rests has β = 1 and a rate of 0.
    fn step_tensors(&mut self, params: &mut Tensor, gradient: &Tensor, steps: &[Option<Step>]) {
        let column = |of: &dyn Fn(&Step) -> f64, resting: f64| {
            let values: Vec<f64> = steps.iter().map(|step| step.as_ref().map_or(resting, of)).collect();
            Tensor::from_slice(&values).to_kind(params.kind()).to_device(params.device()).unsqueeze(1)
        };
        let betas = BETA.map(|beta| column(&|_| beta, 1.0));
        let gradient = gradient + &*params * column(&|s| s.decay, 0.0);
        let first: Tensor = &self.first * &betas[0] + &gradient * (1.0 - &betas[0]);
        let second: Tensor = &self.second * &betas[1] + gradient.square() * (1.0 - &betas[1]);
        let change = &first * column(&|s| s.rate, 0.0) / (second.sqrt() / column(&|s| s.root, 1.0) + EPSILON);
        let next = &*params * column(&|s| s.shrink, 1.0) - change;
        params.copy_(&next);
        self.first.copy_(&first);
        self.second.copy_(&second);
    }
}

macro_rules! pass {
    ($name:ident, $float:ty) => {
        fn $name(params: &mut [$float], gradient: &[$float], first: &mut [$float], second: &mut [$float], step: Step) {
            let [b1, b2] = BETA.map(|beta| beta as $float);
            let (rate, decay, shrink) = (step.rate as $float, step.decay as $float, step.shrink as $float);
            let (root, epsilon) = ((1.0 / step.root) as $float, EPSILON as $float);
            for (((p, g), m), v) in params.iter_mut().zip(gradient).zip(first).zip(second) {
                let g = *g + decay * *p;
                *m = b1 * *m + (1.0 - b1) * g;
                *v = b2 * *v + (1.0 - b2) * g * g;
                *p = shrink * *p - rate * *m / (v.sqrt() * root + epsilon);
            }
        }
    };
}
pass!(pass_f32, f32);
pass!(pass_f64, f64);

/// A tensor's memory.
fn slice<T: tch::kind::Element>(tensor: &Tensor) -> &[T] {
    check::<T>(tensor);
    // SAFETY: contiguous host memory of that many elements of that kind, alive as long as the tensor
    unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast(), tensor.numel()) }
}

/// A tensor's memory, to write to.
fn slice_mut<T: tch::kind::Element>(tensor: &mut Tensor) -> &mut [T] {
    check::<T>(tensor);
    // SAFETY: as in `slice`; views of the same memory exist but nothing reads them during a step of the optimizer
    unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast(), tensor.numel()) }
}

fn check<T: tch::kind::Element>(tensor: &Tensor) {
    assert!(
        tensor.device() == Device::Cpu && tensor.kind() == T::KIND && tensor.is_contiguous(),
        "the optimizer's buffers are flat"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(scale: f64) -> Tensor {
        (Tensor::arange(12, (Kind::Double, Device::Cpu)).sin() * scale).view([3, 4])
    }

    #[test]
    fn slices_and_tensors_agree_and_a_resting_run_keeps_everything() {
        for kind in [Optimizer::Adam, Optimizer::Adamw] {
            let (mut a, mut b) = (buffer(1.0), buffer(1.0));
            let (mut one, mut other) = (Adam::new(kind, &a), Adam::new(kind, &b));
            let step = |rate| Some(Step { rate, root: 0.1, decay: 0.01, shrink: 0.999 });
            for i in 1..5 {
                let steps = [step(0.1), None, step(0.01 * f64::from(i))];
                one.step_slices(&mut a, &buffer(f64::from(i)), &steps);
                other.step_tensors(&mut b, &buffer(f64::from(i)), &steps);
            }
            assert!((&a - &b).abs().max().double_value(&[]) < 1e-14);
            assert!((&one.second - &other.second).abs().max().double_value(&[]) < 1e-14);
            assert_eq!(a.get(1), buffer(1.0).get(1));
            assert_eq!(one.first.get(1).abs().max().double_value(&[]), 0.0);
        }
    }

    #[test]
    fn the_first_step_is_the_learning_rate() {
        let mut params = Tensor::zeros([1, 2], (Kind::Float, Device::Cpu));
        let mut adam = Adam::new(Optimizer::Adam, &params);
        adam.step(&mut params, &Tensor::from_slice(&[3.0f32, -0.5]).view([1, 2]), &[(0.1, 0.0)], &[true]);
        assert!((params.double_value(&[0, 0]) + 0.1).abs() < 1e-6);
        assert!((params.double_value(&[0, 1]) - 0.1).abs() < 1e-6);
    }
}
