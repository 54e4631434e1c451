//! Which pictures of an H.264 stream nothing else needs.

/// How a stream's packets are cut into NAL units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// Each has its length before it, in this many bytes (mp4, Matroska).
    Length(usize),
    /// Each has a start code before it (MPEG-TS, AVI, raw streams).
    StartCode,
}

impl Framing {
    /// From the decoder configuration that the container keeps (ISO/IEC 14496-15, 5.3.3.1).
    pub(super) fn of(configuration: &[u8]) -> Self {
        match configuration {
            [1, _, _, _, sizes, ..] => Self::Length(usize::from(sizes & 3) + 1),
            _ => Self::StartCode,
        }
    }

    /// Whether no other picture refers to the one in `packet`: all of its slices have `nal_ref_idc` 0 (H.264, 7.4.1). False for
    /// anything odd.
    pub(super) fn disposable(self, packet: &[u8]) -> bool {
        let mut slices = 0;
        let mut referenced = false;
        let mut see = |header: u8| {
            if (1..=5).contains(&(header & 31)) {
                slices += 1;
                referenced |= header & 0x60 != 0;
            }
        };
        let mut rest = packet;
        match self {
            Self::Length(width) => {
                while let (Some(length), Some(&header)) = (rest.get(..width), rest.get(width)) {
                    let length = length.iter().fold(0, |value, &byte| value << 8 | usize::from(byte));
                    see(header);
                    match rest.get(width + length..) {
                        Some(next) if length > 0 => rest = next,
                        _ => return false,
                    }
                }
            }
            Self::StartCode => {
                while let Some(at) = rest.windows(3).position(|bytes| bytes == [0, 0, 1]) {
                    rest = &rest[at + 3..];
                    rest.first().copied().map(&mut see);
                }
            }
        }
        slices > 0 && !referenced
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_that_nothing_refers_to_are_told_from_the_rest() {
        let four = Framing::of(&[1, 100, 0, 30, 0xff, 0xe1]);
        assert_eq!(four, Framing::Length(4));
        assert!(four.disposable(&[0, 0, 0, 2, 0x01, 9]));
        // supplemental information before it does not count
        assert!(four.disposable(&[0, 0, 0, 1, 0x06, 0, 0, 0, 2, 0x01, 9]));
        assert!(!four.disposable(&[0, 0, 0, 2, 0x41, 9]));
        assert!(!four.disposable(&[0, 0, 0, 2, 0x01, 9, 0, 0, 0, 2, 0x21, 9]));
        for odd in [&[][..], &[0, 0, 0], &[0, 0, 0, 9, 0x01], &[0, 0, 0, 0, 0x01], &[0, 0, 0, 1, 0x06]] {
            assert!(!four.disposable(odd), "{odd:?}");
        }
        assert_eq!(Framing::of(&[]), Framing::StartCode);
        assert!(Framing::StartCode.disposable(&[0, 0, 0, 1, 0x09, 16, 0, 0, 1, 0x01, 7]));
        assert!(!Framing::StartCode.disposable(&[0, 0, 0, 1, 0x65, 16, 0, 0, 1, 0x01, 7]));
        assert!(!Framing::StartCode.disposable(&[0, 0, 1]));
    }
}
