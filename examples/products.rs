//! GFLOP/s of one thread in f32 for three products of a training step, by each of the kernels that `[train] products` names, and the line that this CPU
//! would have in their table.

use std::time::Instant;

use mmdg::train::products::{Products, cpu};
use tch::{Device, Kind, Tensor};

/// m, k, n: a forward pass of the first layer, its weight gradient, and a square.
const SHAPES: [[i64; 3]; 3] = [[64, 2304, 512], [2304, 64, 512], [512, 512, 512]];
const ROUNDS: usize = 15;

fn main() {
    tch::set_num_threads(1);
    let all = [("libtorch", Products::Libtorch), ("matrixmultiply", Products::Matrixmultiply)];
    println!("{}: {:?}", std::env::consts::ARCH, cpu());
    for [m, k, n] in SHAPES {
        let random = |size: &[i64]| Tensor::randn(size, (Kind::Float, Device::Cpu));
        // as in a step: the weight gradient's first factor is the input, turned
        let a = if m > k { random(&[1, k, m]).transpose(1, 2) } else { random(&[1, m, k]) };
        let b = random(&[1, k, n]);
        let out = Tensor::zeros([1, m, n], (Kind::Float, Device::Cpu));
        let mut best = [0.0f64; 2];
        for round in 0..=ROUNDS {
            for (best, (_, products)) in best.iter_mut().zip(all) {
                let start = Instant::now();
                (0..10).for_each(|_| products.add(&out, &a, &b));
                let rate = 10.0 * 2e-9 * (m * k * n) as f64 / start.elapsed().as_secs_f64();
                // the first round warms up
                *best = if round == 0 { 0.0 } else { best.max(rate) };
            }
        }
        let told: Vec<String> = all.iter().zip(best).map(|((name, _), rate)| format!("{name} {rate:.0}")).collect();
        println!("{m} x {k} . {k} x {n}: {}", told.join(", "));
    }
}
