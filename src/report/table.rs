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
        /// Seeds whose run diverged.
        diverged: usize,
    },
    /// Differences to the base over seeds.
    Difference {
        /// None where no seed has one.
        difference: Option<Difference>,
        /// The test's p after Holm's correction.
        p: Option<f64>,
        /// Seeds that there should be.
        expected: usize,
        /// Seeds whose run, or the base's, diverged.
        diverged: usize,
    },
    /// What a paper states: mean and, where it has one, spread.
    Published(f64, Option<f64>),
    /// There is no such figure.
    Absent,
}

impl Cell {
    /// `61.20 ± 1.30`; `61.20 ± –` for one seed; `61.20 ± 1.30 (2 of 3)` where seeds are missing, `61.20 ± 1.30 (2 of 3, 1
    /// diverged)` and `diverged (3 of 3)`. Differences: `+1.50 [-0.20, +3.20] p 0.07`. What papers state has two decimals.
    pub fn text(&self, decimals: usize) -> String {
        self.lines(decimals).join(" ")
    }

    /// The text in the parts that a line may be broken between.
    fn lines(&self, decimals: usize) -> Vec<String> {
        let missing = |count: usize, expected: usize, diverged: usize| match (count < expected, diverged) {
            (false, _) => String::new(),
            (true, 0) => format!(" ({count} of {expected})"),
            (true, diverged) => format!(" ({count} of {expected}, {diverged} diverged)"),
        };
        let spread = |deviation: Option<f64>| deviation.map_or("–".into(), |d| format!("{d:.decimals$}"));
        let one = match self {
            Self::Base => "base".into(),
            Self::Figure { summary: Some(s), expected, diverged } => {
                format!("{} ± {}{}", plain_number(s.mean, decimals), spread(s.deviation), missing(s.count, *expected, *diverged))
            }
            Self::Difference { difference: Some(d), p, expected, diverged } => {
                let mean = d.summary.mean;
                let interval = d.half.map_or("[–]".into(), |half| {
                    format!("[{}, {}]", signed(mean - half, decimals), signed(mean + half, decimals))
                });
                let p = p.map_or("–".into(), p_value);
                return vec![
                    signed(mean, decimals),
                    interval,
                    format!("p {p}{}", missing(d.summary.count, *expected, *diverged)),
                ];
            }
            Self::Figure { summary: None, expected, diverged }
            | Self::Difference { difference: None, expected, diverged, .. } => {
                if *diverged > 0 {
                    return vec!["diverged".into(), format!("({diverged} of {expected})")];
                }
                format!("– (0 of {expected})")
            }
            Self::Published(mean, None) => format!("{mean:.2}"),
            Self::Published(mean, Some(deviation)) => format!("{mean:.2} ± {deviation:.2}"),
            Self::Absent => "–".into(),
        };
        vec![one]
    }

    /// An element of a row; all but the first part on lines of their own.
    fn to_html(&self, class: &str, decimals: usize) -> String {
        let text = |part: &String| escape(part).replace('-', "−");
        let lines = self.lines(decimals);
        let more: String = lines.iter().skip(1).map(|part| format!(" <span class=\"more\">{}</span>", text(part))).collect();
        format!("<td{class}>{}{more}</td>", lines.first().map(text).unwrap_or_default())
    }
}

fn is_zero(value: f64, decimals: usize) -> bool {
    (value * 10f64.powi(decimals as i32)).round() == 0.0
}

fn plain_number(value: f64, decimals: usize) -> String {
    let value = if is_zero(value, decimals) { 0.0 } else { value };
    format!("{value:.decimals$}")
}

/// With a sign.
fn signed(value: f64, decimals: usize) -> String {
    if is_zero(value, decimals) { plain_number(value, decimals) } else { format!("{value:+.decimals$}") }
}

/// So many decimals that the largest of some figures has three digits, at least two.
pub fn decimals(figures: impl Iterator<Item = f64>) -> usize {
    let largest = figures.filter(|figure| figure.is_finite()).fold(0.0, |largest: f64, figure| largest.max(figure.abs()));
    if largest > 0.0 { (2.0 - largest.log10().floor()).clamp(2.0, 12.0) as usize } else { 2 }
}

/// Three decimals, or `<0.001`.
pub fn p_value(p: f64) -> String {
    if p < 0.001 { "<0.001".into() } else { format!("{p:.3}") }
}

/// Rows of cells under named columns.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportTable {
    /// What the figures are, with their unit.
    pub title: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Name and cells of each row.
    pub rows: Vec<(String, Vec<Cell>)>,
    /// Whether the last column is the mean of the others.
    pub mean: bool,
    /// Decimals of its figures.
    pub decimals: usize,
}

impl ReportTable {
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
        let row = |(name, cells): &(String, Vec<Cell>)| {
            [plain(name)].into_iter().chain(cells.iter().map(|cell| cell.text(self.decimals))).collect()
        };
        [head].into_iter().chain(self.rows.iter().map(row)).collect()
    }

    /// An HTML table.
    pub fn to_html(&self) -> String {
        // stays in view where the table is wider than the page
        let class = |i: usize| if self.mean && i + 1 == self.columns.len() { " class=\"mean\"" } else { "" };
        let head = |(i, name): (usize, &String)| format!("<th scope=\"col\"{}>{}</th>", class(i), escape(name));
        let head: String = self.columns.iter().enumerate().map(head).collect();
        let mut out = format!("<table>\n<caption><span>{}</span></caption>\n", escape(&self.title));
        out.push_str(&format!("<thead><tr><th scope=\"col\">name</th>{head}</tr></thead>\n<tbody>\n"));
        for (name, cells) in &self.rows {
            let cells: String = cells.iter().enumerate().map(|(i, cell)| cell.to_html(class(i), self.decimals)).collect();
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
        let cell = |values: &[f64], expected, diverged| Cell::Figure { summary: Summary::of(values), expected, diverged }.text(2);
        let text = |values: &[f64], expected| cell(values, expected, 0);
        assert_eq!(text(&[60.0, 62.0], 2), "61.00 ± 1.41");
        assert_eq!(text(&[60.0], 1), "60.00 ± –");
        assert_eq!(text(&[60.0, 62.0], 3), "61.00 ± 1.41 (2 of 3)");
        assert_eq!(text(&[], 3), "– (0 of 3)");
        assert_eq!(cell(&[60.0, 62.0], 4, 1), "61.00 ± 1.41 (2 of 4, 1 diverged)");
        assert_eq!(cell(&[], 3, 2), "diverged (2 of 3)");
        let text = |values: &[f64], expected, p| {
            Cell::Difference { difference: Difference::of(values), p, expected, diverged: 0 }.text(2)
        };
        assert_eq!(text(&[1.5, 1.5], 2, None), "+1.50 [+1.50, +1.50] p –");
        assert_eq!(text(&[-0.001], 1, None), "0.00 [–] p –");
        assert_eq!(text(&[0.0, 2.0, 4.0], 4, Some(0.0004)), "+2.00 [-2.97, +6.97] p <0.001 (3 of 4)");
        assert_eq!(
            [&[0.0][..], &[612.0], &[9.9, -12.0], &[0.93], &[0.0034], &[f64::NAN]].map(|of| decimals(of.iter().copied())),
            [2, 2, 2, 3, 5, 2]
        );
        assert_eq!(Cell::Published(55.06, None).text(2), "55.06");
    }
}
