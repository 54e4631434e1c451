//! Sound of many rows of one recording in one pass over its packets, whoever decodes them.
//!
//! A row's samples must not depend on the rows beside it. A codec that forgets (PCM, FLAC, MP3) is decoded from a little before each row. The others are
//! decoded from the recording's start: some draw noise (AAC's perceptual noise, AC-3's dither), which differs when they are entered
//! elsewhere. Rows that begin later than ten minutes are decoded from a multiple of 60 s, so that a long recording is not decoded through
//! for its last row; the rows of one such minute share a decoder.

use super::clock::Clock;
use super::counter::Counter;
use super::timeline::{Cuts, Timeline};
use crate::error::Failure;
use crate::span::Span;

/// Decoding starts this much before a row, so that decoders with a memory (MP3, AAC) have settled.
const WARM_UP_SECONDS: f64 = 0.5;
/// Rows that begin in the first ten minutes are decoded from the start, unless the codec forgets.
const START_SECONDS: f64 = 600.0;
/// Later ones from a multiple of this.
const MINUTE_SECONDS: f64 = 60.0;
/// A stretch that no row needs is jumped over if it is longer than this, where the container can.
const JUMP_SECONDS: f64 = 20.0;

/// A row's stretch, and what its early end means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wanted {
    /// The stretch, on the recording's own clock.
    pub span: Span,
    /// Whether a recording that ends much before the row still gives one, flagged, instead of failing it.
    pub short: bool,
}

/// The packets of one sound track.
pub(super) trait Reader {
    /// A packet.
    type Packet;

    /// What is known of the track.
    fn track(&self) -> &SoundTrack;

    /// When a packet is stated to begin, in seconds of the track.
    fn time(&self, packet: &Self::Packet) -> Option<f64>;

    /// The next packet, in order; `None` at the end.
    fn next(&mut self) -> Result<Option<Self::Packet>, Failure>;

    /// Where what is kept of the packet begins, in seconds of the track, and its samples, as far as that is stated. Asked once a packet, in order.
    fn stated(&mut self, packet: &Self::Packet) -> (Option<f64>, usize);

    /// Goes to a packet at or before the track's time `media`, if packets there are the same and in the same places as when read through.
    fn jump(&mut self, media: f64) -> bool;

    /// A decoder at its beginning; with `first` the packet that it is given next is the track's first.
    fn fresh(&mut self, first: bool) -> Result<Box<dyn Decode<Self::Packet>>, Failure>;

    /// Where the container says that the sound ends.
    fn promised_end(&self) -> Option<f64>;

    /// What is to be known of a row that ends at second `end`.
    fn note(&self, _end: f64) -> Option<String> {
        None
    }
}

/// What is known of a sound track.
#[derive(Debug, Clone)]
pub(super) struct SoundTrack {
    pub(super) sample_rate: u32,
    /// Seconds.
    pub(super) tick: f64,
    pub(super) clock: Clock,
    /// Whether a decoder that was entered anywhere gives the same samples soon.
    pub(super) forgets: bool,
    /// Whether the samples of a packet are known before it is decoded.
    pub(super) counted: bool,
}

/// Decodes packets.
pub(super) trait Decode<P> {
    /// Decodes one, or with `None` what is left in the decoder.
    fn decode(&mut self, packet: Option<&P>, each: &mut dyn FnMut(Block<'_>) -> Result<(), Failure>) -> Result<(), Failure>;
}

/// Decoded samples, the mean of the channels.
pub(super) struct Block<'a> {
    pub(super) sample_rate: u32,
    /// Where they begin, in seconds of the track, if that is stated.
    pub(super) time: Option<f64>,
    pub(super) samples: &'a [f32],
}

/// A row that is done.
pub(super) struct Done {
    pub(super) line: Timeline,
    /// What is to be known of it.
    pub(super) partial: Option<String>,
    /// Where its decoding began.
    pub(super) from: From,
}

/// Where decoding of a row began.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum From {
    /// A little before it.
    Near,
    /// At the recording's start.
    Start,
    /// At a multiple of 60 s.
    Minute,
}

/// Rows that share a decoder.
struct Run<P> {
    /// Where decoding begins, in seconds; −∞ for the start.
    key: f64,
    from: From,
    rows: Vec<(usize, Timeline)>,
    decoder: Option<(Box<dyn Decode<P>>, Counter)>,
}

/// Where decoding for a row begins.
fn key(track: &SoundTrack, span: Span) -> (f64, From) {
    let settled = span.start - WARM_UP_SECONDS;
    if !track.counted || !track.clock.straight() {
        (f64::NEG_INFINITY, From::Start)
    } else if track.forgets {
        if settled > 0.0 { (settled, From::Near) } else { (f64::NEG_INFINITY, From::Near) }
    } else if span.start < START_SECONDS {
        (f64::NEG_INFINITY, From::Start)
    } else {
        ((settled / MINUTE_SECONDS).floor() * MINUTE_SECONDS, From::Minute)
    }
}

/// Reads rows and tells of each, by its place in `wanted`, as soon as it is done. `E` is what keeps all work from going on.
pub(super) fn read<R: Reader, E>(
    reader: &mut R,
    wanted: &[Wanted],
    each: &mut dyn FnMut(usize, Result<Done, Failure>) -> Result<(), E>,
) -> Result<(), E> {
    let track = reader.track().clone();
    let cuts = Cuts::new(&track.clock, track.sample_rate);
    let mut runs: Vec<Run<R::Packet>> = Vec::new();
    for (place, Wanted { span, .. }) in wanted.iter().enumerate() {
        let (key, from) = key(&track, *span);
        let row = (place, Timeline::new(track.sample_rate, *span));
        match runs.iter_mut().find(|run| run.from == from && run.key == key && from != From::Near) {
            Some(run) => run.rows.push(row),
            None => runs.push(Run { key, from, rows: vec![row], decoder: None }),
        }
    }
    runs.sort_by(|a, b| b.key.total_cmp(&a.key));
    let counter = Counter::new(track.sample_rate, track.tick);
    let mut pass = SoundPass { reader, wanted, cuts, counter, jumped: f64::NEG_INFINITY, track: track.clone(), each };
    // the earliest last, so that those whose turn has come are taken from the end
    let mut running: Vec<Run<R::Packet>> = Vec::new();
    let mut ahead = None;
    while !(running.is_empty() && runs.is_empty()) {
        if running.is_empty() && pass.jump(runs.last().map_or(0.0, |run| run.key)) {
            ahead = None;
        }
        let read = ahead.take().map_or_else(|| pass.reader.next(), |packet| Ok(Some(packet)));
        let packet = match read.and_then(|packet| Ok((packet, pass.reader.next()?))) {
            Ok((Some(packet), next)) => {
                ahead = next;
                packet
            }
            Ok((None, _)) => break,
            Err(failure) => return pass.fail(runs.into_iter().chain(running), &failure),
        };
        let (time, count) = pass.reader.stated(&packet);
        let following = ahead.as_ref().and_then(|next| pass.reader.time(next));
        let number = pass.counter.place(time, count, following);
        if pass.track.clock.straight() && pass.cuts.over(number) {
            break;
        }
        let ends = (number + count as i64) as f64 / f64::from(pass.track.sample_rate);
        let clock = &track.clock;
        let begins = |run: &Run<_>| run.key == f64::NEG_INFINITY || ends > clock.media(run.key);
        while let Some(mut run) = runs.pop_if(|run| begins(run)) {
            let mut counter = pass.counter.clone();
            counter.set((run.key > f64::NEG_INFINITY).then_some(number));
            match pass.reader.fresh(run.key == f64::NEG_INFINITY) {
                Ok(decoder) => run.decoder = Some((decoder, counter)),
                Err(failure) => {
                    pass.fail([run].into_iter(), &failure)?;
                    continue;
                }
            }
            running.push(run);
        }
        let mut still = Vec::with_capacity(running.len());
        for run in running {
            still.extend(pass.feed(run, Some((&packet, following)))?);
        }
        running = still;
    }
    for run in running {
        if let Some(run) = pass.feed(run, None)? {
            pass.finish(run.rows, run.from)?;
        }
    }
    for run in runs {
        pass.finish(run.rows, run.from)?;
    }
    Ok(())
}

/// What a pass goes by.
struct SoundPass<'a, R, E> {
    reader: &'a mut R,
    wanted: &'a [Wanted],
    track: SoundTrack,
    cuts: Cuts,
    counter: Counter,
    /// Where it was jumped to last, in seconds of the track.
    jumped: f64,
    each: &'a mut dyn FnMut(usize, Result<Done, Failure>) -> Result<(), E>,
}

impl<R: Reader, E> SoundPass<'_, R, E> {
    /// Leaves out what nobody needs before `key`, if that is worth it.
    fn jump(&mut self, key: f64) -> bool {
        let media = self.track.clock.media(key) - WARM_UP_SECONDS;
        // once to each place: a recording that ends before it leads back to its own end, however often
        let jumped = media > self.jumped && media > self.counter.at() + JUMP_SECONDS && self.reader.jump(media);
        if jumped {
            self.jumped = media;
            self.counter.set(None);
        }
        jumped
    }

    /// Decodes a packet, with the time of the next one, for a run, or with `None` what is left; gives the run back while it has rows that are not
    /// done.
    fn feed(&mut self, mut run: Run<R::Packet>, packet: Option<(&R::Packet, Option<f64>)>) -> Result<Option<Run<R::Packet>>, E> {
        let Some((decoder, counter)) = &mut run.decoder else { return Ok(None) };
        let (rows, cuts, sample_rate) = (&mut run.rows, &self.cuts, self.track.sample_rate);
        let mut more = vec![true; rows.len()];
        let following = packet.and_then(|(_, following)| following);
        let decoded = decoder.decode(packet.map(|(packet, _)| packet), &mut |block| {
            if block.sample_rate != sample_rate {
                let message = format!("the sample rate changes from {sample_rate} to {} Hz", block.sample_rate);
                return Err(Failure { code: crate::error::Code::Unsupported, message });
            }
            let number = counter.place(block.time, block.samples.len(), following);
            for ((_, line), more) in rows.iter_mut().zip(&mut more) {
                *more = line.push(cuts, number, block.samples)? && *more;
            }
            Ok(())
        });
        if let Err(failure) = decoded {
            self.fail([run].into_iter(), &failure)?;
            return Ok(None);
        }
        // with several edits what comes later may belong before
        if self.track.clock.straight() && more.contains(&false) {
            let (waiting, done): (Vec<_>, Vec<_>) = run.rows.into_iter().zip(more).partition(|(_, more)| *more);
            self.finish(done.into_iter().map(|(row, _)| row).collect(), run.from)?;
            run.rows = waiting.into_iter().map(|(row, _)| row).collect();
        }
        Ok((!run.rows.is_empty()).then_some(run))
    }

    fn finish(&mut self, rows: Vec<(usize, Timeline)>, from: From) -> Result<(), E> {
        for (place, mut line) in rows {
            let promised_end = self.reader.promised_end();
            let outcome = line.finish(promised_end, self.wanted[place].short).map(|partial| {
                let end = line.start() + line.samples.len() as f64 / f64::from(line.sample_rate);
                let partial = super::ends::notes([partial, self.reader.note(end)]);
                Done { line, partial, from }
            });
            (self.each)(place, outcome)?;
        }
        Ok(())
    }

    fn fail(&mut self, runs: impl Iterator<Item = Run<R::Packet>>, failure: &Failure) -> Result<(), E> {
        for (place, _) in runs.flat_map(|run| run.rows) {
            (self.each)(place, Err(failure.clone()))?;
        }
        Ok(())
    }
}
