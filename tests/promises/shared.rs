//! Real recordings and goldens that cannot be part of the project.

use std::path::PathBuf;

use crate::skips::skipped;

/// `../shared/data`, or a line that says that `test` is skipped.
pub fn data(test: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    if path.is_dir() {
        return path.canonicalize().ok();
    }
    skipped(test, "../shared/data is not there");
    None
}

/// Places in the list of times, from the times and the seconds covered.
#[cfg(feature = "video")]
pub type ChooseFrames<'a> = dyn Fn(&[f64], [f64; 2]) -> Vec<usize> + 'a;

/// What a video shows in `span`, in squares of `size` pixels: the frames that `choose` names by their place among the times.
#[cfg(feature = "video")]
pub fn shots(
    path: &std::path::Path,
    span: mmdg::span::Span,
    size: u32,
    choose: &ChooseFrames<'_>,
) -> mmdg::Result<(mmdg::media::canvas::Shown, Vec<u8>)> {
    use mmdg::media::canvas::{Shot, Wanted};
    use mmdg::media::pictures::read_one;
    let view = mmdg::signal::view::View::centre(size, size, true);
    let choose = |times: &[f64], covered: [f64; 2]| {
        let frames = choose(times, covered).into_iter().enumerate();
        frames.map(|(place, frame)| Shot { frame, view, place }).collect()
    };
    read_one(
        &mmdg::source::Pictures { path: path.into(), rate: None, track: Default::default() },
        Wanted { span, choose: &choose },
    )
}
