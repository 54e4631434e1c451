//! Optical flow, as it was computed beforehand.

use super::column::{Column, Field};
use super::kind::{Definition, Kind, Recording};
use crate::source::SourceRef;

impl Kind {
    /// Optical flow, two channels: horizontal and vertical.
    pub const FLOW: Self = Self(&FLOW);
}

static FLOW: Definition = Definition {
    name: "flow",
    about: "optical flow, horizontal and vertical, as two videos or two folders of extracted frames",
    columns: &[
        Column { name: "flow_x_path", field: Field::Path(0) },
        Column { name: "flow_y_path", field: Field::Path(1) },
        Column { name: "flow_rate", field: Field::FrameRate },
    ],
    check: |_| Ok(()),
    source,
    beside: None,
    axes: &["THWC", "HWC"],
    channels: 2,
    layout: "NCTHW",
    dataset: Some("flow_features"),
};

fn source(recording: Recording<'_>) -> Result<SourceRef<'_>, &'static str> {
    let own = recording.media(Kind::FLOW).ok_or("no flow files")?;
    match &own.paths[..] {
        [x, y] => Ok(SourceRef::PicturePair { x, y, rate: own.rate }),
        _ => Err("no flow files"),
    }
}
