//! What stands before an array's elements.

use std::fmt::Display;

/// Most bytes that a header may have.
pub(super) const LONGEST: u64 = 1 << 16;

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
}

impl Display for Element {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Float(bytes) => write!(f, "float{}", 8 * bytes),
            Self::Int(bytes) => write!(f, "int{}", 8 * bytes),
            Self::Uint(bytes) => write!(f, "uint{}", 8 * bytes),
            Self::Bool => f.write_str("bool"),
            Self::Unicode(_) | Self::Bytes(_) => f.write_str("text"),
        }
    }
}

impl Element {
    /// Bytes of an element.
    pub fn size(self) -> u64 {
        match self {
            Self::Float(bytes) | Self::Int(bytes) | Self::Uint(bytes) | Self::Bytes(bytes) => bytes,
            Self::Bool => 1,
            Self::Unicode(length) => length.saturating_mul(4),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let size: u64 = text.get(1..)?.parse().ok()?;
        match (text.get(..1)?, size) {
            ("f", 2 | 4 | 8) => Some(Self::Float(size)),
            ("i", 1 | 2 | 4 | 8) => Some(Self::Int(size)),
            ("u", 1 | 2 | 4 | 8) => Some(Self::Uint(size)),
            ("b", 1) => Some(Self::Bool),
            ("U", 1..) => Some(Self::Unicode(size)),
            ("S", 1..) => Some(Self::Bytes(size)),
            _ => None,
        }
    }

    /// As it stands in a header.
    fn written(self) -> String {
        match self {
            Self::Float(bytes) => format!("<f{bytes}"),
            Self::Int(1) => "|i1".into(),
            Self::Int(bytes) => format!("<i{bytes}"),
            Self::Uint(1) => "|u1".into(),
            Self::Uint(bytes) => format!("<u{bytes}"),
            Self::Bool => "|b1".into(),
            Self::Unicode(length) => format!("<U{length}"),
            Self::Bytes(length) => format!("|S{length}"),
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
            Self::Unicode(_) | Self::Bytes(_) => return None,
        })
    }

    /// One element as text, if it is any.
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
            _ => return self.numbers(bytes, big_endian)?.first().map(f64::to_string),
        };
        Some(text.trim_end_matches('\0').to_owned())
    }
}

/// What stands before the elements, which are in order of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Type of the elements.
    pub element: Element,
    /// Whether their first byte is the most significant.
    pub big_endian: bool,
    /// Rows first.
    pub shape: Vec<u64>,
}

impl Header {
    /// Of little-endian elements.
    pub fn new(element: Element, shape: Vec<u64>) -> Self {
        Self { element, big_endian: false, shape }
    }

    /// Bytes of all elements; `None` beyond 2⁶⁴.
    pub fn bytes(&self) -> Option<u64> {
        self.shape.iter().try_fold(self.element.size(), |product, &n| product.checked_mul(n))
    }

    /// The header that `bytes` begin with, and its length.
    pub(super) fn parse(bytes: &[u8]) -> Result<(Self, usize), String> {
        let none = || "not an array of numpy's; expected a .npy".to_owned();
        let rest = bytes.strip_prefix(b"\x93NUMPY").ok_or_else(none)?;
        let (begins, length): (usize, usize) = match *rest {
            [1, 0, a, b, ..] => (10, usize::from(u16::from_le_bytes([a, b]))),
            [2 | 3, 0, a, b, c, d, ..] => (12, u32::from_le_bytes([a, b, c, d]) as usize),
            _ => return Err(none()),
        };
        let text = bytes.get(begins..begins.saturating_add(length)).and_then(|text| std::str::from_utf8(text).ok());
        let text = text.ok_or_else(none)?;
        let odd = |key: &str| format!("no {key} in its header {:?}; expected one as numpy writes it", text.trim_end());
        let descr = value(text, "descr").ok_or_else(|| odd("type"))?;
        let (order, name) = descr.split_at_checked(1).ok_or_else(|| odd("type"))?;
        if name.starts_with('O') {
            return Err("its elements are Python objects; expected numbers or text (as `np.array(x, dtype=str)`)".into());
        }
        let element = Element::parse(name).filter(|_| ["<", ">", "|", "="].contains(&order));
        let element = element.ok_or_else(|| format!("its elements are {descr:?}; expected floats, integers or text"))?;
        let numbers = value(text, "shape").ok_or_else(|| odd("shape"))?.split(',').map(str::trim).filter(|n| !n.is_empty());
        let shape: Vec<u64> = numbers.map(|n| n.parse().map_err(|_| odd("shape"))).collect::<Result<_, _>>()?;
        match value(text, "fortran_order") {
            Some("False") => {}
            Some("True") if shape.len() < 2 => {}
            Some("True") => return Err("its columns come first; expected rows (`np.ascontiguousarray`)".into()),
            _ => return Err(odd("order")),
        }
        Ok((Self { element, big_endian: order == ">", shape }, begins + length))
    }

    /// As numpy writes it.
    pub fn written(&self) -> Vec<u8> {
        let shape: String = self.shape.iter().map(|n| format!("{n}, ")).collect();
        let shape = if self.shape.len() == 1 { shape.trim_end() } else { shape.trim_end_matches(", ") };
        let mut text = format!("{{'descr': '{}', 'fortran_order': False, 'shape': ({shape}), }}", self.element.written());
        // so that the elements begin at a multiple of 64
        let filled = (10 + text.len() + 1).next_multiple_of(64) - 10;
        text += &" ".repeat(filled - text.len() - 1);
        text.push('\n');
        [b"\x93NUMPY\x01\0", &(text.len() as u16).to_le_bytes()[..], text.as_bytes()].concat()
    }
}

/// What a key of a Python dictionary stands for: text without its quotes, a tuple without its parentheses, or a word.
fn value<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("'{key}'"))?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start();
    match rest.chars().next()? {
        quote @ ('\'' | '"') => rest[1..].split_once(quote).map(|(text, _)| text),
        '(' => rest[1..].split_once(')').map(|(text, _)| text),
        _ => rest.split([',', '}']).next().map(str::trim),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_back() {
        for shape in [vec![], vec![7], vec![7, 2304], vec![u64::MAX, 1, 3, 4]] {
            for element in
                [Element::Float(2), Element::Int(8), Element::Uint(1), Element::Bool, Element::Unicode(12), Element::Bytes(3)]
            {
                let header = Header::new(element, shape.clone());
                let bytes = header.written();
                assert!(bytes.len().is_multiple_of(64) && bytes.ends_with(b"\n"));
                assert_eq!(Header::parse(&bytes), Ok((header, bytes.len())));
            }
        }
        assert_eq!(Header::new(Element::Float(8), vec![u64::MAX, 3]).bytes(), None);
    }

    #[test]
    fn odd_headers_are_refused() {
        let with = |text: &str| [b"\x93NUMPY\x01\0", &(text.len() as u16).to_le_bytes()[..], text.as_bytes()].concat();
        for (bytes, says) in [
            (b"PK\x03\x04".to_vec(), "not an array"),
            (b"\x93NUMPY\x02\0\xff\xff\xff\xff{}".to_vec(), "not an array"),
            (with("{}"), "no type"),
            (with("{'descr': '|O', 'fortran_order': False, 'shape': (3,), }"), "Python objects"),
            (with("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,), }"), "expected floats"),
            (with("{'descr': '<c8', 'fortran_order': False, 'shape': (3,), }"), "\"<c8\"; expected floats"),
            (with("{'descr': '<f4', 'fortran_order': True, 'shape': (3, 4), }"), "columns come first"),
            (with("{'descr': '<f4', 'fortran_order': False, 'shape': (3, -4), }"), "no shape"),
            (with("{'descr': '<f4', 'shape': (3, 4), }"), "no order"),
        ] {
            let problem = Header::parse(&bytes).unwrap_err();
            assert!(problem.contains(says), "{problem}");
        }
    }

    #[test]
    fn elements_of_either_order_are_read() {
        assert_eq!(Element::Float(4).numbers(&1.5f32.to_be_bytes(), true), Some(vec![1.5]));
        assert_eq!(Element::Int(2).numbers(&(-3i16).to_le_bytes(), false), Some(vec![-3.0]));
        assert_eq!(Element::Int(8).text(&7i64.to_le_bytes(), false).as_deref(), Some("7"));
        assert_eq!(Element::Unicode(3).text(b"a\0\0\0\xe9\0\0\0\0\0\0\0", false).as_deref(), Some("aé"));
        assert_eq!(Element::Unicode(1).text(b"\0\0\xd8\0", false), None);
        assert_eq!(Element::Bytes(4).text(b"ab\0\0", false).as_deref(), Some("ab"));
    }
}
