//! One pass over a stretch of a container for all segments in it.

use std::collections::HashMap;
use std::path::Path;

use ff::Packet;
use ff::frame::Video;
use ffmpeg_next as ff;

use super::ffmpeg::{Stream, Told};
use super::painter::{Painter, concealed, concealment};
use super::pictures::{Canvas, Shot, Shown, Wanted, covered, frames_end};
use super::timeline::check_end;
use crate::Result;

/// Packets up to this many bytes are kept between scan and decoding; else they are read twice.
const KEPT_BYTES: usize = 32 << 20;

/// One pass over the packets that some segments need.
pub(super) struct Pass<'a, 'w> {
    stream: Stream,
    wanted: &'a [Wanted<'w>],
    canvas: &'a mut dyn Canvas,
    /// Segments that have had their outcome.
    ended: Vec<bool>,
    /// Shots by the ticks of their frame: segment and shot.
    shots: HashMap<i64, Vec<(usize, Shot)>>,
    /// By segment.
    waiting: Vec<Waiting>,
}

/// A segment that has not had its outcome.
#[derive(Default)]
struct Waiting {
    /// Shots still missing.
    shots: usize,
    /// Shots of frames that are not whole.
    concealed: usize,
    /// What is to be said once there are none.
    shown: Option<Shown>,
    /// The packets that it needs, first and last.
    packets: [usize; 2],
}

impl Waiting {
    /// What is to be said.
    fn take(&mut self) -> Option<Shown> {
        let mut shown = self.shown.take()?;
        shown.partial = shown.partial.or_else(|| concealment(self.concealed));
        Some(shown)
    }
}

/// The packets of a stretch, in decoding order.
struct Scan {
    told: Vec<Told>,
    /// Themselves, unless there are too many.
    kept: Option<Vec<Packet>>,
    /// Where reading began, in seconds; `None` is the file's start.
    from: Option<f64>,
}

impl<'a, 'w> Pass<'a, 'w> {
    pub(super) fn new(stream: Stream, wanted: &'a [Wanted<'w>], canvas: &'a mut dyn Canvas) -> Self {
        let (ended, waiting) = (vec![false; wanted.len()], wanted.iter().map(|_| Waiting::default()).collect());
        Self { stream, wanted, canvas, ended, shots: HashMap::new(), waiting }
    }

    /// Which segments have their outcome.
    pub(super) fn run(mut self, path: &Path) -> Result<Vec<bool>> {
        let promised_end = self.stream.promised_end();
        self.stream.alone();
        if let Some(scan) = self.scan(path) {
            let promised_end = self.stream.unkept(promised_end);
            let ranges = self.plan(&scan.told, promised_end)?;
            self.decode(scan, &ranges)?;
        }
        Ok(self.ended)
    }

    /// The packets from a key frame at or before the first segment to the last one's end; `None` where they do not state
    /// their times, or do not begin with a key frame.
    fn scan(&mut self, path: &Path) -> Option<Scan> {
        let start = self.wanted.iter().map(|wanted| wanted.span.start).fold(f64::INFINITY, f64::min);
        let end = self.wanted.iter().map(|wanted| wanted.span.end).try_fold(0.0, |end, next| Some(f64::max(end, next?)));
        // where seeking leads too far, a little earlier will often do
        for from in [Some(start), Some(start - 10.0), None] {
            if from.is_some_and(|from| from <= 0.0) {
                continue;
            }
            match from {
                Some(from) => self.stream.seek(from),
                // the beginning of some containers can be reached only so
                None if start > 0.0 => {
                    self.stream = Stream::open(path, ff::media::Type::Video).ok()?;
                    self.stream.alone();
                }
                None => {}
            }
            let scan = self.packets(end, from)?;
            let begins = scan.told.first().is_some_and(|first| {
                first.key && (from.is_none() || first.ticks.is_some_and(|ticks| self.stream.seconds(ticks) <= start))
            });
            if begins {
                return Some(scan);
            }
        }
        None
    }

    fn packets(&mut self, end: Option<f64>, from: Option<f64>) -> Option<Scan> {
        let mut scan = Scan { told: Vec::new(), kept: Some(Vec::new()), from };
        let mut bytes = 0;
        while let Some((packet, told)) = self.stream.packet() {
            if let (Some(end), Some(time)) = (end, self.stream.decoding_time(&packet))
                && time >= end
            {
                break;
            }
            told.ticks?;
            scan.told.push(told);
            bytes += packet.size();
            if bytes > KEPT_BYTES {
                scan.kept = None;
            }
            if let Some(kept) = &mut scan.kept {
                kept.push(packet);
            }
        }
        Some(scan)
    }

    /// Chooses the shots of every segment, and the packets to decode: ranges [first, last] that begin at key frames, in order.
    fn plan(&mut self, told: &[Told], promised_end: Option<f64>) -> Result<Vec<[usize; 2]>> {
        let mut shown: Vec<(f64, usize)> = Vec::new();
        for (packet, told) in told.iter().enumerate().filter(|(_, told)| !told.cut) {
            shown.extend(told.ticks.map(|ticks| (self.stream.seconds(ticks), packet)));
        }
        shown.sort_by(|a, b| a.0.total_cmp(&b.0));
        let all: Vec<f64> = shown.iter().map(|(time, _)| *time).collect();
        let mut ranges = Vec::new();
        for (segment, Wanted { span, choose }) in self.wanted.iter().enumerate() {
            let first = all.partition_point(|&time| time < span.start);
            let last = span.end.map_or(all.len(), |end| all.partition_point(|&time| time < end));
            let times = &all[first..last.max(first)];
            let covered = covered(times, *span);
            let shots = choose(times, covered);
            // what follows in a group of pictures on the last one wanted of it is not decoded
            let own = |shot: &Shot| {
                let (time, packet) = shown[first + shot.frame];
                let before = |told: &Told| told.key && told.ticks.is_some_and(|ticks| self.stream.seconds(ticks) <= time);
                told[..=packet].iter().rposition(before).map(|key| [key, packet])
            };
            let Some(own) = shots.iter().map(own).collect::<Option<Vec<_>>>() else { continue };
            let ends = (own.iter().map(|range| range[0]).min(), own.iter().map(|range| range[1]).max());
            let (Some(key), Some(high)) = ends else { continue };
            let partial = match check_end(*span, frames_end(times), promised_end) {
                Ok(partial) => partial,
                Err(failure) => {
                    self.canvas.end(segment, Err(failure))?;
                    self.ended[segment] = true;
                    continue;
                }
            };
            for shot in &shots {
                if let Some(ticks) = told[shown[first + shot.frame].1].ticks {
                    self.shots.entry(ticks).or_default().push((segment, *shot));
                }
            }
            let times_shown = shots.iter().map(|shot| times[shot.frame]).collect();
            let frames = times.len() as u64;
            let shown = Shown { span: covered, times: times_shown, frames, partial, made_by: "ffmpeg" };
            self.waiting[segment] = Waiting { shots: shots.len(), shown: Some(shown), packets: [key, high], concealed: 0 };
            ranges.extend(own);
        }
        ranges.sort_unstable();
        let mut merged: Vec<[usize; 2]> = Vec::new();
        for [key, last] in ranges {
            match merged.last_mut() {
                Some(range) if key <= range[1] + 1 => range[1] = range[1].max(last),
                _ => merged.push([key, last]),
            }
        }
        Ok(merged)
    }

    fn decode(&mut self, scan: Scan, ranges: &[[usize; 2]]) -> Result<()> {
        let Some(&[_, last]) = ranges.last() else { return Ok(()) };
        let mut kept = scan.kept.map(Vec::into_iter);
        if kept.is_none() {
            self.stream.seek(scan.from.unwrap_or(0.0));
        }
        let (mut painter, mut frame) = (Painter::new(&self.stream), Video::empty());
        let mut ranges = ranges.iter().copied().peekable();
        for (packet, told) in scan.told[..=last].iter().enumerate() {
            let read = match &mut kept {
                Some(kept) => kept.next(),
                // read again, it must be the same
                None => self.stream.packet().filter(|(_, again)| again == told).map(|(packet, _)| packet),
            };
            let (Some(read), Some(&[key, end])) = (read, ranges.peek()) else { return Ok(()) };
            if packet < key {
                continue;
            }
            if packet == key {
                self.stream.flush();
            }
            let wanted = told.ticks.is_some_and(|ticks| self.shots.contains_key(&ticks));
            let passed_over = !wanted && self.stream.disposable(&read);
            if !passed_over && !self.feed(Some(&read), &mut painter, &mut frame)? {
                // of what was lost here the times are not to be trusted; these segments are read by what is not lost
                for waiting in &mut self.waiting {
                    if (waiting.packets[0]..=waiting.packets[1]).contains(&packet) {
                        waiting.shown = None;
                    }
                }
            }
            if packet == end {
                self.feed(None, &mut painter, &mut frame)?;
                ranges.next();
            }
        }
        Ok(())
    }

    fn feed(&mut self, packet: Option<&Packet>, painter: &mut Painter, frame: &mut Video) -> Result<bool> {
        let Self { stream, canvas, ended, shots, waiting, .. } = self;
        stream.feed(packet, frame, |frame, ticks| {
            for (segment, shot) in shots.remove(&ticks).into_iter().flatten() {
                if ended[segment] {
                    continue;
                }
                let outcome = match painter.paint(frame, &shot.view) {
                    Ok(rgb) => {
                        canvas.shot(segment, shot.place, rgb)?;
                        let waiting = &mut waiting[segment];
                        waiting.shots -= 1;
                        waiting.concealed += usize::from(concealed(frame));
                        if waiting.shots == 0 { waiting.take().map(Ok) } else { None }
                    }
                    Err(failure) => Some(Err(failure)),
                };
                if let Some(outcome) = outcome {
                    ended[segment] = true;
                    canvas.end(segment, outcome)?;
                }
            }
            Ok(())
        })
    }
}
