//! One pass over a stretch of a container for all rows in it.

mod decode;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use ffmpeg_next::Packet;

use super::canvas::{Canvas, Shot, Shown, Wanted, frames_end, part};
use super::clock::SAME;
use super::ends::notes;
use super::ffmpeg::{Stream, Told};
use super::painter::concealment;
use crate::Result;
use crate::track::Track;

/// Where streams were joined a picture may be due before it is decoded, but not by more than this.
const SPLICE_SECONDS: f64 = 1.0;
/// Packets up to this many bytes are kept between scan and decoding; else they are read twice.
const KEPT_BYTES: usize = 32 << 20;

/// Where decoding of a picture begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Lead {
    /// At the nearest key picture.
    Key,
    /// At a key picture at least [`SETTLING_SECONDS`] before its row, for streams that take a while to settle (intra refresh).
    Early,
    /// At the file's first key picture.
    Start,
}

/// Streams without whole key pictures mostly renew all of the picture within this.
pub(super) const SETTLING_SECONDS: f64 = 12.0;
/// A recording is not decoded from its start for a row that is later than this.
const START_SECONDS: f64 = 600.0;

impl Lead {
    /// Every one, in the order in which they are tried.
    pub(super) const ALL: [Self; 3] = [Self::Key, Self::Early, Self::Start];

    /// Whether it is tried for a row, and whether it is the last one that is.
    fn tried(self, start: f64) -> (bool, bool) {
        let last = if start > START_SECONDS { Self::Early } else { Self::Start };
        (self != Self::Start || last == Self::Start, self == last)
    }
}

/// One pass over the packets that some rows need.
///
/// What comes of a row must not depend on the rows beside it. So pictures are decoded in units: from a key picture on, by a decoder that begins there; which
/// unit a picture is taken from depends on the recording and its row alone.
pub(super) struct VideoPass<'a, 'w> {
    stream: Stream,
    wanted: &'a [Wanted<'w>],
    canvas: &'a mut dyn Canvas,
    lead: Lead,
    /// Rows that have had their outcome.
    ended: &'a mut [bool],
    /// By the packet at which each begins, and the row if it is of one alone.
    units: BTreeMap<(usize, usize), Unit>,
    /// By row.
    waiting: Vec<Waiting>,
}

/// Pictures that are decoded from one key picture on.
#[derive(Default)]
struct Unit {
    /// The last packet.
    last: usize,
    /// Shots by the ticks of their frame: row and shot.
    shots: HashMap<i64, Vec<(usize, Shot)>>,
    /// The last packet for each row.
    rows: BTreeMap<usize, usize>,
    /// Ticks of pictures that nothing else needs.
    spare: HashSet<i64>,
    /// A picture that others need was not whole, so what follows is not either.
    broken: bool,
    /// Anything was not whole.
    trouble: bool,
}

/// A row that has not had its outcome.
#[derive(Default)]
struct Waiting {
    /// Shots still missing.
    shots: usize,
    /// Shots of frames that are not whole.
    concealed: usize,
    /// What is to be said once there are none.
    shown: Option<Shown>,
}

impl Waiting {
    /// What is to be said.
    fn take(&mut self) -> Option<Shown> {
        let mut shown = self.shown.take()?;
        shown.partial = notes([shown.partial, concealment(self.concealed)]);
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
    /// Whether the file ended.
    whole: bool,
}

impl<'a, 'w> VideoPass<'a, 'w> {
    pub(super) fn new(
        stream: Stream,
        wanted: &'a [Wanted<'w>],
        canvas: &'a mut dyn Canvas,
        ended: &'a mut [bool],
        lead: Lead,
    ) -> Self {
        let waiting = wanted.iter().map(|_| Waiting::default()).collect();
        Self { stream, wanted, canvas, lead, ended, units: BTreeMap::new(), waiting }
    }

    /// Rows that this pass is for.
    fn left(&self) -> impl Iterator<Item = usize> {
        (0..self.wanted.len()).filter(|&row| !self.ended[row] && self.lead.tried(self.wanted[row].span.start).0)
    }

    /// Whether the packets state their times, so that pictures could be chosen by them. Segments of which not all came out whole are left.
    pub(super) fn run(mut self, path: &Path, track: &Track) -> Result<bool> {
        self.stream.alone();
        if self.left().next().is_none() {
            return Ok(true);
        }
        if self.stream.container.survey.unstated {
            return Ok(false);
        }
        let Some(scan) = self.scan(path, track) else { return Ok(false) };
        self.plan(&scan)?;
        self.decode(scan)?;
        Ok(true)
    }

    /// The packets from a key frame at or before the first segment to the last one's end; `None` where they do not state
    /// their times, or do not begin with a key frame.
    fn scan(&mut self, path: &Path, track: &Track) -> Option<Scan> {
        let left = || self.left().map(|row| self.wanted[row].span);
        let start = left().map(|span| span.start).fold(f64::INFINITY, f64::min);
        let end = left().map(|span| span.end).try_fold(0.0, |end, next| Some(f64::max(end, next?)));
        let anywhere = self.stream.container.survey.anywhere && self.stream.clock.straight();
        let starts = match self.lead {
            _ if !anywhere => [None; 3],
            // where seeking leads too far, a little earlier will often do
            Lead::Key => [Some(start), Some(start - 10.0), None],
            Lead::Early => [Some(start - SETTLING_SECONDS), None, None],
            Lead::Start => [None; 3],
        };
        let mut fresh = true;
        for from in starts {
            if from.is_some_and(|from| from <= 0.0) {
                continue;
            }
            match from {
                Some(from) => self.stream.seek(from),
                // the beginning of some containers can be reached only so
                None if !fresh => {
                    self.stream = Stream::open(path, track).ok()?;
                    self.stream.alone();
                }
                None => {}
            }
            fresh = false;
            let mut scan = self.packets(end, from)?;
            let target = self.stream.clock.media(start);
            let begins = match from {
                Some(_) => scan
                    .told
                    .first()
                    .is_some_and(|first| first.key && first.ticks.is_some_and(|ticks| self.stream.media(ticks) <= target + SAME)),
                None => cut_beginning(&mut scan.told),
            };
            if begins {
                return Some(scan);
            }
            if from.is_none() {
                break;
            }
        }
        None
    }

    fn packets(&mut self, end: Option<f64>, from: Option<f64>) -> Option<Scan> {
        let end = end.filter(|_| self.stream.clock.straight()).map(|end| self.stream.clock.media(end));
        let mut scan = Scan { told: Vec::new(), kept: Some(Vec::new()), from, whole: true };
        let mut bytes = 0;
        while let Some((packet, told)) = self.stream.packet() {
            if let (Some(end), Some(time)) = (end, self.stream.decoding_time(&packet))
                && time >= end + SPLICE_SECONDS
            {
                scan.whole = false;
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

    /// Where the pictures end, if reading got there: as their container states, else with the last packet of all.
    fn end(&self, scan: &Scan, shown: &[(f64, usize)]) -> Option<f64> {
        if !scan.whole {
            return None;
        }
        let stated = shown.iter().map(|&(time, packet)| Some(time + self.stream.lasts(&scan.told[packet])?));
        let stated = stated.reduce(|a, b| Some(f64::max(a?, b?))).flatten();
        let end = stated.unwrap_or_else(|| {
            let times: Vec<f64> = shown.iter().map(|(time, _)| *time).collect();
            let container = &self.stream.container;
            frames_end(&times).max(container.survey.end.unwrap_or(container.latest))
        });
        let last = shown.last().map_or(0.0, |(time, _)| *time);
        Some(self.stream.clock.cut().map_or(end, |cut| end.min(cut.max(last))))
    }

    /// Chooses the shots of every row, and the units that they are taken from.
    fn plan(&mut self, scan: &Scan) -> Result<()> {
        let told = &scan.told;
        let shown = self.stream.shown(told);
        let all: Vec<f64> = shown.iter().map(|(time, _)| *time).collect();
        let (end, promised_end) = (self.end(scan, &shown), self.stream.promised_end());
        for row in self.left().collect::<Vec<_>>() {
            let Wanted { span, choose } = self.wanted[row];
            let part = match part(&all, end, span, promised_end) {
                Ok(part) => part,
                Err(failure) => {
                    self.canvas.end(row, Err(failure))?;
                    self.ended[row] = true;
                    continue;
                }
            };
            let (first, times) = (part.frames.start, &all[part.frames]);
            let shots = choose(times, part.covered);
            let packet = |shot: &Shot| shown[first + shot.frame].1;
            let keys = shots.iter().map(|shot| self.begin(told, packet(shot), span.start)).collect::<Option<Vec<_>>>();
            let Some(keys) = keys.filter(|keys| !keys.is_empty()) else { continue };
            for (shot, key) in shots.iter().zip(keys) {
                let Some(ticks) = told[packet(shot)].ticks else { continue };
                // where something is damaged, what one row needs may harm another
                let shared = self.lead == Lead::Key;
                let unit = self.units.entry((key, if shared { 0 } else { row })).or_default();
                // what follows in a unit on the last one wanted of it is not decoded
                unit.last = unit.last.max(packet(shot));
                let last = unit.rows.entry(row).or_default();
                *last = packet(shot).max(*last);
                unit.shots.entry(ticks).or_default().push((row, *shot));
            }
            let times_shown = shots.iter().map(|shot| times[shot.frame]).collect();
            let partial = notes([part.partial, self.stream.container.survey.jumped(part.covered[1])]);
            let shown = Shown { span: part.covered, times: times_shown, frames: times.len() as u64, partial, made_by: "ffmpeg" };
            self.waiting[row] = Waiting { shots: shots.len(), shown: Some(shown), concealed: 0 };
        }
        Ok(())
    }

    /// The packet at which decoding for the picture in `packet` begins, in a row from second `start`.
    fn begin(&self, told: &[Told], packet: usize, start: f64) -> Option<usize> {
        let key = |before: f64| {
            let fits = |told: &Told| told.key && told.ticks.is_some_and(|ticks| self.stream.media(ticks) <= before + SAME);
            told[..=packet].iter().rposition(fits)
        };
        let first = || told[..=packet].iter().position(|told| told.key);
        match self.lead {
            Lead::Key => key(self.stream.media(told[packet].ticks?)),
            Lead::Early => key(self.stream.clock.media(start) - SETTLING_SECONDS).or_else(first),
            Lead::Start => first(),
        }
    }
}

/// Marks what a file has before its first key picture, and what is shown before that one, as never shown: it refers to what was cut off. Says
/// whether there is a key picture.
fn cut_beginning(told: &mut [Told]) -> bool {
    let Some(first) = told.iter().position(|told| told.key) else { return false };
    let shown = told[first].ticks;
    for (place, told) in told.iter_mut().enumerate() {
        told.cut |= place < first || told.ticks < shown;
    }
    true
}
