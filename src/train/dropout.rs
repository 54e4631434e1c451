//! Dropout factors from the counter of [`crate::rng`]: the same bits in tensor arithmetic.

use tch::{Device, Kind, Tensor};

use super::memory::{slice, slice_mut, wide};
use crate::rng::finish;

/// The word of [`crate::rng::mix`] as a signed scalar.
fn word(bits: u32) -> i64 {
    i64::from(bits as i32)
}

/// `mix(state, element)` for i32 tensors: states as [`premultiplied`], elements broadcast against them.
fn mix(state: &Tensor, element: &Tensor) -> Tensor {
    let x = state.bitwise_xor_tensor(element);
    let x = fold(x, 16) * word(0x85eb_ca6b);
    let x = fold(x, 13) * word(0xc2b2_ae35);
    fold(x, 16)
}

/// x ^ (x >> n) with zeros shifted in.
fn fold(x: Tensor, n: u32) -> Tensor {
    let shifted = x.bitwise_right_shift_tensor_scalar(i64::from(n)).bitwise_and(i64::from(u32::MAX >> n));
    x.bitwise_xor_tensor(&shifted)
}

/// A stream's state as tensors take it: its product with the odd constant, the part that needs no tensor.
pub fn premultiplied(state: u32) -> i32 {
    state.wrapping_mul(0x9e37_79b1) as i32
}

/// Numbers the W elements of B rows: [1, B, W], i32.
pub fn elements(rows: i64, width: i64, device: Device) -> Tensor {
    Tensor::arange(rows * width, (Kind::Int, device)).view([1, rows, width])
}

/// Factors [R, B, W] of `kind`: 0 where the element's uniform number is below `rate`, else 1 / (1 − rate). `states` is \[R\].
pub fn factors(states: &Tensor, elements: &Tensor, rate: f64, kind: Kind) -> Tensor {
    let threshold = (rate * f64::from(1 << 24)).ceil();
    let kept = 1.0 / (1.0 - rate);
    if states.device() == Device::Cpu && kind == Kind::Float {
        let shape = elements.size();
        let mut factors = Tensor::empty([states.numel() as i64, shape[1], shape[2]], (kind, Device::Cpu));
        let rows = slice_mut::<f32>(&mut factors).chunks_mut(elements.numel().max(1));
        for (row, &state) in rows.zip(slice::<i32>(states)) {
            let (state, threshold, kept) = (state as u32, threshold as u32, kept as f32);
            let factor = |i: u32| if finish(state ^ i) >> 8 >= threshold { kept } else { 0.0 };
            wide(|| row.iter_mut().zip(0..).for_each(|(x, i)| *x = factor(i)));
        }
        return factors;
    }
    let bits = mix(&states.view([-1, 1, 1]), elements);
    let uniform = bits.bitwise_right_shift_tensor_scalar(8i64).bitwise_and(0x00ff_ffff_i64);
    uniform.ge(threshold as i64).to_kind(kind) * kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;

    #[test]
    fn tensors_give_the_bits_of_the_counter() {
        let streams = [Stream::new(0), Stream::new(u64::MAX), Stream::new(7).with("dropout").at(3)];
        let states: Vec<i32> = streams.iter().map(|s| premultiplied(s.state())).collect();
        let bits = mix(&Tensor::from_slice(&states).view([-1, 1, 1]), &elements(10, 100, Device::Cpu));
        assert_eq!(bits.kind(), Kind::Int);
        let bits = Vec::<i32>::try_from(bits.view([-1])).unwrap();
        for (r, stream) in streams.iter().enumerate() {
            for i in 0..1000 {
                assert_eq!(bits[r * 1000 + i] as u32, stream.bits(i as u32));
            }
        }
    }

    #[test]
    fn factors_drop_what_the_uniform_numbers_say() {
        let stream = Stream::new(5);
        let states = Tensor::from_slice(&[premultiplied(stream.state())]);
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
