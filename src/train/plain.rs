//! Tensors as plain memory, for passes that libtorch would make in many, and how that memory is kept.

use tch::{Device, Tensor};

/// A host tensor's elements, in order.
pub fn slice<T: tch::kind::Element>(tensor: &Tensor) -> &[T] {
    check::<T>(tensor);
    // SAFETY: contiguous host memory of that many elements of that kind, alive as long as the tensor
    unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast(), tensor.numel()) }
}

/// A host tensor's elements, to write to.
pub fn slice_mut<T: tch::kind::Element>(tensor: &mut Tensor) -> &mut [T] {
    check::<T>(tensor);
    // SAFETY: as in `slice`; views of the same memory exist but nothing reads them while it is written
    unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast(), tensor.numel()) }
}

fn check<T: tch::kind::Element>(tensor: &Tensor) {
    assert!(
        tensor.device() == Device::Cpu && tensor.kind() == T::KIND && tensor.is_contiguous(),
        "a tensor that is no plain memory"
    );
}

/// Runs `pass` compiled for this machine's widest vectors; the same bits on every machine, for Rust fuses no operations.
#[inline(always)]
pub fn wide<Out>(pass: impl FnOnce() -> Out) -> Out {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw")]
        fn avx512<Out>(pass: impl FnOnce() -> Out) -> Out {
            pass()
        }
        #[target_feature(enable = "avx2")]
        fn avx2<Out>(pass: impl FnOnce() -> Out) -> Out {
            pass()
        }
        let has = |avx512: bool| match avx512 {
            true => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512bw")
            }
            false => is_x86_feature_detected!("avx2"),
        };
        if has(true) {
            // SAFETY: the processor has these features
            return unsafe { avx512(pass) };
        }
        if has(false) {
            // SAFETY: the processor has this feature
            return unsafe { avx2(pass) };
        }
    }
    pass()
}

/// Has the system hold a host tensor's memory in large pages, where it has such: what is walked through in every step then
/// misses fewer translations of addresses. Its contents stay.
pub fn in_large_pages(tensor: Tensor) -> Tensor {
    #[cfg(target_os = "linux")]
    if tensor.device() == Device::Cpu && tensor.is_contiguous() {
        const LARGE: usize = 2 << 20;
        let start = tensor.data_ptr() as usize;
        let end = (start + tensor.numel() * tensor.kind().elt_size_in_bytes()) / LARGE * LARGE;
        let start = start.next_multiple_of(LARGE);
        for advice in [libc::MADV_HUGEPAGE, libc::MADV_COLLAPSE] {
            // SAFETY: whole pages of memory that the tensor owns; neither changes what they hold
            let _refused = unsafe { libc::madvise(start as *mut _, end.saturating_sub(start), advice) };
        }
    }
    tensor
}
