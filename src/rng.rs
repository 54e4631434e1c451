//! Random numbers from a counter: a number depends on what it is for, never on what was drawn before, on threads or on
//! neighbours. All in 32-bit integer operations, so that tensor code can give the same bits.

/// Odd factors of the two words of a state.
pub(crate) const FACTORS: [u32; 2] = [0x9e37_79b1, 0x27d4_eb2f];

/// What the state is before anything is mixed in: two words, so that they go ways of their own from the first one on.
const BEGIN: [u32; 2] = [0, 0x6a09_e667];

/// The finaliser of MurmurHash3, with `between` in its middle: another one-to-one map of words for each value.
#[inline(always)]
pub(crate) fn finish(mut x: u32, between: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x85eb_ca6b);
    x ^= x >> 13;
    x = (x ^ between).wrapping_mul(0xc2b2_ae35);
    x ^ (x >> 16)
}

/// A stream of random numbers, addressed by element. Its state has 64 bits: of ten million streams some two in a thousand million million pairs would be one,
/// where of 32 bits eleven thousand pairs were.
///
/// ```
/// use mmdg::rng::Stream;
/// let epoch = Stream::new(7).with("shuffle").at(3);
/// assert_eq!(epoch.bits(5), Stream::new(7).with("shuffle").at(3).bits(5));
/// assert_ne!(epoch.bits(5), epoch.bits(6));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stream([u32; 2]);

impl Stream {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Self(BEGIN).at(seed as u32).at((seed >> 32) as u32)
    }

    /// The part of it for one purpose.
    pub fn with(self, purpose: &str) -> Self {
        purpose.bytes().fold(self, |stream, byte| stream.at(u32::from(byte)))
    }

    /// The part of it for one epoch, step, file, …
    pub fn at(self, index: u32) -> Self {
        let mix = |place: usize| finish(self.0[place].wrapping_mul(FACTORS[place]) ^ index, 0);
        Self([mix(0), mix(1)])
    }

    /// The state, for tensor code that goes on from here.
    pub fn state(self) -> [u32; 2] {
        self.0
    }

    /// 32 random bits for element `i`.
    pub fn bits(self, i: u32) -> u32 {
        finish(self.0[0].wrapping_mul(FACTORS[0]) ^ i, self.0[1])
    }

    /// 64 random bits for element `i`.
    pub fn wide_bits(self, i: u32) -> u64 {
        let own = self.at(i);
        u64::from(own.bits(0)) << 32 | u64::from(own.bits(1))
    }

    /// Uniform in [0, 1), a multiple of 2⁻²⁴: exact in f32.
    pub fn uniform(self, i: u32) -> f32 {
        (self.bits(i) >> 8) as f32 / (1u32 << 24) as f32
    }

    /// Standard normal (Box–Muller over two of the element's own draws).
    pub fn normal(self, i: u32) -> f64 {
        let pair = self.at(i);
        let radius = (-2.0 * (1.0 - f64::from(pair.uniform(0))).ln()).sqrt();
        radius * (std::f64::consts::TAU * f64::from(pair.uniform(1))).cos()
    }

    /// A permutation of `0..n`: the order of the elements' bits, ties by element.
    pub fn permutation(self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by_key(|&i| (self.bits(i as u32), i));
        order
    }
}

/// Most seeds of one range: more were a slip of the pen.
const MOST: u64 = 100_000;

/// Seeds as they are written: numbers, and ranges with both ends included, parted by commas.
///
/// ```
/// assert_eq!(mmdg::rng::seeds("0-2,7").unwrap(), [0, 1, 2, 7]);
/// assert!(mmdg::rng::seeds("4-0").is_err());
/// ```
///
/// # Errors
/// What is wrong with the first part that is neither.
pub fn seeds(text: &str) -> Result<Vec<u64>, String> {
    let mut all = Vec::new();
    for part in text.split(',') {
        let wrong = || format!("\"{part}\"; expected a whole number, or a range such as 0-4, both ends included");
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| wrong());
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (number(first)?, number(last)?);
        match last.checked_sub(first) {
            None => return Err(format!("{}, whose first number is not the larger", wrong())),
            Some(more) if more >= MOST => return Err(format!("\"{part}\"; expected a range of at most {MOST} numbers")),
            Some(_) => all.extend(first..=last),
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uniform_and_normal_have_their_moments() {
        let (s, n) = (Stream::new(1), 100_000u32);
        let mean = (0..n).map(|i| f64::from(s.uniform(i))).sum::<f64>() / f64::from(n);
        assert!((mean - 0.5).abs() < 0.005, "{mean}");
        let square = (0..n).map(|i| s.normal(i).powi(2)).sum::<f64>() / f64::from(n);
        assert!((square - 1.0).abs() < 0.02, "{square}");
    }

    #[test]
    fn no_two_keys_share_a_state() {
        // seeds × purposes × epochs × steps, as runs have them
        let mut states = Vec::with_capacity(10_000_000);
        for seed in 0..50 {
            for purpose in ["dropout", "shuffle"] {
                let stream = Stream::new(seed).with(purpose);
                states.extend((0..100).flat_map(|epoch| (0..1000).map(move |step| stream.at(epoch).at(step).state())));
            }
        }
        states.sort_unstable();
        let count = states.len();
        states.dedup();
        assert_eq!((count, states.len()), (10_000_000, 10_000_000));
        // one word alone does repeat
        let mut words: Vec<u32> = states.iter().map(|state| state[0]).collect();
        words.sort_unstable();
        words.dedup();
        assert!(words.len() < count);
    }

    #[test]
    fn streams_that_share_a_word_are_strangers() {
        let n = 20_000u32;
        for seed in 0..30 {
            let [first, second] = Stream::new(seed).state();
            let [one, other] = [Stream([first, second]), Stream([first, Stream::new(seed + 100).state()[1]])];
            let both = (0..n).map(|i| f64::from(one.uniform(i) - 0.5) * f64::from(other.uniform(i) - 0.5)).sum::<f64>();
            let correlation = both / f64::from(n) * 12.0;
            // the deviation of chance is 0.007
            assert!(correlation.abs() < 0.03, "{seed}: {correlation}");
        }
    }

    #[test]
    fn permutations_are_permutations_and_differ() {
        let mut a = Stream::new(1).at(0).permutation(1000);
        let b = Stream::new(1).at(1).permutation(1000);
        assert_ne!(a, b);
        a.sort_unstable();
        assert!(a.into_iter().eq(0..1000));
    }
}
