//! Sound that lies beside a recording.

use std::path::{Path, PathBuf};

use crate::fs::Asked;
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

/// Gives every segment without sound of its own the wav beside its recording, where there is one. The segments are in the manifest's order, so that a recording
/// is asked about once.
pub(super) fn fill(segments: &mut [Segment]) {
    let mut asked = Asked::default();
    // what was cut out beforehand has its sound on another clock
    let wanting = |segment: &&mut Segment| segment.extras.audio_path.is_none() && !segment.extras.precut;
    let mut wanting: Vec<&mut Segment> = segments.iter_mut().filter(wanting).collect();
    for rows in wanting.chunk_by_mut(|a, b| a.path == b.path) {
        let (path, frames) = (&rows[0].path, rows[0].extras.frame_rate.is_some());
        let wav = sound_beside(path, frames);
        if wav != *path && asked.about(&wav).is_ok_and(|about| about.is_file()) {
            rows.iter_mut().for_each(|segment| segment.extras.audio_path = Some(wav.clone()));
        }
    }
}
