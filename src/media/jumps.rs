//! Time stamps that start again.

/// Where time stamps start again in a container that is read from its beginning: joined files, for one. The jump is closed: what follows
/// begins where everything before it has ended, for all tracks alike.
#[derive(Debug, Clone, Default)]
pub(super) struct Jumps {
    /// By track: its latest decoding time and the stretch that it is in.
    tracks: Vec<Option<(f64, usize)>>,
    /// By stretch: first and last moment.
    stretches: Vec<[f64; 2]>,
}

/// A decoding time this much before the track's last one has started again.
const BACK_SECONDS: f64 = 0.5;
/// One this much after everything before it, too.
const FORTH_SECONDS: f64 = 10.0;

impl Jumps {
    /// The stretch that a packet belongs to: decoded at `decoded`, presented from `first` to `end`.
    pub(super) fn stretch(&mut self, track: usize, decoded: f64, [first, end]: [f64; 2]) -> usize {
        if self.tracks.len() <= track {
            self.tracks.resize(track + 1, None);
        }
        let stretch = match self.tracks[track] {
            Some((last, stretch)) => {
                let latest = self.stretches[stretch][1].max(last);
                let again = decoded < last - BACK_SECONDS || decoded > latest + FORTH_SECONDS;
                stretch + usize::from(again)
            }
            None => self.stretches.len().saturating_sub(1),
        };
        self.tracks[track] = Some((decoded, stretch));
        match self.stretches.get_mut(stretch) {
            Some([from, to]) => (*from, *to) = (from.min(first), to.max(end)),
            None => self.stretches.push([first, end]),
        }
        stretch
    }

    /// What is to be added to the times of each stretch.
    pub(super) fn shifts(&self) -> Vec<f64> {
        let mut shifts = Vec::with_capacity(self.stretches.len());
        let mut before: Option<f64> = None;
        for [first, end] in &self.stretches {
            let shift = before.map_or(0.0, |before| before - first);
            shifts.push(shift);
            before = Some(end + shift);
        }
        shifts
    }

    /// Where each stretch begins, with the jumps closed.
    pub(super) fn starts(&self) -> Vec<f64> {
        self.stretches.iter().zip(self.shifts()).map(|([first, _], shift)| first + shift).collect()
    }

    /// Where everything ends, with the jumps closed.
    pub(super) fn end(&self) -> Option<f64> {
        Some(self.stretches.last()?[1] + self.shifts().last()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jumps_are_closed_at_one_place_for_all_tracks() {
        let mut jumps = Jumps::default();
        let mut read = |track, time| jumps.stretch(track, time, [time, time + 1.0]);
        // pictures and sound of a file from 1 to 4, then of another from 0; the sound jumps first
        assert_eq!(
            [(0, 1.0), (1, 1.2), (0, 2.0), (1, 2.2), (0, 3.0), (1, 0.3), (0, 0.0), (1, 1.3)].map(|(t, s)| read(t, s)),
            [0, 0, 0, 0, 0, 1, 1, 1]
        );
        assert_eq!((jumps.shifts(), jumps.end()), (vec![0.0, 4.0], Some(6.3)));
        // a pause of one track is no jump, and one of all is
        let mut jumps = Jumps::default();
        for second in 0..30 {
            assert_eq!(jumps.stretch(0, f64::from(second), [f64::from(second), f64::from(second) + 1.0]), 0);
        }
        assert_eq!(jumps.stretch(1, 0.0, [0.0, 1.0]), 0);
        assert_eq!(jumps.stretch(1, 29.0, [29.0, 30.0]), 0);
        assert_eq!(jumps.stretch(0, 1000.0, [1000.0, 1001.0]), 1);
        assert_eq!(jumps.stretch(1, 1000.2, [1000.2, 1001.0]), 1);
        assert_eq!(jumps.shifts(), [0.0, -970.0]);
    }
}
