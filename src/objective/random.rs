//! The counter of [`crate::rng`] in tensor arithmetic: the same bits.

use tch::{Kind, Tensor};

use crate::rng::{FACTORS, Stream};

/// A word of [`crate::rng`] as a signed scalar.
fn word(bits: u32) -> i64 {
    i64::from(bits as i32)
}

/// x ^ (x >> n) with zeros shifted in.
fn fold(x: Tensor, n: u32) -> Tensor {
    let shifted = x.bitwise_right_shift_tensor_scalar(i64::from(n)).bitwise_and(i64::from(u32::MAX >> n));
    x.bitwise_xor_tensor(&shifted)
}

/// [`crate::rng::finish`].
fn finish(x: Tensor, between: Option<&Tensor>) -> Tensor {
    let x = fold(fold(x, 16) * word(0x85eb_ca6b), 13);
    let x = between.map_or_else(|| x.shallow_clone(), |between| x.bitwise_xor_tensor(between));
    fold(x * word(0xc2b2_ae35), 16)
}

/// One random stream for each of R runs.
#[derive(Debug)]
pub struct Streams {
    /// First words of the states, each with its factor, \[R\], i32.
    first: Tensor,
    /// Second words, \[R\], i32.
    second: Tensor,
}

impl Streams {
    /// Of states [R, 2], i32, as [`states`](Self::states) gives them.
    pub fn new(states: &Tensor) -> Self {
        Self { first: states.select(-1, 0), second: states.select(-1, 1) }
    }

    /// A stream's state as tensors take it: the first word times its factor, the part that needs no tensor, and the second word.
    pub fn premultiplied(stream: Stream) -> [i32; 2] {
        let [first, second] = stream.state();
        [first.wrapping_mul(FACTORS[0]) as i32, second as i32]
    }

    /// States [R, 2], i32, of streams.
    pub fn states(streams: &[Stream]) -> Tensor {
        let words: Vec<i32> = streams.iter().flat_map(|&stream| Self::premultiplied(stream)).collect();
        Tensor::from_slice(&words).view([-1, 2])
    }

    /// The part of each for one purpose: `at` both words of the purpose's own stream, `Stream::new(0).with(purpose)`.
    #[must_use]
    pub fn with(&self, purpose: &str) -> Self {
        let own = Self { first: self.first.shallow_clone(), second: self.second.shallow_clone() };
        Stream::new(0).with(purpose).state().into_iter().fold(own, |streams, index| streams.at(index))
    }

    /// The states, [R, 2], as [`new`](Self::new) takes them.
    pub fn state(&self) -> Tensor {
        Tensor::stack(&[&self.first, &self.second], -1)
    }

    /// [`Stream::at`].
    fn at(&self, index: u32) -> Self {
        let mix = |premultiplied: &Tensor| finish(premultiplied.bitwise_xor(word(index)), None);
        Self { first: mix(&self.first) * word(FACTORS[0]), second: mix(&(&self.second * word(FACTORS[1]))) }
    }

    /// 32 random bits, i32, for elements (i32) that broadcast against \[R, 1, …\].
    pub fn bits(&self, elements: &Tensor) -> Tensor {
        let mut shape = vec![1; elements.dim()];
        shape[0] = -1;
        finish(self.first.view(&shape[..]).bitwise_xor_tensor(elements), Some(&self.second.view(&shape[..])))
    }

    /// Uniform numbers as whole multiples of 2⁻²⁴, i32 in [0, 2²⁴).
    pub fn uniform(&self, elements: &Tensor) -> Tensor {
        self.bits(elements).bitwise_right_shift_tensor_scalar(8i64).bitwise_and(0x00ff_ffff_i64)
    }

    /// Standard normal numbers [R, n]: Box and Muller over element pairs (2i, 2i + 1), cosines first, then sines.
    pub fn normal(&self, n: i64, kind: Kind) -> Tensor {
        let half = (n + 1) / 2;
        let elements = Tensor::arange(2 * half, (Kind::Int, self.first.device())).unsqueeze(0);
        let uniform = (self.uniform(&elements).to_kind(kind) * f64::from(2.0f32.powi(-24))).view([-1, half, 2]);
        let first: Tensor = 1.0 - uniform.select(2, 0);
        let radius = (first.log() * -2.0).sqrt();
        let angle = uniform.select(2, 1) * std::f64::consts::TAU;
        Tensor::cat(&[&radius * angle.cos(), radius * angle.sin()], 1).narrow(1, 0, n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn tensors_give_the_bits_of_the_counter() {
        let streams = [Stream::new(0), Stream::new(u64::MAX), Stream::new(7).with("dropout").at(3)];
        let (tensor, elements) =
            (Streams::new(&Streams::states(&streams)), Tensor::arange(1000, (Kind::Int, Device::Cpu)).view([1, 1000]));
        let [first, second] = Stream::new(0).with("noise").state();
        for (found, part) in [
            (tensor.bits(&elements), &(|s| s) as &dyn Fn(Stream) -> Stream),
            (tensor.with("noise").bits(&elements), &|s| s.at(first).at(second)),
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
