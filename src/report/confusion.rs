//! Confusion matrices: counts in the cells, shaded by the share of the row.

use super::RunResult;
use super::markup::{escape, shorten};
use super::svg::{Anchor, Svg};

/// The runs' matrices added up: rows are true classes, columns predicted ones. The runs have the same classes.
pub fn sum(runs: &[&RunResult], classes: usize) -> Vec<Vec<u64>> {
    let mut sum = vec![vec![0u64; classes]; classes];
    for run in runs {
        for (row, more) in sum.iter_mut().zip(&run.confusion) {
            row.iter_mut().zip(more).for_each(|(cell, n)| *cell = cell.saturating_add(*n));
        }
    }
    sum
}

fn add<'a>(counts: impl IntoIterator<Item = &'a u64>) -> u64 {
    counts.into_iter().fold(0, |sum, n| sum.saturating_add(*n))
}

/// Cells of all matrices of a page, at most: what a reader's machine can draw.
const CELLS: usize = 12_000;

/// Confusions that are named beneath a matrix whose classes share rows.
const NAMED: usize = 10;

/// Rows that one of `matrices` may have.
pub fn most(matrices: usize) -> usize {
    (CELLS / matrices.max(1)).isqrt().clamp(8, 40)
}

/// The SVG element. Of more classes than `most`, neighbours share a row and a column, and the most frequent confusions stand beneath.
pub fn draw(id: &str, title: &str, classes: &[String], matrix: &[Vec<u64>], most: usize) -> String {
    if classes.len() <= most {
        return Drawing { id, title, names: classes, matrix, numbered: true }.draw();
    }
    let bin = |class: usize| class * most / classes.len();
    let mut binned = vec![vec![0u64; most]; most];
    for (i, row) in matrix.iter().enumerate() {
        for (j, count) in row.iter().enumerate() {
            let cell = &mut binned[bin(i)][bin(j)];
            *cell = cell.saturating_add(*count);
        }
    }
    let name = |bin: usize| {
        let first = (bin * classes.len()).div_ceil(most);
        let last = ((bin + 1) * classes.len()).div_ceil(most) - 1;
        if first == last { classes[first].clone() } else { format!("{} … {}", classes[first], classes[last]) }
    };
    let names: Vec<String> = (0..most).map(name).collect();
    let drawn = Drawing { id, title, names: &names, matrix: &binned, numbered: false }.draw();
    let mut confused: Vec<(u64, usize, usize)> = Vec::new();
    for (i, row) in matrix.iter().enumerate() {
        confused.extend(row.iter().enumerate().filter(|(j, count)| *j != i && **count > 0).map(|(j, count)| (*count, i, j)));
    }
    confused.sort_by_key(|&(count, i, j)| (std::cmp::Reverse(count), i, j));
    let kinds = confused.len();
    let item = |&(count, i, j): &(u64, usize, usize)| {
        let pair = format!("{} as {}: {count} of {}", classes[i], classes[j], add(&matrix[i]));
        format!("<li>{}</li>\n", escape(&pair))
    };
    let items: String = confused.iter().take(NAMED).map(item).collect();
    let count = confused.len().min(NAMED);
    let head = format!("{} classes in {most} rows. Most frequent confusions, {count} of {kinds}:", classes.len());
    format!("<div class=\"binned\">\n{drawn}<p>{head}</p>\n<ul>\n{items}</ul>\n</div>\n")
}

/// One matrix.
struct Drawing<'a> {
    id: &'a str,
    title: &'a str,
    /// Of the rows.
    names: &'a [String],
    matrix: &'a [Vec<u64>],
    /// Whether every cell has its count in it; else those without one are left out.
    numbered: bool,
}

impl Drawing<'_> {
    fn draw(&self) -> String {
        let Self { id, title, matrix, numbered, .. } = *self;
        let largest = matrix.iter().flatten().max().copied().unwrap_or(0);
        let cell = if numbered { (largest.to_string().len() as f64 * 6.0 + 6.0).max(24.0) } else { 13.0 };
        let names: Vec<String> = self.names.iter().map(|name| shorten(name, 12)).collect();
        let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0) as f64 * 5.3;
        let (left, top) = (20.0 + longest, 24.0);
        let side = cell * names.len() as f64;
        // column names slant down to the left of their cell
        let size = ((left + side + 4.0).max(150.0), top + side + longest * 0.71 + 30.0);
        let (total, right) = (add(matrix.iter().flatten()), add(matrix.iter().enumerate().filter_map(|(i, row)| row.get(i))));
        let description = format!("{right} of {total} on the diagonal. Rows are true classes, columns predicted ones.");
        let mut svg = Svg::new(id, size, &format!("Confusion matrix, {title}"), &description);
        svg.text("name", (18.0, 14.0), Anchor::Start, 0.0, &shorten(title, ((size.0 - 18.0) / 7.0) as usize));
        for (i, row) in matrix.iter().enumerate() {
            let of_row = add(row);
            let y = top + i as f64 * cell;
            svg.text("class", (left - 4.0, y + cell / 2.0 + 3.5), Anchor::End, 0.0, &names[i]);
            let foot = (left + (i as f64 + 0.5) * cell + 4.0, top + side + 12.0);
            svg.text("class", foot, Anchor::End, -45.0, &names[i]);
            for (j, &count) in row.iter().enumerate().filter(|(_, count)| numbered || **count > 0) {
                let x = left + j as f64 * cell;
                let share = if of_row == 0 { 0.0 } else { count as f64 / of_row as f64 };
                let tip = format!("{} as {}: {count} of {of_row} ({:.0} %)", self.names[i], self.names[j], 100.0 * share);
                svg.rect("cell", (x, y), (cell, cell), share, &tip);
                if numbered {
                    svg.text("count", (x + cell / 2.0, y + cell / 2.0 + 3.5), Anchor::Middle, 0.0, &count.to_string());
                }
            }
        }
        svg.polygon("frame", &[(left, top), (left + side, top), (left + side, top + side), (left, top + side)]);
        svg.text("tick", (11.0, top + side / 2.0), Anchor::Middle, -90.0, "true");
        svg.text("tick", (left + side / 2.0, size.1 - 5.0), Anchor::Middle, 0.0, "predicted");
        svg.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_its_bin_and_every_bin_its_names() {
        for classes in [9, 40, 41, 97, 400] {
            let names: Vec<String> = (0..classes).map(|i| format!("c{i}")).collect();
            let matrix = vec![vec![1; classes]; classes];
            for most in [8, 13, 40] {
                let drawn = draw("x", "t", &names, &matrix, most);
                assert!(drawn.contains(&format!("of {}", classes * classes)), "{classes} {most}");
                assert!(drawn.contains(&names[classes - 1]) && drawn.contains("c0"), "{classes} {most}");
            }
        }
    }
}
