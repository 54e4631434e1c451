//! Dropout factors from the counter of [`crate::rng`]: the same bits in tensor arithmetic.

use tch::{Device, Kind, Tensor};

use crate::objective::Streams;

/// Numbers the W elements of B rows: [1, B, W], i32.
pub fn elements(rows: i64, width: i64, device: Device) -> Tensor {
    Tensor::arange(rows * width, (Kind::Int, device)).view([1, rows, width])
}

/// Factors [R, B, W] of `kind`: 0 where the element's uniform number is below `rate`, else 1 / (1 − rate). `states` is \[R\].
pub fn factors(states: &Tensor, elements: &Tensor, rate: f64, kind: Kind) -> Tensor {
    Streams::new(states).uniform(elements).ge((rate * f64::from(1 << 24)).ceil() as i64).to_kind(kind) * (1.0 / (1.0 - rate))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;

    #[test]
    fn factors_drop_what_the_uniform_numbers_say() {
        let stream = Stream::new(5);
        let states = Tensor::from_slice(&[Streams::premultiplied(stream)]);
        for rate in [0.0, 0.3, 0.5] {
            let factors = factors(&states, &elements(8, 64, Device::Cpu), rate, Kind::Double);
            let factors = Vec::<f64>::try_from(factors.view([-1])).unwrap();
            for (i, factor) in factors.into_iter().enumerate() {
                let kept = f64::from(stream.uniform(i as u32)) >= rate;
                assert_eq!(factor, if kept { 1.0 / (1.0 - rate) } else { 0.0 });
            }
        }
    }
}
