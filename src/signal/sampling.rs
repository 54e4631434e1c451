//! Which frames of a segment make a clip.

/// The middles of `count` equal parts of `available` frames: place `⌊(i + ½) · available / count⌋`. Frames repeat where
/// there are fewer than `count`. Empty for no frames.
///
/// ```
/// use mmdg::signal::sampling::uniform;
/// assert_eq!(uniform(100, 4), [12, 37, 62, 87]);
/// assert_eq!(uniform(2, 4), [0, 0, 1, 1]);
/// ```
pub fn uniform(available: usize, count: usize) -> Vec<usize> {
    if available == 0 {
        return Vec::new();
    }
    (0..count).map(|i| (2 * i + 1) * available / (2 * count)).collect()
}
