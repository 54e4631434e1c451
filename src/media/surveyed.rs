//! What a survey tells.

use ff::Packet;
use ff::codec::packet::side_data;
use ffmpeg_next as ff;

use super::clock::Clock;
use super::movie::Movie;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Edit lists, where the container has some.
    pub(super) movie: Option<Movie>,
    /// Where the clock's second 0 is, by the container's times.
    pub(super) origin: f64,
    /// Whether times and what decoding needs stand in the container, so that reading may begin anywhere. Elsewhere a seek gives
    /// other times than reading does, loses palettes and new configurations, or lands by guess; there everything is read from the start.
    pub(super) anywhere: bool,
    /// What is added to the times of each stretch; more than one where time stamps start again.
    pub(super) shifts: Vec<f64>,
    /// Where the jumps are, in seconds.
    pub(super) jumps: Vec<f64>,
    /// Whether there are pictures that do not state their times, as far as was read.
    pub(super) unstated: bool,
    /// Whether its time stamps are none: they start again all the time (FLAC in CAF, by FFmpeg 5.1).
    pub(super) untimed: bool,
    /// Where the last packet of all ends, in seconds, where all were read.
    pub(super) end: Option<f64>,
}

impl Survey {
    /// The clock of a stream by its container's number for it.
    pub(super) fn clock(&self, id: i32) -> Clock {
        let track = self.movie.iter().flat_map(|movie| &movie.tracks).find(|track| i64::from(track.id) == i64::from(id));
        Clock { edits: track.map_or_else(Vec::new, |track| track.edits.clone()), origin: self.origin }
    }

    /// What is to be known of a row up to `end`: its seconds rest on a jump that was closed.
    pub(super) fn jumped(&self, end: f64) -> Option<String> {
        let before: Vec<String> = self.jumps.iter().filter(|&&jump| jump < end).map(|jump| format!("{jump:.3}")).collect();
        (!before.is_empty()).then(|| format!("time stamps start again at {} s", before.join(", ")))
    }
}

/// Samples at the packet's start that its container says are priming.
pub(super) fn skipped(packet: &Packet) -> f64 {
    let skip = packet.side_data().find(|data| data.kind() == side_data::Type::SkipSamples);
    let bytes = skip.and_then(|data| data.data().first_chunk::<4>().copied());
    bytes.map_or(0.0, |bytes| f64::from(u32::from_le_bytes(bytes)))
}

/// Whether a stream is a picture that stands for the recording, such as a cover.
pub(super) fn attached(stream: &ff::format::stream::Stream<'_>) -> bool {
    let pictures = ff::ffi::AV_DISPOSITION_ATTACHED_PIC | ff::ffi::AV_DISPOSITION_TIMED_THUMBNAILS;
    // SAFETY: the stream is of an open input.
    unsafe { (*stream.as_ptr()).disposition & pictures != 0 }
}
