//! What stands before an array's elements.

use super::element::Element;
/// Most bytes that a header may have.
pub(super) const LONGEST: u64 = 1 << 16;

/// What stands before the elements, which are in order of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Type of the elements.
    pub element: Element,
    /// Whether their first byte is the most significant.
    pub big_endian: bool,
    /// Rows first.
    pub shape: Vec<u64>,
    /// Whether the first index runs fastest in the file.
    pub fortran: bool,
}

impl Header {
    /// Of little-endian elements.
    pub fn new(element: Element, shape: Vec<u64>) -> Self {
        Self { element, big_endian: false, shape, fortran: false }
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
        let element = Element::parse(name).filter(|_| ["<", ">", "|", "="].contains(&order));
        let element = element.ok_or_else(|| {
            format!("its elements are {descr:?}; expected floats or pixels, for ids and labels integers or text")
        })?;
        let numbers = value(text, "shape").ok_or_else(|| odd("shape"))?.split(',').map(str::trim).filter(|n| !n.is_empty());
        // Python 2 wrote long integers with an L
        let number = |n: &str| n.strip_suffix('L').unwrap_or(n).parse().map_err(|_| odd("shape"));
        let shape: Vec<u64> = numbers.map(number).collect::<Result<_, _>>()?;
        let fortran = match value(text, "fortran_order") {
            Some("False") => false,
            // one row or one dimension lies alike either way
            Some("True") => shape.len() > 1,
            _ => return Err(odd("order")),
        };
        Ok((Self { element, big_endian: order == ">", shape, fortran }, begins + length))
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
            (with("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,), }"), "expected floats"),
            (with("{'descr': '<c8', 'fortran_order': False, 'shape': (3,), }"), "\"<c8\"; expected floats"),
            (with("{'descr': '<f4', 'fortran_order': True, 'shape': (3, 4LL), }"), "no shape"),
            (with("{'descr': '<f4', 'fortran_order': False, 'shape': (3, -4), }"), "no shape"),
            (with("{'descr': '<f4', 'shape': (3, 4), }"), "no order"),
        ] {
            let problem = Header::parse(&bytes).unwrap_err();
            assert!(problem.contains(says), "{problem}");
        }
    }

    #[test]
    fn headers_of_python_2_and_of_fortran_are_read() {
        let text = "{'descr': '>i4', 'fortran_order': True, 'shape': (3L, 4L), }";
        let bytes = [b"\x93NUMPY\x01\0", &(text.len() as u16).to_le_bytes()[..], text.as_bytes()].concat();
        let header = Header { element: Element::Int(4), big_endian: true, shape: vec![3, 4], fortran: true };
        assert_eq!(Header::parse(&bytes), Ok((header, bytes.len())));
    }
}
