//! Sound that lies beside a recording.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::manifest::Segment;

/// Where a recording's sound would lie beside it: `X.wav` for `X.mp4`, for a folder `X` of extracted frames and for `X.tar`.
///
/// ```
/// use mmdg::dataset::sound_beside;
/// use std::path::Path;
/// assert_eq!(sound_beside(Path::new("a/drinking_54 .mp4"), false), Path::new("a/drinking_54 .wav"));
/// assert_eq!(sound_beside(Path::new("rgb/v1.2"), true), Path::new("rgb/v1.2.wav"));
/// ```
pub fn sound_beside(path: &Path, frames: bool) -> PathBuf {
    let ends = |end: &str| path.extension().is_some_and(|extension| extension == end);
    if frames && !ends("tar") {
        let mut name = path.as_os_str().to_owned();
        name.push(".wav");
        return name.into();
    }
    path.with_extension("wav")
}

/// Gives every segment without sound of its own the wav beside its recording, where there is one. A recording is asked about once.
pub(super) fn fill(segments: &mut [Segment]) {
    let mut known: HashMap<PathBuf, Option<PathBuf>> = HashMap::new();
    // what was cut out beforehand has its sound on another clock
    for segment in segments.iter_mut().filter(|segment| segment.audio_path.is_none() && !segment.precut) {
        let look = || {
            let wav = sound_beside(&segment.path, segment.frame_rate.is_some());
            (wav != segment.path && wav.is_file()).then_some(wav)
        };
        let found = match known.get(&segment.path) {
            Some(found) => found.clone(),
            None => {
                let found = look();
                known.insert(segment.path.clone(), found.clone());
                found
            }
        };
        segment.audio_path = found;
    }
}
