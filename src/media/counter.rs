//! Counts the samples of a track beside its time stamps.

use super::timeline::nearest;

/// A time stamp that differs from the count of samples by this and two ticks is no rounding.
const ROUNDING_SECONDS: f64 = 0.0015;

/// Counts samples along a track. Time stamps are rounded to the container's ticks, samples are not; so the count holds while it agrees
/// with them. Where it does not there is a hole, or sound that overlaps, and the count begins anew at the time stamp.
#[derive(Debug, Clone)]
pub(super) struct Counter {
    sample_rate: u32,
    tolerance: i64,
    next: Option<i64>,
}

impl Counter {
    /// For a container with ticks of `tick` seconds.
    pub(super) fn new(sample_rate: u32, tick: f64) -> Self {
        let tolerance = (ROUNDING_SECONDS + 2.0 * tick) * f64::from(sample_rate);
        Self { sample_rate, tolerance: tolerance as i64, next: None }
    }

    /// The number of the first of `count` samples that are stated to begin at `time`, in seconds of the track, where those that follow are stated to
    /// begin at `following`: one time stamp that neither those before nor those after it bear out is wrong.
    pub(super) fn place(&mut self, time: Option<f64>, count: usize, following: Option<f64>) -> i64 {
        let number = |time| nearest(time, self.sample_rate);
        let (stated, after) = (time.map(number), following.map(number));
        let fits = |stated: i64, next: i64| (stated - next).abs() <= self.tolerance;
        let place = match (stated, self.next) {
            (Some(stated), Some(next)) if fits(stated, next) => next,
            (Some(_), Some(next)) if after.is_some_and(|after| fits(after, next + count as i64)) => next,
            (Some(stated), _) => stated,
            (None, next) => next.unwrap_or(0),
        };
        self.next = Some(place + count as i64);
        place
    }

    /// Seconds of the track up to where it has counted.
    pub(super) fn at(&self) -> f64 {
        self.next.unwrap_or(0) as f64 / f64::from(self.sample_rate)
    }

    /// Goes on from sample `next`, or from wherever the next time stamp says.
    pub(super) fn set(&mut self, next: Option<i64>) {
        self.next = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounded_times_do_not_add_up_and_jumps_are_kept() {
        // an hour of AAC at 44.1 kHz in milliseconds
        let mut counter = Counter::new(44_100, 0.001);
        for packet in 0..155_000_i64 {
            let exact = packet * 1024;
            let stamp = (exact as f64 / 44.1).round() / 1000.0;
            assert_eq!(counter.place(Some(stamp), 1024, None), exact);
        }
        let mut counter = Counter::new(48_000, 1.0 / 48_000.0);
        let places = [0.0, 1.0, 2.001, 3.005, 3.9].map(|time| counter.place(Some(time), 48_000, None));
        assert_eq!(places, [0, 48_000, 96_000, 144_240, 187_200]);
        assert_eq!(counter.place(None, 10, None), 235_200);
        // one stamp among others that go on
        assert_eq!(
            [(5.0, 4.95), (4.95, 5.95)].map(|(time, next)| counter.place(Some(time), 2390, Some(next))),
            [235_210, 237_600]
        );
        // a clock that runs slow is followed
        let mut counter = Counter::new(48_000, 1.0 / 48_000.0);
        let drift =
            (0..100_000_i64).map(|packet| counter.place(Some(packet as f64 * 1023.0 / 48_000.0), 1024, None) - packet * 1023);
        assert!(drift.map(i64::abs).max().unwrap() < 96);
    }
}
