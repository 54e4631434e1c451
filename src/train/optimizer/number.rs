//! One pass over plain memory for each kind of optimizer, in both precisions.

use super::super::plain::wide;
use super::{BETA, EPSILON, Step};

/// Passes over one run's row.
pub trait Number: tch::kind::Element + Default {
    /// One step of Adam or AdamW; the gradient is left at 0.
    fn adam(params: &mut [Self], gradient: &mut [Self], first: &mut [Self], second: &mut [Self], scale: f64, step: Step);
    /// One step of SGD; the gradient is left at 0.
    fn sgd(params: &mut [Self], gradient: &mut [Self], first: &mut [Self], scale: f64, step: Step);
    /// Square of the Euclidean norm, in f64.
    fn square(gradient: &[Self]) -> f64;
}

macro_rules! number {
    ($float:ty) => {
        impl Number for $float {
            fn adam(
                params: &mut [$float],
                gradient: &mut [$float],
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
                        let slope = scale * std::mem::take(g) + decay * *p;
                        *m = b1 * *m + (1.0 - b1) * slope;
                        *v = b2 * *v + (1.0 - b2) * slope * slope;
                        *p = shrink * *p - rate * *m / (v.sqrt() * root + epsilon);
                    }
                });
            }

            fn sgd(params: &mut [$float], gradient: &mut [$float], first: &mut [$float], scale: f64, step: Step) {
                let [scale, rate, decay, momentum] = [scale, step.rate, step.decay, step.momentum].map(|x| x as $float);
                wide(|| {
                    for ((p, g), m) in params.iter_mut().zip(gradient).zip(first) {
                        *m = momentum * *m + scale * std::mem::take(g) + decay * *p;
                        *p -= rate * *m;
                    }
                });
            }

            fn square(gradient: &[$float]) -> f64 {
                let mut sums = [0.0f64; 16];
                wide(|| {
                    for chunk in gradient.chunks(sums.len()) {
                        sums.iter_mut().zip(chunk).for_each(|(sum, &g)| *sum += f64::from(g) * f64::from(g));
                    }
                });
                sums.iter().sum::<f64>()
            }
        }
    };
}
number!(f32);
number!(f64);
