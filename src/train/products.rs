//! Products of encoders: whose kernels multiply.
//!
//! libtorch brings Intel's MKL, which on AMD's CPUs does not reach what the crate `matrixmultiply` does. The crate sums over k in the same order
//! whatever else is multiplied, so a run's bits do not depend on its neighbours, and its kernels with fused multiply-adds, AVX2's and AVX-512's, give the same. Heads, double precision and GPUs are always libtorch's.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

/// What `[train] products` may say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProductsWord {
    /// The faster one on this CPU, by a table of those that were measured.
    #[default]
    Auto,
    /// libtorch's.
    Libtorch,
    /// The crate's.
    Matrixmultiply,
}

/// Whose kernels multiply.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Products {
    /// libtorch's.
    #[default]
    Libtorch,
    /// Those of the crate `matrixmultiply`, chosen by it at run time.
    Matrixmultiply,
}

/// CPUs on which the crate is the faster one, by vendor and family, where AVX-512 is there. Others take libtorch's. Figures are GFLOP/s of
/// one thread in f32 for 64×2304·2304×512, the weight gradient 2304×64·64×512, and 512³ (`examples/products.rs`), the crate's against libtorch's.
/// On Intel's of family 6, model 207, the crate is the slower one: 112, 130, 142 against 157, 135, 158.
const MEASURED: &[(&str, u32)] = &[
    // Zen 4: 97, 107, 107 against 93, 105, 105; a step of a cohort on two cores is 6 % shorter, a lone run's 2 % longer (2026-12-01, EPYC)
    ("AuthenticAMD", 0x19),
    // Zen 5: 162, 210, 207 against 95, 102, 105, built for that CPU (2026-11-30, EPYC)
    ("AuthenticAMD", 0x1a),
];

/// Vendor and family of a CPU with AVX-512, by CPUID.
#[cfg(target_arch = "x86_64")]
pub fn cpu() -> Option<(String, u32)> {
    use std::arch::x86_64::__cpuid;
    if !is_x86_feature_detected!("avx512f") {
        return None;
    }
    let zero = __cpuid(0);
    let vendor = [zero.ebx, zero.edx, zero.ecx].map(u32::to_le_bytes).concat();
    let one = __cpuid(1).eax;
    // the extended family counts where the base one is full (AMD's and Intel's manuals)
    let (base, extended) = (one >> 8 & 0xf, one >> 20 & 0xff);
    Some((String::from_utf8_lossy(&vendor).into_owned(), if base == 0xf { base + extended } else { base }))
}

#[cfg(not(target_arch = "x86_64"))]
pub fn cpu() -> Option<(String, u32)> {
    None
}

/// Whose products a run's are whose settings do not say it: once there were no others.
pub const UNSAID: &str = "libtorch";

impl Products {
    /// What computes where this was asked for.
    pub fn of(word: ProductsWord, kind: Kind, device: Device) -> Self {
        let crates = match word {
            ProductsWord::Libtorch => false,
            ProductsWord::Matrixmultiply => true,
            ProductsWord::Auto => cpu().is_some_and(|(vendor, family)| MEASURED.contains(&(vendor.as_str(), family))),
        };
        if crates && kind == Kind::Float && device == Device::Cpu { Self::Matrixmultiply } else { Self::Libtorch }
    }

    /// As a run's settings have it; none where it is [`UNSAID`].
    pub fn name(self) -> Option<&'static str> {
        (self == Self::Matrixmultiply).then_some("matrixmultiply")
    }

    /// a [R, m, k] · b [R, k, n], however they lie.
    pub fn product(self, a: &Tensor, b: &Tensor) -> Tensor {
        match self {
            Self::Matrixmultiply if !b.requires_grad() && !a.requires_grad() => {
                let out = Tensor::empty([a.size()[0], a.size()[1], b.size()[2]], (a.kind(), a.device()));
                multiply(&out, a, b, 0.0);
                out
            }
            _ => a.bmm(b),
        }
    }

    /// a · b + bias [R, n].
    pub fn affine(self, a: &Tensor, b: &Tensor, bias: &Tensor) -> Tensor {
        match self {
            // what is differentiated automatically has to be libtorch's
            Self::Matrixmultiply if !b.requires_grad() && !a.requires_grad() => {
                // not `expand` and `contiguous`: of one row that is the bias itself
                let mut out = Tensor::empty([a.size()[0], a.size()[1], b.size()[2]], (a.kind(), a.device()));
                out.copy_(&bias.unsqueeze(1));
                multiply(&out, a, b, 1.0);
                out
            }
            _ => bias.unsqueeze(1).baddbmm(a, b, 1.0, 1.0),
        }
    }

    /// Adds a · b to `out` [R, m, n].
    pub fn add(self, out: &Tensor, a: &Tensor, b: &Tensor) {
        match self {
            Self::Libtorch => add_libtorch(out, a, b),
            Self::Matrixmultiply => multiply(out, a, b, 1.0),
        }
    }
}

/// Elements from which libtorch computes a product in its place, which saves a copy. Small ones are not: MKL's sums there
/// depend on where in memory they end up, and so on a run's neighbours.
const LARGE: usize = 1 << 16;

fn add_libtorch(out: &Tensor, a: &Tensor, b: &Tensor) {
    if out.device() != Device::Cpu {
        drop(out.shallow_clone().baddbmm_(a, b));
        return;
    }
    // run by run: a batched product may choose its blocks by how many runs there are, and a run's sums would depend on its neighbours
    for r in 0..out.size()[0] {
        let (mut out, a, b) = (out.get(r), a.get(r), b.get(r));
        match out.numel() >= LARGE {
            true => drop(out.addmm_(&a, &b)),
            false => out += a.mm(&b),
        }
    }
}

/// `out` = a · b + beta · `out`, for each run.
fn multiply(out: &Tensor, a: &Tensor, b: &Tensor, beta: f32) {
    let ([runs, m, k], [_, _, n]) = (shape(a), shape(b));
    assert!(shape(b) == [runs, k, n] && shape(out) == [runs, m, n], "shapes of a product");
    for tensor in [out, a, b] {
        assert!((tensor.device(), tensor.kind()) == (Device::Cpu, Kind::Float), "a tensor that is no plain memory");
    }
    for r in 0..runs as isize {
        let of = |tensor: &Tensor| {
            let [run, row, column] = [0, 1, 2].map(|axis| tensor.stride()[axis] as isize);
            // SAFETY: run r begins there
            (unsafe { tensor.data_ptr().cast::<f32>().offset(run * r) }, row, column)
        };
        let ((a, a_row, a_column), (b, b_row, b_column), (out, out_row, out_column)) = (of(a), of(b), of(out));
        // SAFETY: matrices of these shapes and strides, alive as long as the tensors; `out` overlaps neither of the others
        unsafe {
            matrixmultiply::sgemm(m, k, n, 1.0, a, a_row, a_column, b, b_row, b_column, beta, out, out_row, out_column);
        }
    }
}

fn shape(tensor: &Tensor) -> [usize; 3] {
    let size = tensor.size();
    [size[0], size[1], size[2]].map(|size| size as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(size: &[i64]) -> Tensor {
        Tensor::randn(size, (Kind::Float, Device::Cpu))
    }

    #[test]
    fn both_kernels_agree_however_the_factors_lie() {
        tch::manual_seed(3);
        for (runs, m, k, n) in [(1, 64, 300, 96), (3, 5, 7, 1), (2, 1, 33, 17), (2, 70, 64, 70)] {
            // as they lie, transposed, and a part of something wider
            for (a, b) in [
                (random(&[runs, m, k]), random(&[runs, k, n])),
                (random(&[runs, k, m]).transpose(1, 2), random(&[runs, n, k]).transpose(1, 2)),
                (random(&[runs, m, k + 3]).narrow(2, 2, k), random(&[runs, 2, k, n]).select(1, 1)),
            ] {
                let near = |found: &Tensor, expected: &Tensor| {
                    (found - expected).norm().double_value(&[]) < 1e-5 * expected.norm().double_value(&[])
                };
                let both = |of: &dyn Fn(Products) -> Tensor| near(&of(Products::Matrixmultiply), &of(Products::Libtorch));
                let (bias, start) = (random(&[runs, n]), random(&[runs, m, n]));
                assert!(both(&|products| products.product(&a, &b)));
                assert!(both(&|products| products.affine(&a, &b, &bias)));
                assert!(both(&|products| {
                    let out = start.copy();
                    products.add(&out, &a, &b);
                    out
                }));
            }
        }
    }

    #[test]
    fn a_runs_bits_do_not_depend_on_its_neighbours_nor_on_where_it_lies() {
        let (a, b) = (random(&[5, 64, 600]), random(&[5, 600, 77]));
        let all = Products::Matrixmultiply.product(&a, &b);
        for r in 0..5 {
            let moved = |tensor: &Tensor| {
                let tensor = tensor.narrow(0, r, 1);
                let flat = Tensor::zeros([tensor.numel() as i64 + 3], (Kind::Float, Device::Cpu));
                let place = flat.narrow(0, 3, tensor.numel() as i64).view(tensor.size().as_slice());
                place.shallow_clone().copy_(&tensor);
                place
            };
            assert_eq!(Products::Matrixmultiply.product(&moved(&a), &moved(&b)), all.narrow(0, r, 1), "{r}");
        }
    }

    /// So bits are those of every kernel of the crate that has fused multiply-adds, AVX-512's and AVX2's among them.
    #[test]
    fn sums_are_chains_of_fused_multiply_adds_over_256_terms() {
        #[cfg(target_arch = "x86_64")]
        if !std::arch::is_x86_feature_detected!("fma") {
            return;
        }
        for (m, k, n) in [(6, 600, 37), (70, 256, 5), (1, 33, 9)] {
            let (a, b) = (random(&[1, m, k]), random(&[1, k, n]));
            let of = |tensor: &Tensor| Vec::<f32>::try_from(tensor.flatten(0, -1)).unwrap();
            let (found, a, b) = (of(&Products::Matrixmultiply.product(&a, &b)), of(&a), of(&b));
            let [m, k, n] = [m, k, n].map(|size| size as usize);
            for (place, &found) in found.iter().enumerate().take(m * n) {
                let (row, column) = (place / n, place % n);
                let term = |sum: f32, i: usize| a[row * k + i].mul_add(b[i * n + column], sum);
                let block = |start: usize| (start..k.min(start + 256)).fold(0.0, term);
                assert_eq!((0..k).step_by(256).map(block).sum::<f32>(), found, "{m}x{k}x{n}, {row}, {column}");
            }
        }
    }

    #[test]
    fn what_is_differentiated_is_libtorchs() {
        let (a, b) = (random(&[1, 3, 4]), random(&[1, 4, 2]).set_requires_grad(true));
        let y = Products::Matrixmultiply.affine(&a, &b, &random(&[1, 2]));
        let gradient = Tensor::run_backward(&[y.sum(None)], &[&b], false, false);
        assert_eq!(gradient[0].size(), [1, 4, 2]);
    }

    #[test]
    fn a_choice_is_of_single_precision_on_the_cpu() {
        let crates = ProductsWord::Matrixmultiply;
        assert_eq!(Products::of(crates, Kind::Float, Device::Cpu), Products::Matrixmultiply);
        for (word, kind, device) in [
            (crates, Kind::Double, Device::Cpu),
            (crates, Kind::Float, Device::Cuda(0)),
            (ProductsWord::Libtorch, Kind::Float, Device::Cpu),
            (ProductsWord::Auto, Kind::Double, Device::Cpu),
        ] {
            assert_eq!(Products::of(word, kind, device), Products::Libtorch);
        }
        let auto = Products::of(ProductsWord::Auto, Kind::Float, Device::Cpu);
        let measured = cpu().is_some_and(|(vendor, family)| MEASURED.contains(&(vendor.as_str(), family)));
        assert_eq!(auto == Products::Matrixmultiply, measured);
    }
}
