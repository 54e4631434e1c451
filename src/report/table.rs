//! A table of figures, and how its cells read.

use super::markup::{escape, plain};
use super::statistics::{Difference, Summary};

/// One place in a table.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// What the others are compared with.
    Base,
    /// A figure over seeds.
    Figure {
        /// None where no seed has a figure.
        summary: Option<Summary>,
        /// Seeds that there should be.
        expected: usize,
    },
    /// Differences to the base over seeds.
    Difference {
        /// None where no seed has one.
        difference: Option<Difference>,
        /// The test's p after Holm's correction.
        p: Option<f64>,
        /// Seeds that there should be.
        expected: usize,
    },
    /// What a paper states: mean and, where it has one, spread.
    Published(f64, Option<f64>),
    /// There is no such figure.
    Absent,
}

impl Cell {
    /// `61.20 ± 1.30`; `61.20 ± –` for one seed; `61.20 ± 1.30 (2 of 3)` where seeds are missing. Differences:
    /// `+1.50 [-0.20, +3.20] p 0.07`.
    pub fn text(&self) -> String {
        let missing = |count: usize, expected: usize| match count < expected {
            true => format!(" ({count} of {expected})"),
            false => String::new(),
        };
        let spread = |deviation: Option<f64>| deviation.map_or("–".into(), |d| format!("{d:.2}"));
        match self {
            Self::Base => "base".into(),
            Self::Figure { summary: Some(s), expected } => {
                format!("{} ± {}{}", plain_number(s.mean), spread(s.deviation), missing(s.count, *expected))
            }
            Self::Difference { difference: Some(d), p, expected } => {
                let mean = d.summary.mean;
                let interval =
                    d.half.map_or("[–]".into(), |half| format!("[{}, {}]", signed(mean - half), signed(mean + half)));
                let p = p.map_or("–".into(), p_value);
                format!("{} {interval} p {p}{}", signed(mean), missing(d.summary.count, *expected))
            }
            Self::Figure { summary: None, expected } | Self::Difference { difference: None, expected, .. } => {
                format!("– (0 of {expected})")
            }
            Self::Published(mean, None) => format!("{mean:.2}"),
            Self::Published(mean, Some(deviation)) => format!("{mean:.2} ± {deviation:.2}"),
            Self::Absent => "–".into(),
        }
    }
}

fn is_zero(value: f64) -> bool {
    (value * 100.0).round() == 0.0
}

fn plain_number(value: f64) -> String {
    if is_zero(value) { "0.00".into() } else { format!("{value:.2}") }
}

/// With two decimals and a sign.
pub fn signed(value: f64) -> String {
    if is_zero(value) { "0.00".into() } else { format!("{value:+.2}") }
}

/// Three decimals, or `<0.001`.
pub fn p_value(p: f64) -> String {
    if p < 0.001 { "<0.001".into() } else { format!("{p:.3}") }
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
    /// Aligned by spaces, each line ended.
    pub fn to_terminal(&self) -> String {
        let lines = self.lines();
        let mut widths = vec![0; self.columns.len() + 1];
        for line in &lines {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut out = format!("{}\n", plain(&self.title));
        for line in lines {
            let mut cells = line.iter().zip(&widths);
            let name = cells.next().map(|(name, &width)| format!("  {name:<width$}")).unwrap_or_default();
            out.push_str(&cells.fold(name, |row, (cell, &width)| format!("{row}   {cell:>width$}")));
            out.push('\n');
        }
        out
    }

    fn lines(&self) -> Vec<Vec<String>> {
        let head = ["name".to_owned()].into_iter().chain(self.columns.iter().map(|c| plain(c))).collect();
        let row = |(name, cells): &(String, Vec<Cell>)| [plain(name)].into_iter().chain(cells.iter().map(Cell::text)).collect();
        [head].into_iter().chain(self.rows.iter().map(row)).collect()
    }

    /// An HTML table.
    pub fn to_html(&self) -> String {
        let head: String = self.columns.iter().map(|c| format!("<th scope=\"col\">{}</th>", escape(c))).collect();
        let mut out = format!("<table>\n<caption>{}</caption>\n", escape(&self.title));
        out.push_str(&format!("<thead><tr><th scope=\"col\">name</th>{head}</tr></thead>\n<tbody>\n"));
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

    #[test]
    fn cells_say_what_is_missing() {
        let text = |values: &[f64], expected| Cell::Figure { summary: Summary::of(values), expected }.text();
        assert_eq!(text(&[60.0, 62.0], 2), "61.00 ± 1.41");
        assert_eq!(text(&[60.0], 1), "60.00 ± –");
        assert_eq!(text(&[60.0, 62.0], 3), "61.00 ± 1.41 (2 of 3)");
        assert_eq!(text(&[], 3), "– (0 of 3)");
        let text = |values: &[f64], expected, p| Cell::Difference { difference: Difference::of(values), p, expected }.text();
        assert_eq!(text(&[1.5, 1.5], 2, None), "+1.50 [+1.50, +1.50] p –");
        assert_eq!(text(&[-0.001], 1, None), "0.00 [–] p –");
        assert_eq!(text(&[0.0, 2.0, 4.0], 4, Some(0.0004)), "+2.00 [-2.97, +6.97] p <0.001 (3 of 4)");
        assert_eq!(Cell::Published(55.06, None).text(), "55.06");
    }
}
