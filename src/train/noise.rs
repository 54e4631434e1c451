//! Noise on gradients, from the counter.

use tch::Tensor;

use crate::objective::Streams;

/// Added to the standard deviation, as in the code of OGM-GE.
const LEAST: f64 = 1e-8;

/// Noise for a gradient [R, …] like `unscaled`, of its standard deviation in each run, times `factor` \[R\].
pub fn noise(unscaled: &Tensor, factor: &Tensor, streams: &Streams) -> Tensor {
    let flat = unscaled.flatten(1, -1);
    let n = flat.size()[1];
    let centred = &flat - flat.mean_dim([1i64].as_slice(), true, None);
    let variance = centred.square().sum_dim_intlist(1, true, None) / (n - 1).max(1) as f64;
    let deviation = (variance.sqrt() + LEAST) * factor.unsqueeze(1);
    (streams.normal(n, flat.kind()) * deviation).view_as(unscaled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;
    use tch::{Device, Kind};

    #[test]
    fn noise_has_the_deviation_of_the_gradient_and_each_run_its_own() {
        let streams = Streams::new(&Streams::states(&[Stream::new(0), Stream::new(1)]));
        let ramp = Tensor::arange(10_000, (Kind::Double, Device::Cpu)).view([1, 100, 100]);
        let gradient = Tensor::cat(&[&ramp * 1e-3, ramp * -2.0], 0);
        let found = noise(&gradient, &Tensor::from_slice(&[1.0, 0.5]), &streams);
        let std = |t: &Tensor| t.flatten(0, -1).std(true).double_value(&[]);
        for (r, factor) in [(0, 1.0), (1, 0.5)] {
            let (wanted, found) = (factor * std(&gradient.get(r)), found.get(r));
            assert!((std(&found) / wanted - 1.0).abs() < 0.03);
            assert!((found.mean(None).double_value(&[]) / wanted).abs() < 0.03);
        }
        let unit = |r: i64, by: f64| found.get(r) / std(&gradient.get(r)) / by;
        assert!((unit(0, 1.0) - unit(1, 0.5)).abs().max().double_value(&[]) > 1.0);
    }

    #[test]
    fn no_gradient_has_next_to_no_noise_and_one_number_has_some() {
        let streams = Streams::new(&Streams::states(&[Stream::new(1)]));
        for shape in [[1, 3, 3], [1, 1, 1]] {
            let found = noise(&Tensor::zeros(shape, (Kind::Float, Device::Cpu)), &Tensor::from_slice(&[1.0f32]), &streams);
            let largest = found.abs().max().double_value(&[]);
            assert!(largest > 0.0 && largest < 1e-7);
        }
    }

    #[test]
    fn noise_is_that_of_the_reference() {
        #[derive(serde::Deserialize)]
        struct Goldens {
            noise: Vec<Case>,
        }
        #[derive(serde::Deserialize)]
        struct Case {
            seed: u64,
            name: String,
            gradient: Vec<Vec<f64>>,
            noise: Vec<Vec<f64>>,
        }
        let goldens: Goldens = serde_json::from_str(include_str!("../../tests/reference/signals.json")).unwrap();
        for case in goldens.noise {
            let tensor = |rows: &[Vec<f64>]| Tensor::from_slice(&rows.concat()).view([1, rows.len() as i64, -1]);
            let states = Streams::states(&[Stream::new(case.seed)]);
            let factor = Tensor::from_slice(&[1.0]);
            let found = noise(&tensor(&case.gradient), &factor, &Streams::new(&states).with(&case.name));
            let wanted = tensor(&case.noise);
            assert!((found - &wanted).abs().max().double_value(&[]) < 1e-12 * wanted.abs().max().double_value(&[]));
        }
    }
}
