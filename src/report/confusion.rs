//! Confusion matrices: counts in the cells, shaded by the share of the row.

use super::RunResult;
use super::markup::shorten;
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

/// The SVG element.
pub fn draw(id: &str, title: &str, classes: &[String], matrix: &[Vec<u64>]) -> String {
    let largest = matrix.iter().flatten().max().copied().unwrap_or(0);
    let cell = (largest.to_string().len() as f64 * 6.0 + 6.0).max(24.0);
    let names: Vec<String> = classes.iter().map(|name| shorten(name, 12)).collect();
    let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0) as f64 * 5.3;
    let (left, top) = (20.0 + longest, 24.0);
    let side = cell * classes.len() as f64;
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
        for (j, &count) in row.iter().enumerate() {
            let x = left + j as f64 * cell;
            let share = if of_row == 0 { 0.0 } else { count as f64 / of_row as f64 };
            let tip = format!("{} as {}: {count} of {of_row} ({:.0} %)", classes[i], classes[j], 100.0 * share);
            svg.rect("cell", (x, y), (cell, cell), share, &tip);
            svg.text("count", (x + cell / 2.0, y + cell / 2.0 + 3.5), Anchor::Middle, 0.0, &count.to_string());
        }
    }
    svg.polygon("frame", &[(left, top), (left + side, top), (left + side, top + side), (left, top + side)]);
    svg.text("tick", (11.0, top + side / 2.0), Anchor::Middle, -90.0, "true");
    svg.text("tick", (left + side / 2.0, size.1 - 5.0), Anchor::Middle, 0.0, "predicted");
    svg.finish()
}
