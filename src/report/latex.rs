//! The tables for a paper: LaTeX with the packages booktabs and graphicx, in UTF-8.

use super::comparison::Comparison;
use super::table::Table;

/// Every table of a terminal as a `table` environment.
pub fn text(runs: &Comparison<'_>) -> String {
    let mut out = String::from("% \\usepackage{booktabs,graphicx}\n");
    let note = escape(&format!("{} {}", runs.caption(), runs.completeness()));
    for table in runs.tables() {
        out.push_str(&environment(&table, &note));
    }
    out
}

fn environment(table: &Table, note: &str) -> String {
    let head: String = table.columns.iter().map(|name| format!(" & {}", escape(name))).collect();
    let mut out = format!(
        "\n\\begin{{table}}\n\\centering\n\\caption{{{}. {note}}}\n\\resizebox{{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}}{{!}}{{%\n\
         \\begin{{tabular}}{{l{}}}\n\\toprule\n{head} \\\\\n\\midrule\n",
        escape(&table.title),
        "r".repeat(table.columns.len())
    );
    for (name, cells) in &table.rows {
        let cells: String = cells.iter().map(|cell| format!(" & {}", escape(&cell.text().replace('-', "−")))).collect();
        out.push_str(&format!("{}{cells} \\\\\n", escape(name)));
    }
    out + "\\bottomrule\n\\end{tabular}}\n\\end{table}\n"
}

/// `text` as it may stand in a paragraph. Control characters become a space.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => out.extend(['\\', c]),
            '~' => out.push_str("\\textasciitilde{}"),
            '^' => out.push_str("\\textasciicircum{}"),
            '\\' => out.push_str("\\textbackslash{}"),
            '<' => out.push_str("\\textless{}"),
            '>' => out.push_str("\\textgreater{}"),
            '|' => out.push_str("\\textbar{}"),
            '"' => out.push_str("''"),
            '±' => out.push_str("$\\pm$"),
            '→' => out.push_str("$\\to$"),
            '–' => out.push_str("--"),
            // a bracket after \\ or \toprule would be read as its argument
            '[' => out.push_str("{[}"),
            ']' => out.push_str("{]}"),
            '−' => out.push_str("$-$"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_a_command() {
        assert_eq!(escape("a_b & 5 % {\\x}\n"), "a\\_b \\& 5 \\% \\{\\textbackslash{}x\\} ");
        assert_eq!(escape("+1.00 ± –"), "+1.00 $\\pm$ --");
    }
}
