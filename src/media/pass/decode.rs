//! Decoding of what a pass has planned.

use std::mem::replace;

use ff::Packet;
use ff::codec::packet::{Mut, side_data::Type as SideData};
use ff::frame::Video;
use ffmpeg_next as ff;

use super::{Lead, Scan, Unit, VideoPass};
use crate::Result;
use crate::error::Failure;
use crate::media::ffmpeg::Decoder;
use crate::media::painter::{Painter, concealed};

impl VideoPass<'_, '_> {
    /// Decodes the units that were planned, and paints what is wanted of them.
    pub(super) fn decode(&mut self, scan: Scan) -> Result<()> {
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
    fn fail(&mut self, unit: &Unit, failure: &Failure) -> Result<()> {
        for &row in unit.rows.keys() {
            if !replace(&mut self.ended[row], true) {
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
