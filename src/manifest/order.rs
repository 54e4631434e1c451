//! Rows in the order of their recordings. The paths of a million rows mostly begin alike, and comparing them two by two is waiting for memory: here eight letters of
//! each are compared at a time.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::Segment;

/// Rows below this are compared two by two.
const FEW: usize = 12;

/// The places of segments in the order of [`Segment::order`], where they do not stand in it; those that are equal in it stay as they stand.
pub(super) fn of(segments: &[Segment]) -> Option<Vec<usize>> {
    if segments.is_sorted_by(|one, other| one.order(other).is_le()) {
        return None;
    }
    if segments.iter().all(|segment| is_plain(&segment.path)) {
        return Some(by_path(segments));
    }
    let mut order: Vec<usize> = (0..segments.len()).collect();
    order.sort_by(|&one, &other| segments[one].order(&segments[other]));
    Some(order)
}

/// Puts segments in that order.
pub(super) fn arrange(segments: &mut [Segment], mut order: Vec<usize>) {
    for start in 0..order.len() {
        let mut place = start;
        loop {
            let from = std::mem::replace(&mut order[place], place);
            if from == start {
                break;
            }
            segments.swap(place, from);
            place = from;
        }
    }
}

/// The places of segments with plain paths, in their order.
fn by_path(segments: &[Segment]) -> Vec<usize> {
    let mut rows: Vec<(u64, usize)> = (0..segments.len()).map(|row| (0, row)).collect();
    let mut stretches = vec![(0..rows.len(), 0)];
    while let Some((stretch, depth)) = stretches.pop() {
        let start = stretch.start;
        let rows = &mut rows[stretch];
        if rows.len() <= FEW {
            rows.sort_by(|(_, one), (_, other)| segments[*one].order(&segments[*other]));
            continue;
        }
        rows.iter_mut().for_each(|(letters, row)| *letters = letters_of(&segments[*row].path, depth));
        rows.sort_unstable();
        let mut end = start;
        for alike in rows.chunk_by_mut(|one, other| one.0 == other.0) {
            let begin = end;
            end += alike.len();
            match alike[0].0 {
                // the paths are at their ends
                0 => alike.sort_by(|(_, one), (_, other)| segments[*one].order(&segments[*other])),
                _ if alike.len() > 1 => stretches.push((begin..end, depth + size_of::<u64>())),
                _ => {}
            }
        }
    }
    rows.into_iter().map(|(_, row)| row).collect()
}

/// Whether the order of a path is that of its letters, where a folder's end comes before all of them.
fn is_plain(path: &Path) -> bool {
    let bytes = path.as_os_str().as_bytes();
    let relative = bytes.strip_prefix(b"/").unwrap_or(bytes);
    !bytes.contains(&0)
        && (bytes.is_empty() || relative.split(|byte| *byte == b'/').all(|part| !matches!(part, b"" | b"." | b"..")))
}

/// Eight letters from `depth` on as a number; 0 is for a path that ends before.
fn letters_of(path: &Path, depth: usize) -> u64 {
    let bytes = path.as_os_str().as_bytes().get(depth..).unwrap_or_default();
    let letter = |place: usize| bytes.get(place).copied().filter(|byte| *byte != b'/').unwrap_or_default();
    u64::from_be_bytes(std::array::from_fn(letter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;
    use crate::span::Span;

    #[test]
    fn the_order_is_that_of_comparing_two_by_two() {
        for (seed, plain) in [(0, true), (1, true), (2, false), (3, false)] {
            let parts =
                ["a", "b", "a-b", "a b", "ä", "a.mp4", "a-long-name-of-a-folder", "a-long-name-of-a-file.mp4", "..", ".", ""];
            let parts = &parts[..if plain { 8 } else { 11 }];
            let segment = |row: u32| {
                let random = Stream::new(seed).at(row);
                let names = (0..=random.bits(0) % 4).map(|i| parts[random.bits(1 + i) as usize % parts.len()]);
                let path = ["", "/"][random.bits(9) as usize % 2].to_owned() + &names.collect::<Vec<_>>().join("/");
                let id = (random.bits(6) % 5).to_string();
                let span = Span { start: f64::from(random.bits(7) % 3), end: Some(f64::from(row) + 10.0) };
                Segment::new(id, path, span)
            };
            let mut segments: Vec<Segment> = (0..3000).map(segment).collect();
            assert_eq!(segments.iter().all(|segment| is_plain(&segment.path)), plain);
            let mut expected = segments.clone();
            expected.sort_by(Segment::order);
            of(&segments).into_iter().for_each(|order| arrange(&mut segments, order));
            assert!(segments == expected, "{seed}");
        }
    }
}
