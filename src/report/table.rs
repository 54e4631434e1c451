//! A table of figures, and how its cells read.

use super::markup::{escape, plain};
use super::statistics::Summary;

/// One place in a table.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// The column that the others are compared with.
    Base,
    /// A figure over seeds.
    Figure {
        /// None where no seed has a figure.
        summary: Option<Summary>,
        /// Seeds that there should be.
        expected: usize,
        /// Whether a plus sign is written.
        signed: bool,
    },
}

impl Cell {
    /// `61.20 ± 1.30`; `61.20 ± –` for one seed; `61.20 ± 1.30 (2 of 3)` where seeds are missing.
    pub fn text(&self) -> String {
        let Self::Figure { summary, expected, signed } = self else { return "base".into() };
        let Some(Summary { mean, deviation, count }) = *summary else { return format!("– (0 of {expected})") };
        let mean = match (signed, (mean * 100.0).round() == 0.0) {
            (_, true) => "0.00".into(),
            (true, _) => format!("{mean:+.2}"),
            (false, _) => format!("{mean:.2}"),
        };
        let deviation = deviation.map_or("–".into(), |d| format!("{d:.2}"));
        let missing = if count < *expected { format!(" ({count} of {expected})") } else { String::new() };
        format!("{mean} ± {deviation}{missing}")
    }
}

/// Rows of cells under named columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// What the figures are, with their unit.
    pub title: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Name and cells of each row.
    pub rows: Vec<(String, Vec<Cell>)>,
}

impl Table {
    /// Characters that each column needs, the rows' names first, so that several tables of the same columns align.
    pub fn widths(tables: &[Self]) -> Vec<usize> {
        let mut widths = vec![0; tables.first().map_or(0, |table| table.columns.len() + 1)];
        for line in tables.iter().flat_map(Self::lines) {
            for (width, cell) in widths.iter_mut().zip(&line) {
                *width = (*width).max(cell.chars().count());
            }
        }
        widths
    }

    /// Aligned by spaces, each line ended.
    pub fn to_terminal(&self, widths: &[usize]) -> String {
        let mut out = format!("{}\n", plain(&self.title));
        for line in self.lines() {
            let mut cells = line.iter().zip(widths);
            let name = cells.next().map(|(name, &width)| format!("  {name:<width$}")).unwrap_or_default();
            out.push_str(&cells.fold(name, |row, (cell, &width)| format!("{row}   {cell:>width$}")));
            out.push('\n');
        }
        out
    }

    fn lines(&self) -> Vec<Vec<String>> {
        let head = ["target".to_owned()].into_iter().chain(self.columns.iter().map(|c| plain(c))).collect();
        let row = |(name, cells): &(String, Vec<Cell>)| [plain(name)].into_iter().chain(cells.iter().map(Cell::text)).collect();
        [head].into_iter().chain(self.rows.iter().map(row)).collect()
    }

    /// An HTML table.
    pub fn to_html(&self) -> String {
        let head: String = self.columns.iter().map(|c| format!("<th scope=\"col\">{}</th>", escape(c))).collect();
        let mut out = format!("<table>\n<caption>{}</caption>\n", escape(&self.title));
        out.push_str(&format!("<thead><tr><th scope=\"col\">target</th>{head}</tr></thead>\n<tbody>\n"));
        for (name, cells) in &self.rows {
            let cells: String = cells.iter().map(|c| format!("<td>{}</td>", escape(&c.text()).replace('-', "−"))).collect();
            out.push_str(&format!("<tr><th scope=\"row\">{}</th>{cells}</tr>\n", escape(name)));
        }
        out + "</tbody>\n</table>\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(values: &[f64], expected: usize, signed: bool) -> String {
        Cell::Figure { summary: Summary::of(values), expected, signed }.text()
    }

    #[test]
    fn cells_say_what_is_missing() {
        assert_eq!(text(&[60.0, 62.0], 2, false), "61.00 ± 1.41");
        assert_eq!(text(&[60.0], 1, false), "60.00 ± –");
        assert_eq!(text(&[60.0, 62.0], 3, false), "61.00 ± 1.41 (2 of 3)");
        assert_eq!(text(&[], 3, false), "– (0 of 3)");
        assert_eq!(text(&[1.5, 1.5], 2, true), "+1.50 ± 0.00");
        assert_eq!(text(&[-0.001], 1, true), "0.00 ± –");
    }
}
