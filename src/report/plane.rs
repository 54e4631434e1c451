//! Embeddings in the plane: a dot for each row, coloured by class or by domain.

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
            out.push_str(&figure(&format!("plane-{e}-{t}-class"), "By class", &run.embedding, &|row| row.class.clone()));
            out.push_str(&figure(&format!("plane-{e}-{t}-domain"), "By domain", &run.embedding, &domain));
            out.push_str("</div>\n");
        }
    }
    out
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
