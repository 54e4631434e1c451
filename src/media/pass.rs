//! One pass over a stretch of a container for all rows in it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use ff::Packet;
use ff::codec::packet::{Mut, side_data::Type as SideData};
use ff::frame::Video;
use ffmpeg_next as ff;

use super::clock::SAME;
use super::ffmpeg::{Decoder, Stream, Told};
use super::painter::{Painter, concealed, concealment};
use super::pictures::{Canvas, Shot, Shown, Wanted, frames_end, notes, part};
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
pub(super) struct Pass<'a, 'w> {
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

impl<'a, 'w> Pass<'a, 'w> {
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

    fn decode(&mut self, scan: Scan) -> Result<()> {
        let Some(last) = self.units.values().map(|unit| unit.last).max() else { return Ok(()) };
        let mut kept = scan.kept.map(Vec::into_iter);
        if kept.is_none() && !self.again(scan.from) {
            return Ok(());
        }
        let (mut painter, mut frame) = (Painter::new(&self.stream), Video::empty());
        let mut idle: Vec<Decoder> = Vec::new();
        let mut active: Vec<(Decoder, Unit)> = Vec::new();
        let mut passed = Passed::default();
        for (packet, told) in scan.told[..=last].iter().enumerate() {
            let read = match &mut kept {
                Some(kept) => kept.next(),
                // read again, it must be the same
                None => self.stream.packet().filter(|(_, again)| again.ticks == told.ticks).map(|(packet, _)| packet),
            };
            let Some(mut read) = read else { return Ok(()) };
            while let Some(first) = self.units.first_entry().filter(|unit| unit.key().0 <= packet) {
                passed.hand_on(&mut read);
                let unit = first.remove();
                let decoder = match idle.pop() {
                    Some(mut decoder) => {
                        decoder.flush();
                        decoder
                    }
                    None => match self.stream.decoder() {
                        Ok(decoder) => decoder,
                        Err(failure) => {
                            self.fail(&unit, &failure)?;
                            continue;
                        }
                    },
                };
                active.push((decoder, unit));
            }
            passed.see(&read);
            let disposable = !active.is_empty() && self.stream.disposable(&read);
            for (decoder, unit) in &mut active {
                let wanted = told.ticks.and_then(|ticks| unit.shots.get(&ticks));
                // damaged streams give other pictures without them; those are decoded again
                if disposable && wanted.is_none() && self.lead == Lead::Key {
                    continue;
                }
                let wanted: Vec<usize> = wanted.into_iter().flatten().map(|(row, _)| *row).collect();
                if disposable {
                    unit.spare.extend(told.ticks);
                }
                if !self.feed(decoder, unit, Some(&read), &mut painter, &mut frame)? {
                    // of what was lost here the times are not to be trusted; rows that need the packet are read otherwise
                    let needs = |row: &usize, last: &usize| packet <= *last && (!disposable || wanted.contains(row));
                    let rows = unit.rows.iter().filter(|(row, last)| needs(row, last));
                    rows.for_each(|(row, _)| self.waiting[*row].shown = None);
                    unit.broken |= !disposable;
                    unit.trouble = true;
                }
                if packet == unit.last {
                    self.feed(decoder, unit, None, &mut painter, &mut frame)?;
                }
            }
            idle.extend(active.extract_if(.., |(_, unit)| unit.last <= packet).map(|(decoder, _)| decoder));
        }
        Ok(())
    }

    /// Ends the rows of a unit that cannot be decoded.
    fn fail(&mut self, unit: &Unit, failure: &crate::error::Failure) -> Result<()> {
        for &row in unit.rows.keys() {
            if !std::mem::replace(&mut self.ended[row], true) {
                self.canvas.end(row, Err(failure.clone()))?;
            }
        }
        Ok(())
    }

    /// Goes back to where the scan began.
    fn again(&mut self, from: Option<f64>) -> bool {
        match from {
            Some(from) => self.stream.seek(from),
            None => return self.stream.rewind().is_ok(),
        }
        true
    }

    fn feed(
        &mut self,
        decoder: &mut Decoder,
        unit: &mut Unit,
        packet: Option<&Packet>,
        painter: &mut Painter,
        frame: &mut Video,
    ) -> Result<bool> {
        let Self { canvas, ended, waiting, lead, wanted, .. } = self;
        decoder.feed(packet, frame, |frame, ticks| {
            let whole = !concealed(frame);
            unit.broken |= !whole && !unit.spare.contains(&ticks);
            unit.trouble |= !whole;
            for (row, shot) in unit.shots.remove(&ticks).into_iter().flatten() {
                if ended[row] {
                    continue;
                }
                let outcome = match painter.paint(frame, &shot.view) {
                    Ok(rgb) => {
                        canvas.shot(row, shot.place, rgb)?;
                        let waiting = &mut waiting[row];
                        waiting.shots -= 1;
                        waiting.concealed += usize::from(unit.broken || !whole);
                        // pictures with errors in them are taken where nothing else is left to try
                        let (_, last) = lead.tried(wanted[row].span.start);
                        let clean = waiting.concealed == 0 && !(unit.trouble && *lead == Lead::Key);
                        let done = waiting.shots == 0 && (last || clean);
                        if done { waiting.take().map(Ok) } else { None }
                    }
                    Err(failure) => Some(Err(failure)),
                };
                if let Some(outcome) = outcome {
                    ended[row] = true;
                    canvas.end(row, outcome)?;
                }
            }
            Ok(())
        })
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

/// What packets carry for all that follow: palettes and configurations, which hold until there are others.
#[derive(Default)]
struct Passed(Vec<(SideData, Vec<u8>)>);

impl Passed {
    const KINDS: [SideData; 3] = [SideData::Palette, SideData::NewExtraData, SideData::ParamChange];

    fn see(&mut self, packet: &Packet) {
        for data in packet.side_data().filter(|data| Self::KINDS.contains(&data.kind())) {
            self.0.retain(|(kind, _)| *kind != data.kind());
            self.0.push((data.kind(), data.data().to_vec()));
        }
    }

    /// Adds it to a packet at which a decoder begins.
    fn hand_on(&self, packet: &mut Packet) {
        let own: Vec<SideData> = packet.side_data().map(|data| data.kind()).collect();
        for (kind, bytes) in self.0.iter().filter(|(kind, _)| !own.contains(kind)) {
            // SAFETY: the packet is ours, and gets as many bytes as it is asked to hold.
            unsafe {
                let place = ff::ffi::av_packet_new_side_data(packet.as_mut_ptr(), (*kind).into(), bytes.len());
                if !place.is_null() {
                    std::ptr::copy_nonoverlapping(bytes.as_ptr(), place, bytes.len());
                }
            }
        }
    }
}
