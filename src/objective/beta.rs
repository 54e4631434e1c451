use tch::{Kind, Tensor};

use super::Streams;

/// Draws of a gamma variate, of which the first that is accepted counts: all eight are refused once in 10¹⁰ times.
const TRIES: i64 = 8;

/// Numbers of Beta(α, α) for each run, [R, n], f64, from α \[R\]: of two gamma variates by Marsaglia & Tsang (ACM TOMS 2000), whose logarithms
/// small α do not underflow. Elements 1 to 64 n of the streams.
pub fn beta(streams: &Streams, alpha: &Tensor, n: i64) -> Tensor {
    let elements = Tensor::arange(n * 2 * TRIES * 4, (Kind::Int, alpha.device())) + 1;
    let uniform = streams.uniform(&elements.unsqueeze(0)).to_kind(Kind::Double) * f64::from(2.0f32.powi(-24));
    let uniform = uniform.view([-1, n, 2, TRIES, 4]);
    let [first, second, accept, power] = [0, 1, 2, 3].map(|i| uniform.select(4, i));
    let alpha = alpha.to_kind(Kind::Double).view([-1, 1, 1, 1]);
    let log_above = |x: &Tensor| (x.neg() + 1.0).log();
    let normal = (log_above(&first) * -2.0).sqrt() * (second * std::f64::consts::TAU).cos();
    let d: Tensor = &alpha + 2.0 / 3.0;
    let root = (&d * 9.0).rsqrt() * &normal + 1.0;
    let v = &root * &root * &root;
    let below = normal.square() * 0.5 + &d - &d * &v + &d * v.clamp_min(1e-300).log();
    let accepted = v.gt(0.0).logical_and(&log_above(&accept).lt_tensor(&below));
    // the mode, where none is
    let (v, accepted) = (
        Tensor::cat(&[&v, &v.narrow(3, 0, 1).ones_like()], 3),
        Tensor::cat(&[&accepted, &accepted.narrow(3, 0, 1).ones_like()], 3),
    );
    let place = accepted.to_kind(Kind::Int64).argmax(3, true);
    let v = v.gather(3, &place, false);
    let log = (d * v).log() + log_above(&power.narrow(3, 0, 1)) / alpha;
    let apart = log.select(2, 1) - log.select(2, 0);
    (apart.exp() + 1.0).reciprocal().squeeze_dim(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;

    #[test]
    fn numbers_have_the_moments_of_the_distribution() {
        let streams: Vec<Stream> = (0..3).map(Stream::new).collect();
        let alphas = [0.1, 0.5, 4.0];
        let found = beta(&Streams::new(&Streams::states(&streams)), &Tensor::from_slice(&alphas), 20_000);
        for (r, alpha) in alphas.into_iter().enumerate() {
            let own = found.get(r as i64);
            let (mean, variance) = (own.mean(None).double_value(&[]), own.var(true).double_value(&[]));
            assert!((mean - 0.5).abs() < 0.01, "{alpha}: mean {mean}");
            let wanted = 1.0 / (4.0 * (2.0 * alpha + 1.0));
            assert!((variance / wanted - 1.0).abs() < 0.03, "{alpha}: variance {variance}, not {wanted}");
            assert!(own.min().double_value(&[]) >= 0.0 && own.max().double_value(&[]) <= 1.0);
        }
    }
}
