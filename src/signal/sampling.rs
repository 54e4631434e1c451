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
    // a microsecond, so that a frame exactly in the middle counts however its time is rounded
    let middle = |i: usize| start + (i as f64 + 0.5) * part + 1e-6;
    (0..count).map(|i| times.partition_point(|&time| time <= middle(i)).saturating_sub(1)).collect()
}
