//! From presentation times to seconds, for everybody who reads a recording.
//!
//! Second 0 is the earliest time at which a player presents something of the recording's default video and default sound track (covers, subtitles
//! and data do not count), after edit lists and without what encoders put in front (priming). Neither a container's own start nor
//! its durations are asked. Where tracks come from different files, each file has its own second 0.

use super::movie::Edit;

/// How far two times may lie apart and still be the same.
pub(super) const SAME: f64 = 1e-6;

/// The clock of one track.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Clock {
    /// The stretches of the track that are presented; empty for all of it, at its own times.
    pub(super) edits: Vec<Edit>,
    /// What is taken off.
    pub(super) origin: f64,
}

impl Clock {
    /// When pictures come on, given the track's own times in order: none where no edit takes one, several times where edits repeat it. What is on
    /// show in the track where an edit begins comes on with the edit.
    #[cfg(any(test, feature = "video"))]
    pub(super) fn shown<T: Copy>(&self, pictures: &[(f64, T)]) -> Vec<(f64, T)> {
        if self.edits.is_empty() {
            return pictures.iter().map(|&(media, picture)| (self.second(media), picture)).collect();
        }
        let of = |edit: &Edit| {
            let first = pictures.partition_point(|(media, _)| *media <= edit.media + SAME).saturating_sub(1);
            let end = edit.duration.map_or(f64::INFINITY, |duration| edit.media + duration - SAME);
            let taken = pictures[first..].iter().take_while(move |(media, _)| *media < end);
            let edit = *edit;
            taken
                .map(move |&(media, picture)| (self.second(edit.at + (media - edit.media).max(0.0)), picture))
                .collect::<Vec<_>>()
        };
        let mut shown: Vec<(f64, T)> = self.edits.iter().flat_map(of).collect();
        shown.sort_by(|a, b| a.0.total_cmp(&b.0));
        shown
    }

    /// The earliest second at which something of a track that begins at `media` is presented.
    #[cfg(any(test, feature = "video"))]
    pub(super) fn first(&self, media: f64) -> Option<f64> {
        if self.edits.is_empty() {
            return Some(self.second(media));
        }
        let taken = |edit: &&Edit| edit.duration.is_none_or(|duration| media < edit.media + duration);
        let times = self.edits.iter().filter(taken).map(|edit| self.second(edit.at + (media - edit.media).max(0.0)));
        times.min_by(f64::total_cmp)
    }

    /// When a track that ends at `media` has ended.
    pub(super) fn end(&self, media: f64) -> f64 {
        let of = |edit: &Edit| edit.at + edit.duration.unwrap_or(f64::INFINITY).min((media - edit.media).max(0.0));
        self.second(self.edits.iter().map(of).reduce(f64::max).unwrap_or(media))
    }

    /// When the edit list ends, if it says so; whatever the track still has is not presented.
    #[cfg(any(test, feature = "video"))]
    pub(super) fn cut(&self) -> Option<f64> {
        let ends = self.edits.iter().map(|edit| Some(self.second(edit.at + edit.duration?)));
        ends.reduce(|a, b| Some(f64::max(a?, b?)))?
    }

    /// The track's time at second `time`, where it runs on from its first edit.
    pub(super) fn media(&self, time: f64) -> f64 {
        time + self.origin + self.edits.first().map_or(0.0, |edit| edit.media - edit.at)
    }

    /// Whether the track is presented in one piece.
    pub(super) fn straight(&self) -> bool {
        self.edits.len() <= 1
    }

    fn second(&self, time: f64) -> f64 {
        // what is left of roundings is no time; adding 0 takes the sign off
        ((time - self.origin) * 1e9).round() / 1e9 + 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(media: f64, at: f64, duration: Option<f64>) -> Edit {
        Edit { media, at, duration }
    }

    #[test]
    fn an_edit_list_moves_repeats_and_leaves_out() {
        let clock =
            Clock { edits: vec![edit(1.0, 0.5, Some(2.0)), edit(4.0, 2.5, Some(1.0)), edit(1.5, 3.5, None)], origin: 0.5 };
        let pictures = [0.9, 1.1, 1.5, 2.9, 3.0, 4.0].map(|media| (media, media));
        // 0.9 is on show where the first edit begins; the end of an edit is not part of it
        let expected =
            [(0.0, 0.9), (0.1, 1.1), (0.5, 1.5), (1.9, 2.9), (2.0, 4.0), (3.0, 1.5), (4.4, 2.9), (4.5, 3.0), (5.5, 4.0)];
        let shown = clock.shown(&pictures);
        assert_eq!(shown.len(), expected.len());
        assert!(shown.iter().zip(expected).all(|(a, b)| (a.0 - b.0).abs() < 1e-9 && a.1 == b.1), "{shown:?}");
        assert_eq!((clock.first(0.0), clock.first(1.25), clock.first(9.0)), (Some(0.0), Some(0.25), Some(10.5)));
        assert_eq!((clock.end(6.0), clock.cut(), clock.straight()), (7.5, None, false));
    }

    #[test]
    fn without_an_edit_list_a_track_has_its_own_times() {
        let clock = Clock { edits: Vec::new(), origin: 2.0 };
        assert_eq!((clock.shown(&[(2.5, 'a')]), clock.first(2.25)), (vec![(0.5, 'a')], Some(0.25)));
        assert_eq!((clock.end(8.0), clock.media(1.0), clock.cut()), (6.0, 3.0, None));
        let cut = Clock { edits: vec![edit(0.1, 0.0, Some(2.0))], origin: 0.0 };
        assert_eq!((cut.end(8.0), cut.media(1.0), cut.cut()), (2.0, 1.1, Some(2.0)));
    }
}
