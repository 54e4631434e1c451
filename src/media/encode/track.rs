//! From an encoder into the file.

use ffmpeg::format::context::Output;
use ffmpeg::{Packet, Rational, encoder};
use ffmpeg_next as ffmpeg;

/// One stream of the file and the clock that its encoder counts in.
pub(super) struct Track {
    pub stream: usize,
    pub time_base: Rational,
}

impl Track {
    /// Moves what the encoder has ready into the file.
    pub(super) fn drain(
        &self,
        encoder: &mut encoder::Encoder,
        file: &mut Output,
        duration: Option<i64>,
    ) -> Result<(), ffmpeg::Error> {
        let target = file.stream(self.stream).ok_or(ffmpeg::Error::StreamNotFound)?.time_base();
        let mut packet = Packet::empty();
        while encoder.receive_packet(&mut packet).is_ok() {
            if let Some(duration) = duration {
                packet.set_duration(duration);
            }
            packet.set_stream(self.stream);
            packet.rescale_ts(self.time_base, target);
            packet.write_interleaved(file)?;
        }
        Ok(())
    }
}
