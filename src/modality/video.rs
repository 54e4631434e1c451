//! Pictures of a recording.

use super::column::{Column, Field};
use super::kind::{Definition, Kind, Recording};
use crate::source::SourceRef;

impl Kind {
    /// RGB frames.
    pub const VIDEO: Self = Self(&VIDEO);
}

static VIDEO: Definition = Definition {
    name: "video",
    about: "RGB frames of a video, or extracted ones",
    columns: &[Column { name: "frame_rate", field: Field::FrameRate }, Column { name: "video_track", field: Field::Track }],
    check: |_| Ok(()),
    source,
    beside: None,
    axes: &["THWC", "HWC"],
    channels: 3,
    layout: "NCTHW",
    dataset: Some("visual_features"),
};

fn source(recording: Recording<'_>) -> Result<SourceRef<'_>, &'static str> {
    let own = recording.media(Kind::VIDEO);
    let track = own.and_then(|media| media.track.as_ref()).unwrap_or(recording.track);
    Ok(SourceRef::Pictures { path: recording.path, rate: own.and_then(|media| media.rate), track })
}
