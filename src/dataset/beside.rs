//! Media that lie beside a recording.

use crate::fs::Asked;
use crate::manifest::Segment;
use crate::modality::{KINDS, Media};

/// Gives every segment without a file of its own the one beside its recording, of each kind that says where that would be, where there is one. The segments are
/// in the manifest's order, so that a recording is asked about once.
pub(super) fn fill(segments: &mut [Segment]) {
    for (kind, beside) in KINDS.iter().filter_map(|kind| Some((*kind, kind.beside?))) {
        let mut asked = Asked::default();
        // what was cut out beforehand has its sound on another clock
        let wanting =
            |segment: &&mut Segment| segment.media(kind).is_none_or(|media| media.paths.is_empty()) && !segment.extras.precut;
        let mut wanting: Vec<&mut Segment> = segments.iter_mut().filter(wanting).collect();
        for rows in wanting.chunk_by_mut(|a, b| a.path == b.path) {
            let (path, frames) = (&rows[0].path, rows[0].is_frames());
            let file = beside(path, frames);
            if file != *path && asked.about(&file).is_ok_and(|about| about.is_file()) {
                for segment in rows {
                    let said = segment.media(kind).cloned().unwrap_or_else(|| Media::new(kind));
                    segment.set_media(Media { paths: vec![file.clone()], ..said });
                }
            }
        }
    }
}
