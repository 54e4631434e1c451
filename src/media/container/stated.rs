//! What a container says of its length.

use ffmpeg_next as ff;

use super::Container;

/// A recording of fewer bytes a second is none; a header that says so is damaged.
const MIN_BYTES_A_SECOND: f64 = 10.0;

impl Container {
    /// Where the container says that the stream ends; `None` where it does not say, only guesses, or says it of all its streams and the packets
    /// read so far, of any of them, have kept it.
    pub(in crate::media) fn promised_end(&self, index: usize) -> Option<f64> {
        let (end, own) = self.stated_end(index)?;
        let kept = self.latest.max(self.survey.end.unwrap_or(0.0)) + 0.25 > end;
        (own || !kept).then_some(end)
    }

    /// Where the container says that the stream ends, in seconds, and whether it says that of this stream alone; `None` where it does not
    /// say, or only guesses.
    pub(super) fn stated_end(&self, index: usize) -> Option<(f64, bool)> {
        let stream = self.input.stream(index)?;
        let (tick, clock) = (f64::from(stream.time_base()), self.clock(index));
        let stated = (stream.duration() > 0).then(|| stream.duration() as f64 * tick);
        if self.is_movie() {
            return stated.map(|end| (clock.end(end), true));
        }
        // SAFETY: the input is open.
        let stated_by_header = unsafe { (*self.input.as_ptr()).duration_estimation_method }
            == ff::ffi::AVDurationEstimationMethod::AVFMT_DURATION_FROM_STREAM;
        if !stated_by_header {
            return None;
        }
        if self.input.format().name() == "avi" && stream.avg_frame_rate().numerator() > 0 {
            // FFmpeg shortens the duration of an AVI that lost its end, so the header's count has to tell
            return Some((stream.frames() as f64 / f64::from(stream.avg_frame_rate()), true));
        }
        if let Some(length) = stated {
            // some count from 0 and some from where the stream begins; FFmpeg's own estimates may be beyond all sense
            return (length * MIN_BYTES_A_SECOND < self.bytes as f64).then(|| (clock.end(length), true));
        }
        let duration = self.input.duration();
        // some count from 0 and some from where the first stream begins
        (duration > 0).then(|| (duration as f64 / f64::from(ff::ffi::AV_TIME_BASE) - self.survey.origin.max(0.0), false))
    }
}
