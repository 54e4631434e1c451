//! Dropout factors from the counter of [`crate::rng`]: the same bits in tensor arithmetic.

use tch::{Device, Kind, Tensor};

use super::plain::{slice, slice_mut, wide};
use crate::objective::Streams;
use crate::rng::finish;

/// Numbers the W elements of B rows: [1, B, W], i32.
pub fn elements(rows: i64, width: i64, device: Device) -> Tensor {
    Tensor::arange(rows * width, (Kind::Int, device)).view([1, rows, width])
}

/// Factors [R, B, W] of `kind`: 0 where the element's uniform number is below `rate`, else 1 / (1 − rate). `states` is [R, 2].
pub fn factors(states: &Tensor, elements: &Tensor, rate: f64, kind: Kind) -> Tensor {
    let (threshold, kept) = ((rate * f64::from(1 << 24)).ceil(), 1.0 / (1.0 - rate));
    if (states.device(), kind) != (Device::Cpu, Kind::Float) {
        return Streams::new(states).uniform(elements).ge(threshold as i64).to_kind(kind) * kept;
    }
    let shape = elements.size();
    let mut factors = Tensor::empty([states.size()[0], shape[1], shape[2]], (kind, Device::Cpu));
    let rows = slice_mut::<f32>(&mut factors).chunks_mut(elements.numel().max(1));
    for (row, state) in rows.zip(slice::<i32>(states).chunks_exact(2)) {
        let (first, second, threshold, kept) = (state[0] as u32, state[1] as u32, threshold as u32, kept as f32);
        let factor = |i: u32| if finish(first ^ i, second) >> 8 >= threshold { kept } else { 0.0 };
        wide(|| row.iter_mut().zip(0..).for_each(|(x, i)| *x = factor(i)));
    }
    factors
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;

    #[test]
    fn factors_drop_what_the_uniform_numbers_say() {
        let stream = Stream::new(5);
        let states = Streams::states(&[stream]);
        for rate in [0.0, 0.3, 0.5] {
            let of = |kind| factors(&states, &elements(8, 64, Device::Cpu), rate, kind).view([-1]);
            let singles = Vec::<f32>::try_from(of(Kind::Float)).unwrap();
            for (i, factor) in Vec::<f64>::try_from(of(Kind::Double)).unwrap().into_iter().enumerate() {
                let kept = f64::from(stream.uniform(i as u32)) >= rate;
                assert_eq!(factor, if kept { 1.0 / (1.0 - rate) } else { 0.0 });
                assert_eq!(singles[i], factor as f32);
            }
        }
    }
}
