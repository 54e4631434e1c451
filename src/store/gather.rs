//! Copying rows out of the mapped shards, as fast as from plain memory.

use half::f16;
use half::slice::HalfFloatSliceExt;

use super::layout::Dtype;
use super::reader::Rows;

/// How many rows ahead of the one being copied memory is asked for.
const AHEAD: usize = 2;

/// The smallest page there is.
const PAGE: usize = 4096;

impl Rows<'_> {
    /// Copies rows as they are stored, one after the other; little-endian.
    ///
    /// # Panics
    /// Where `out` is not `rows.len()` rows long; for frames stored as JPEG, which [`read`](Self::read) decodes.
    pub fn gather_bytes(&self, rows: &[usize], out: &mut [u8]) {
        let row_bytes = (self.header().row_elements() * self.header().dtype.size()) as usize;
        // rows that lie one after the other are copied at once: what asks for memory ahead is worth nothing there, the processor does
        if self.header().jpeg.is_none() && rows.is_sorted_by(|row, next| row + 1 == *next) {
            assert_eq!(out.len(), rows.len() * row_bytes, "room for {} rows", rows.len());
            let mut out = out;
            for of_shard in rows.chunk_by(|row, next| row / self.per_shard == next / self.per_shard) {
                let (own, rest) = out.split_at_mut(of_shard.len() * row_bytes);
                own.copy_from_slice(self.stretch(of_shard[0], of_shard.len()));
                out = rest;
            }
            return;
        }
        self.each(rows, out, row_bytes, |row, out| out.copy_from_slice(self.bytes(row)));
    }

    /// Copies the values of rows, one row after the other.
    ///
    /// # Panics
    /// Where `out` is not `rows.len()` rows long.
    pub fn gather(&self, rows: &[usize], out: &mut [f32]) {
        let width = self.header().row_elements() as usize;
        match self.header().dtype {
            Dtype::F32 => self.gather_bytes(rows, bytemuck::cast_slice_mut(out)),
            Dtype::F16 => self.each(rows, out, width, |row, out| match bytemuck::try_cast_slice(self.bytes(row)) {
                Ok(halves) => widen(halves, out),
                Err(_) => out.copy_from_slice(&self.values(row)),
            }),
            Dtype::F64 | Dtype::U64 | Dtype::U8 => self.each(rows, out, width, |row, out| out.copy_from_slice(&self.values(row))),
        }
    }

    /// Calls `copy` with each row and its part of `out`. What a random row costs is mostly the wait for its page table entries
    /// and first lines, so these are asked for while rows before it are copied.
    fn each<T>(&self, rows: &[usize], out: &mut [T], width: usize, copy: impl Fn(usize, &mut [T])) {
        assert_eq!(out.len(), rows.len() * width, "room for {} rows", rows.len());
        for (place, (&row, out)) in rows.iter().zip(out.chunks_exact_mut(width)).enumerate() {
            if let Some(&later) = rows.get(place + AHEAD) {
                prefetch(self.bytes(later));
            }
            copy(row, out);
        }
    }
}

/// Asks for one line of each page.
fn prefetch(bytes: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    for byte in bytes.iter().step_by(PAGE).chain(bytes.last()) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 has SSE; a hint reads nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(byte).cast()) };
    }
}

/// `half` calls a function for every eight values; this is the same in one loop, half again as fast.
fn widen(halves: &[f16], out: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("f16c") {
        use std::arch::x86_64::{_mm_loadu_si128, _mm256_cvtph_ps, _mm256_storeu_ps};
        #[target_feature(enable = "f16c")]
        fn wide(halves: &[[f16; 8]], out: &mut [[f32; 8]]) {
            for (halves, out) in halves.iter().zip(out) {
                // SAFETY: sixteen bytes are read and eight values written, which the arrays have; both need no alignment.
                unsafe { _mm256_storeu_ps(out.as_mut_ptr(), _mm256_cvtph_ps(_mm_loadu_si128(halves.as_ptr().cast()))) };
            }
        }
        let (halves, halves_left) = halves.as_chunks();
        let (out, left) = out.as_chunks_mut();
        // SAFETY: the processor has just been asked.
        unsafe { wide(halves, out) };
        return halves_left.convert_to_f32_slice(left);
    }
    halves.convert_to_f32_slice(out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_becomes_the_float_that_it_is() {
        let halves: Vec<f16> = (0..=u16::MAX).map(f16::from_bits).collect();
        for halves in [&halves[..], &halves[1..1 << 15], &halves[7..10]] {
            let mut out = vec![9.0; halves.len()];
            widen(halves, &mut out);
            assert!(halves.iter().zip(&out).all(|(half, &value)| half.is_nan() && value.is_nan() || half.to_f32() == value));
        }
    }
}
