//! Embeddings in the plane: a dot for each row, coloured by class, or the fifth that its value is in, and by domain.

use super::Comparison;
use super::markup::{escape, shorten};
use super::results::{EmbeddedRow, TEST};
use super::svg::{Anchor, Svg};

const SIDE: f64 = 340.0;
const TOP: f64 = 22.0;

/// For each entry and task the first seed that has an embedding; empty where there is none.
pub fn figures(runs: &Comparison) -> String {
    let mut out = String::new();
    for (e, entry) in runs.entries().iter().enumerate() {
        for (t, task) in runs.tasks().iter().enumerate() {
            let Some(run) = runs.at(e, t).into_iter().find(|run| !run.embedding.is_empty()) else { continue };
            let title = format!("{} on {}, seed {}", entry.label, task.label, run.seed);
            out.push_str(&format!("<h3>{}</h3>\n<div class=\"row\">\n", escape(&title)));
            let domain = |row: &EmbeddedRow| match row.part == TEST {
                true => format!("{} (target)", row.domain),
                false => row.domain.clone(),
            };
            let (title, values) = (if run.classes.is_empty() { "By value" } else { "By class" }, values(&run.embedding));
            let label = |row: &EmbeddedRow| if run.classes.is_empty() { fifth(&values, row) } else { row.class.clone() };
            out.push_str(&figure(&format!("plane-{e}-{t}-class"), title, &run.embedding, &label));
            out.push_str(&figure(&format!("plane-{e}-{t}-domain"), "By domain", &run.embedding, &domain));
            out.push_str("</div>\n");
        }
    }
    out
}

/// Values of the rows, ascending; none of classes.
fn values(rows: &[EmbeddedRow]) -> Vec<f64> {
    let mut values: Vec<f64> = rows.iter().filter_map(|row| row.class.parse().ok()).collect();
    values.sort_by(f64::total_cmp);
    values
}

/// From where to where the fifth of the values goes that a row's is in.
fn fifth(values: &[f64], row: &EmbeddedRow) -> String {
    let Ok(value) = row.class.parse::<f64>() else { return row.class.clone() };
    let (count, place) = (values.len(), values.partition_point(|other| *other < value));
    let fifth = (5 * place / count.max(1)).min(4);
    let end = |place: usize| values.get(place).copied().unwrap_or(value);
    format!("{:.3} to {:.3}", end(fifth * count / 5), end(((fifth + 1) * count / 5).max(1) - 1))
}

/// One drawing with its legend.
fn figure(id: &str, title: &str, rows: &[EmbeddedRow], group: &dyn Fn(&EmbeddedRow) -> String) -> String {
    let mut groups: Vec<String> = Vec::new();
    let of_rows: Vec<usize> = rows
        .iter()
        .map(|row| {
            let name = group(row);
            groups.iter().position(|known| *known == name).unwrap_or_else(|| {
                groups.push(name);
                groups.len() - 1
            })
        })
        .collect();
    let ends = |of: fn(&EmbeddedRow) -> f64| {
        let values = rows.iter().map(of).filter(|value| value.is_finite());
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
    };
    let ((left, right), (bottom, top)) = (ends(|row| row.x), ends(|row| row.y));
    let scale = (SIDE - 12.0) / (right - left).max(top - bottom).max(1e-9);
    let description = format!("{} rows in {} groups.", rows.len(), groups.len());
    let mut svg = Svg::new(id, (SIDE, SIDE + TOP), &format!("{title}, t-SNE of the fused embeddings"), &description);
    svg.text("name", (6.0, 14.0), Anchor::Start, 0.0, title);
    for (row, group) in rows.iter().zip(of_rows) {
        svg.dot(&style(group), (6.0 + (row.x - left) * scale, TOP + 6.0 + (top - row.y) * scale));
    }
    let key = |(n, name): (usize, &String)| {
        let dot = format!("<circle class=\"{}\" cx=\"5\" cy=\"5\" r=\"3\"/>", style(n));
        format!("<span><svg width=\"10\" height=\"10\" aria-hidden=\"true\">{dot}</svg> {}</span>", escape(&shorten(name, 40)))
    };
    let keys: Vec<String> = groups.iter().enumerate().map(key).collect();
    format!("<div class=\"plane\">\n{}<p class=\"legend\">{}</p>\n</div>\n", svg.finish(), keys.join("\n"))
}

/// Seven colours, then the same as rings.
fn style(n: usize) -> String {
    format!("{} s{}", if (n / 7).is_multiple_of(2) { "dot" } else { "ring" }, n % 7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_apart_by_fifths() {
        let row = |value: f64| EmbeddedRow {
            row: 0,
            domain: String::new(),
            part: String::new(),
            class: value.to_string(),
            x: 0.0,
            y: 0.0,
        };
        let rows: Vec<EmbeddedRow> = (0..10).rev().map(|i| row(f64::from(i) / 2.0)).collect();
        let values = values(&rows);
        let of = |value: f64| fifth(&values, &row(value));
        assert_eq!(
            [of(0.0), of(0.5), of(1.0), of(4.5)],
            ["0.000 to 0.500", "0.000 to 0.500", "1.000 to 1.500", "4.000 to 4.500"]
        );
        assert_eq!(fifth(&[1.0], &row(1.0)), "1.000 to 1.000");
    }
}
