//! Arrays whose first index runs fastest, written anew by rows.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::header::Header;

/// Bytes that are turned at once.
const ROOM: u64 = 64 << 20;

/// The elements from `start` on, the last index fastest, in a file without a name.
pub(super) fn by_rows(file: &File, start: u64, header: &Header) -> std::io::Result<File> {
    let out = tempfile::tempfile()?;
    let size = header.element.size();
    let Some((&rows, inner)) = header.shape.split_first() else { return Ok(out) };
    let width: u64 = inner.iter().product();
    if rows == 0 || width == 0 || size == 0 {
        return Ok(out);
    }
    // where each element of a row by its own last index stands in a row by its own first
    let places: Vec<u64> = (0..width)
        .map(|place| {
            let (mut left, mut step, mut found) = (place, width, 0);
            let mut at: Vec<u64> = Vec::with_capacity(inner.len());
            for &length in inner {
                step /= length;
                at.push(left / step);
                left %= step;
            }
            let mut stride = 1;
            for (at, length) in at.into_iter().zip(inner) {
                found += at * stride;
                stride *= length;
            }
            found
        })
        .collect();
    let several = (ROOM / (width * size)).clamp(1, rows);
    let mut column = vec![0; (several * size) as usize];
    let mut turned = vec![0; (several * width * size) as usize];
    let mut first = 0;
    while first < rows {
        let count = several.min(rows - first);
        let column = &mut column[..(count * size) as usize];
        for (to, &from) in places.iter().enumerate() {
            file.read_exact_at(column, start + (from * rows + first) * size)?;
            for (row, element) in column.chunks_exact(size as usize).enumerate() {
                turned[(row as u64 * width * size) as usize + to * size as usize..][..size as usize].copy_from_slice(element);
            }
        }
        out.write_all_at(&turned[..(count * width * size) as usize], first * width * size)?;
        first += count;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::super::Element;
    use super::*;

    #[test]
    fn columns_become_rows() {
        for shape in [vec![5u64, 3], vec![1, 4], vec![4, 1], vec![3, 2, 4], vec![2, 3, 2, 3]] {
            let count: u64 = shape.iter().product();
            // the value at (i, j, …) is its place by rows
            let mut values = vec![0u16; count as usize];
            for place in 0..count {
                let (mut left, mut at) = (place, Vec::new());
                for length in shape.iter().rev() {
                    at.push(left % length);
                    left /= length;
                }
                let fortran =
                    at.iter().rev().zip(&shape).fold((0, 1), |(sum, step), (at, length)| (sum + at * step, step * length)).0;
                values[fortran as usize] = place as u16;
            }
            let file = tempfile::tempfile().unwrap();
            file.write_all_at(&values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>(), 7).unwrap();
            let turned = by_rows(&file, 7, &Header::new(Element::Uint(2), shape.clone())).unwrap();
            let mut bytes = vec![0; 2 * count as usize];
            turned.read_exact_at(&mut bytes, 0).unwrap();
            let expected: Vec<u8> = (0..count as u16).flat_map(u16::to_le_bytes).collect();
            assert_eq!(bytes, expected, "{shape:?}");
        }
    }
}
