//! What training on a GPU owes: the figures of the CPU.

use mmdg::balance::BALANCERS;
use mmdg::train::cohort::Cohort;
use mmdg::train::{self, Optimizer};
use tch::{Device, Kind, Tensor};

use crate::train::{a_run, design, hyperparameters, table, task};

#[test]
#[ignore = "needs a CUDA device: benches/gpu.sh runs it"]
fn ten_steps_on_cuda_agree_with_the_cpu() {
    let device = train::device::find("cuda").unwrap();
    let table = table(&[("video", 48), ("audio", 40)], 4, 3, 20);
    let words = BALANCERS.iter().map(|entry| (entry.name, "")).chain([("gmp", "variant = 'bench'")]);
    for (name, words) in words {
        let train = |device: Device| {
            let runs = (0..3).map(|i| a_run(task(&table, i % 3), i as u64, hyperparameters(name, words, &[]))).collect();
            let mut cohort = Cohort::new(&table, &design(&table, name, 0.4), Optimizer::Adam, 8, runs, Kind::Double, device);
            let _sums = cohort.steps(0, 10);
            cohort.parameters().to_device(Device::Cpu)
        };
        let (wanted, found): (Tensor, Tensor) = (train(Device::Cpu), train(device));
        let error = (&found - &wanted).norm().double_value(&[]) / wanted.norm().double_value(&[]);
        println!("{name} {words}: relative difference to the CPU after 10 steps in f64: {error:.1e}");
        assert!(error < 1e-9, "{name} {words}: {error:e}");
    }
}
