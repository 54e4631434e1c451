//! Which frames of a segment make a clip.

/// For `count` equal parts of `[start, end)` seconds, the frame on show in the middle of each: the last whose time is not
/// after it, or the first frame. `times` are presentation times in order; empty for no frames.
///
/// ```
/// use mmdg::signal::sampling::uniform;
/// let times: Vec<f64> = (0..100).map(|i| f64::from(i) / 25.0).collect();
/// assert_eq!(uniform(&times, 0.0, 4.0, 4), [12, 37, 62, 87]);
/// assert_eq!(uniform(&[0.0, 0.5], 0.0, 1.0, 4), [0, 0, 1, 1]);
/// ```
pub fn uniform(times: &[f64], start: f64, end: f64, count: usize) -> Vec<usize> {
    if times.is_empty() {
        return Vec::new();
    }
    let part = (end - start) / count as f64;
    (0..count).map(|i| on_show(times, start + (i as f64 + 0.5) * part)).collect()
}

/// `frames` places of a run of `count` frames, `stride` apart from `offset` on, wrapping round where the run is too short
/// (mmaction2's `SampleFrames` with `out_of_bound_opt="loop"`). Empty for no frames.
///
/// ```
/// use mmdg::signal::sampling::{middle_offset, strided};
/// assert_eq!(strided(7, middle_offset(7, 4, 2), 4, 2), [0, 2, 4, 6]);
/// assert_eq!(strided(3, 0, 4, 2), [0, 2, 1, 0]);
/// ```
pub fn strided(count: usize, offset: usize, frames: usize, stride: usize) -> Vec<usize> {
    if count == 0 {
        return Vec::new();
    }
    (0..frames).map(|i| (offset + i * stride) % count).collect()
}

/// Offsets that [`strided`] may start from: `count − frames · stride + 1`, 0 where the run is too short.
pub fn offsets(count: usize, frames: usize, stride: usize) -> usize {
    (count + 1).saturating_sub(frames * stride)
}

/// Where tests start: half of [`offsets`], rounded down.
pub fn middle_offset(count: usize, frames: usize, stride: usize) -> usize {
    offsets(count, frames, stride) / 2
}

/// The frame on show at `time`: the last that is not after it, or the first; a microsecond is let pass. `times` in order, not empty.
pub fn on_show(times: &[f64], time: f64) -> usize {
    times.partition_point(|&shown| shown <= time + 1e-6).saturating_sub(1)
}
