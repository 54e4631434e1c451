//! Which FFmpeg there is.

use std::ffi::CStr;
use std::path::Path;

/// FFmpeg's release and the licence it was built under, such as `5.1.9 (libavcodec 59.37.100, GPL version 2 or later)`, of the one
/// that this process has loaded.
pub fn ffmpeg_version() -> String {
    // SAFETY: FFmpeg gives a pointer to a constant, zero-terminated text
    let release = unsafe { CStr::from_ptr(ffmpeg_next::ffi::av_version_info()) }.to_string_lossy();
    let codec = ffmpeg_next::codec::version();
    let (major, minor, micro) = (codec >> 16, codec >> 8 & 0xff, codec & 0xff);
    format!("{release} (libavcodec {major}.{minor}.{micro}, {})", ffmpeg_next::codec::license())
}

/// The same of a `libavutil` that is only looked at, such as `5.1.9 (GPL version 2 or later)`. `None` where the file cannot be read or
/// does not say.
pub fn ffmpeg_version_of(libavutil: &Path) -> Option<String> {
    let bytes = std::fs::read(libavutil).ok()?;
    // both are texts of their own in every build
    let text = |start: &str| {
        let rest = bytes.split(|byte| *byte == 0).find_map(|text| text.strip_prefix(start.as_bytes()))?;
        std::str::from_utf8(rest).ok()
    };
    Some(format!("{} ({})", text("FFmpeg version ")?, text("libavutil license: ")?))
}
