//! Which FFmpeg this program runs with.

use std::ffi::CStr;

/// FFmpeg's release, libavcodec's version and the licence it was built under, such as
/// `5.1.9 (libavcodec 59.37.100, GPL version 2 or later)`.
pub fn ffmpeg_version() -> String {
    // SAFETY: FFmpeg gives a pointer to a constant, zero-terminated text
    let release = unsafe { CStr::from_ptr(ffmpeg_next::ffi::av_version_info()) }.to_string_lossy();
    let codec = ffmpeg_next::codec::version();
    let (major, minor, micro) = (codec >> 16, codec >> 8 & 0xff, codec & 0xff);
    format!("{release} (libavcodec {major}.{minor}.{micro}, {})", ffmpeg_next::codec::license())
}
