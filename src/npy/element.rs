//! Types of elements.

use std::fmt::Display;

/// Type of the elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// Floating point, of 2, 4 or 8 bytes.
    Float(u64),
    /// Integers with a sign, of 1, 2, 4 or 8 bytes.
    Int(u64),
    /// Integers without.
    Uint(u64),
    /// Bytes 0 and 1.
    Bool,
    /// So many code points of 4 bytes.
    Unicode(u64),
    /// So many bytes.
    Bytes(u64),
    /// The upper half of a float of 4 bytes.
    Bf16,
    /// So many bytes that numpy knows nothing of, as which other libraries save types of their own.
    Opaque(u64),
    /// Python objects, pickled all together.
    Object,
}

impl Display for Element {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Float(bytes) => write!(f, "float{}", 8 * bytes),
            Self::Int(bytes) => write!(f, "int{}", 8 * bytes),
            Self::Uint(bytes) => write!(f, "uint{}", 8 * bytes),
            Self::Bool => f.write_str("bool"),
            Self::Unicode(_) | Self::Bytes(_) => f.write_str("text"),
            Self::Bf16 => f.write_str("bfloat16"),
            Self::Opaque(bytes) => write!(f, "void{} (bytes without a type)", 8 * bytes),
            Self::Object => f.write_str("Python objects"),
        }
    }
}

impl Element {
    /// Bytes of an element.
    pub fn size(self) -> u64 {
        match self {
            Self::Float(bytes) | Self::Int(bytes) | Self::Uint(bytes) | Self::Bytes(bytes) | Self::Opaque(bytes) => bytes,
            Self::Bool => 1,
            Self::Bf16 => 2,
            Self::Object => 0,
            Self::Unicode(length) => length.saturating_mul(4),
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.starts_with('O') {
            return Some(Self::Object);
        }
        let size: u64 = text.get(1..)?.parse().ok()?;
        match (text.get(..1)?, size) {
            ("f", 2 | 4 | 8) => Some(Self::Float(size)),
            ("i", 1 | 2 | 4 | 8) => Some(Self::Int(size)),
            ("u", 1 | 2 | 4 | 8) => Some(Self::Uint(size)),
            ("b", 1) => Some(Self::Bool),
            ("U", 1..) => Some(Self::Unicode(size)),
            ("S", 1..) => Some(Self::Bytes(size)),
            ("V", 1..) => Some(Self::Opaque(size)),
            _ => None,
        }
    }

    /// As it stands in a header.
    pub(super) fn written(self) -> String {
        match self {
            Self::Float(bytes) => format!("<f{bytes}"),
            Self::Int(1) => "|i1".into(),
            Self::Int(bytes) => format!("<i{bytes}"),
            Self::Uint(1) => "|u1".into(),
            Self::Uint(bytes) => format!("<u{bytes}"),
            Self::Bool => "|b1".into(),
            Self::Unicode(length) => format!("<U{length}"),
            Self::Bytes(length) => format!("|S{length}"),
            Self::Bf16 => "<V2".into(),
            Self::Opaque(bytes) => format!("|V{bytes}"),
            Self::Object => "|O".into(),
        }
    }

    /// The numbers in `bytes`; none of text.
    pub(super) fn numbers(self, bytes: &[u8], big_endian: bool) -> Option<Vec<f64>> {
        fn all<const N: usize>(bytes: &[u8], big_endian: bool, number: impl Fn([u8; N]) -> f64) -> Vec<f64> {
            let one = |mut element: [u8; N]| {
                if big_endian {
                    element.reverse();
                }
                number(element)
            };
            bytes.as_chunks::<N>().0.iter().copied().map(one).collect()
        }
        Some(match self {
            Self::Float(2) => all(bytes, big_endian, |b| half::f16::from_le_bytes(b).to_f64()),
            Self::Float(4) => all(bytes, big_endian, |b| f32::from_le_bytes(b).into()),
            Self::Float(_) => all(bytes, big_endian, f64::from_le_bytes),
            Self::Int(1) => all(bytes, big_endian, |b| i8::from_le_bytes(b).into()),
            Self::Int(2) => all(bytes, big_endian, |b| i16::from_le_bytes(b).into()),
            Self::Int(4) => all(bytes, big_endian, |b| i32::from_le_bytes(b).into()),
            Self::Int(_) => all(bytes, big_endian, |b| i64::from_le_bytes(b) as f64),
            Self::Uint(2) => all(bytes, big_endian, |b| u16::from_le_bytes(b).into()),
            Self::Uint(4) => all(bytes, big_endian, |b| u32::from_le_bytes(b).into()),
            Self::Uint(8) => all(bytes, big_endian, |b| u64::from_le_bytes(b) as f64),
            Self::Bool | Self::Uint(_) => bytes.iter().map(|&byte| byte.into()).collect(),
            Self::Bf16 => all(bytes, big_endian, |b| half::bf16::from_le_bytes(b).to_f64()),
            Self::Unicode(_) | Self::Bytes(_) | Self::Opaque(_) | Self::Object => return None,
        })
    }

    /// One element as text, without the zeros that fill it up; none of numbers, and of what is no Unicode.
    pub(super) fn text(self, bytes: &[u8], big_endian: bool) -> Option<String> {
        let text = match self {
            Self::Unicode(_) => {
                let point = |bytes: &[u8; 4]| match big_endian {
                    true => u32::from_be_bytes(*bytes),
                    false => u32::from_le_bytes(*bytes),
                };
                bytes.as_chunks::<4>().0.iter().map(|bytes| char::from_u32(point(bytes))).collect::<Option<String>>()?
            }
            Self::Bytes(_) => String::from_utf8(bytes.to_vec()).ok()?,
            _ => return None,
        };
        Some(text.trim_end_matches('\0').to_owned())
    }

    /// One element as the whole number that it is, none of it lost; none of text, and of fractions.
    pub(super) fn whole(self, bytes: &[u8], big_endian: bool) -> Option<i128> {
        let mut wide = [0; 16];
        let of = |place: usize| if big_endian { bytes.len() - 1 - place } else { place };
        (0..bytes.len().min(16)).for_each(|place| wide[place] = bytes[of(place)]);
        let unused = 128 - 8 * bytes.len().min(16) as u32;
        match self {
            Self::Bool | Self::Uint(_) => Some(i128::from_le_bytes(wide)),
            Self::Int(_) => Some(i128::from_le_bytes(wide) << unused >> unused),
            Self::Float(_) => {
                // beyond 2⁵³ a float may stand for its neighbours
                let number = *self.numbers(bytes, big_endian)?.first()?;
                (number.fract() == 0.0 && number.abs() <= (1u64 << 53) as f64).then_some(number as i128)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_of_either_order_are_read() {
        assert_eq!(Element::Float(4).numbers(&1.5f32.to_be_bytes(), true), Some(vec![1.5]));
        assert_eq!(Element::Int(2).numbers(&(-3i16).to_le_bytes(), false), Some(vec![-3.0]));
        assert_eq!(Element::Bf16.numbers(&[0xc0, 0x3f], false), Some(vec![1.5]));
        assert_eq!(Element::Unicode(3).text(b"a\0\0\0\xe9\0\0\0\0\0\0\0", false).as_deref(), Some("aé"));
        assert_eq!(Element::Unicode(1).text(b"\0\0\xd8\0", false), None);
        assert_eq!(Element::Bytes(4).text(b"ab\0\0", false).as_deref(), Some("ab"));
        assert_eq!(Element::Bytes(4).text(b" a \0", false).as_deref(), Some(" a "));
    }

    #[test]
    fn whole_numbers_lose_nothing() {
        let big = 7_106_594_312_292_453_675i64;
        assert_eq!(Element::Int(8).whole(&big.to_le_bytes(), false), Some(big.into()));
        assert_eq!(Element::Int(8).whole(&big.to_be_bytes(), true), Some(big.into()));
        assert_eq!(Element::Int(8).whole(&i64::MIN.to_le_bytes(), false), Some(i64::MIN.into()));
        assert_eq!(Element::Int(1).whole(&[0xff], false), Some(-1));
        assert_eq!(Element::Uint(8).whole(&[0xff; 8], false), Some(u64::MAX.into()));
        assert_eq!(Element::Bool.whole(&[1], false), Some(1));
        assert_eq!(Element::Float(8).whole(&3.0f64.to_le_bytes(), false), Some(3));
        assert_eq!(Element::Float(4).whole(&0.5f32.to_le_bytes(), false), None);
        assert_eq!(Element::Float(8).whole(&1e16f64.to_le_bytes(), false), None);
        assert_eq!(Element::Unicode(1).whole(&[0x31, 0, 0, 0], false), None);
    }
}
