//! The counter of [`crate::rng`] in tensor arithmetic: the same bits.

use tch::Tensor;

use crate::rng::Stream;

/// The word of [`crate::rng::mix`] as a signed scalar.
fn word(bits: u32) -> i64 {
    i64::from(bits as i32)
}

/// x ^ (x >> n) with zeros shifted in.
fn fold(x: Tensor, n: u32) -> Tensor {
    let shifted = x.bitwise_right_shift_tensor_scalar(i64::from(n)).bitwise_and(i64::from(u32::MAX >> n));
    x.bitwise_xor_tensor(&shifted)
}

/// One random stream for each of R runs.
#[derive(Debug)]
pub struct Streams(Tensor);

impl Streams {
    /// Of states \[R\], i32, each [`premultiplied`](Self::premultiplied).
    pub fn new(states: &Tensor) -> Self {
        Self(states.shallow_clone())
    }

    /// A stream's state as tensors take it: its product with the odd constant, the part that needs no tensor.
    pub fn premultiplied(stream: Stream) -> i32 {
        stream.state().wrapping_mul(0x9e37_79b1) as i32
    }

    /// The part of each for one purpose: `stream.at(Stream::new(0).with(purpose).state())`.
    #[must_use]
    pub fn with(&self, purpose: &str) -> Self {
        let element = self.0.full_like(word(Stream::new(0).with(purpose).state()));
        Self(self.bits(&element) * word(0x9e37_79b1))
    }

    /// 32 random bits, i32, for elements (i32) that broadcast against \[R, 1, …\].
    pub fn bits(&self, elements: &Tensor) -> Tensor {
        let mut shape = vec![1; elements.dim()];
        shape[0] = -1;
        let x = self.0.view(&shape[..]).bitwise_xor_tensor(elements);
        let x = fold(x, 16) * word(0x85eb_ca6b);
        let x = fold(x, 13) * word(0xc2b2_ae35);
        fold(x, 16)
    }

    /// Uniform numbers as whole multiples of 2⁻²⁴, i32 in [0, 2²⁴).
    pub fn uniform(&self, elements: &Tensor) -> Tensor {
        self.bits(elements).bitwise_right_shift_tensor_scalar(8i64).bitwise_and(0x00ff_ffff_i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    #[test]
    fn tensors_give_the_bits_of_the_counter() {
        let streams = [Stream::new(0), Stream::new(u64::MAX), Stream::new(7).with("dropout").at(3)];
        let states: Vec<i32> = streams.iter().map(|&s| Streams::premultiplied(s)).collect();
        let (tensor, elements) =
            (Streams::new(&Tensor::from_slice(&states)), Tensor::arange(1000, (Kind::Int, Device::Cpu)).view([1, 1000]));
        let purpose = Stream::new(0).with("noise").state();
        for (found, part) in [
            (tensor.bits(&elements), &(|s| s) as &dyn Fn(Stream) -> Stream),
            (tensor.with("noise").bits(&elements), &|s| s.at(purpose)),
        ] {
            assert_eq!(found.kind(), Kind::Int);
            let bits = Vec::<i32>::try_from(found.view([-1])).unwrap();
            for (r, &stream) in streams.iter().enumerate() {
                for i in 0..1000 {
                    assert_eq!(bits[r * 1000 + i] as u32, part(stream).bits(i as u32));
                }
            }
        }
        let uniform = Vec::<i32>::try_from(tensor.uniform(&elements).get(2)).unwrap();
        assert!(uniform.iter().enumerate().all(|(i, &u)| u as f32 / (1u32 << 24) as f32 == streams[2].uniform(i as u32)));
    }
}
