//! The tables for a paper: LaTeX with the packages booktabs and graphicx, in UTF-8.

use super::comparison::Comparison;
use super::table::ReportTable;

/// Every table of a terminal as a `table` environment. A comment at the head says which packages it takes, and where a name has
/// letters that pdflatex does not know, what to compile it with.
pub fn text(runs: &Comparison<'_>) -> String {
    let lines = [runs.caption(), runs.completeness()].into_iter().chain(runs.warnings());
    let note = escape(&lines.collect::<Vec<_>>().join(" "));
    let tables: String = runs.tables().iter().map(|table| environment(table, &note)).collect();
    let mut head = String::from("% \\usepackage{booktabs,graphicx}\n% \\usepackage[T1]{fontenc} with pdflatex\n");
    let mut foreign: Vec<char> = tables.chars().filter(|c| !is_known(*c)).collect();
    foreign.sort_unstable();
    foreign.dedup();
    if !foreign.is_empty() {
        let some: Vec<String> = foreign.iter().take(10).map(|c| format!("{c} (U+{:04X})", *c as u32)).collect();
        head += &format!(
            "% Compile with lualatex, and \\usepackage{{fontspec}} with a font that has them: pdflatex does not know {}\n",
            some.join(", ")
        );
    }
    head + &tables
}

/// Whether pdflatex knows a letter by itself, with the fonts of T1.
fn is_known(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{17f}' | '‘'..='‚' | '“'..='„' | '…')
        && !matches!(c, 'Ħ' | 'ħ' | 'Ŧ' | 'ŧ' | 'ĸ' | 'Ŀ' | 'ŀ' | 'ŉ' | 'ſ')
}

fn environment(table: &ReportTable, note: &str) -> String {
    let head: String = table.columns.iter().map(|name| format!(" & {}", escape(name))).collect();
    let mut out = format!(
        "\n\\begin{{table}}\n\\centering\n\\caption{{{}. {note}}}\n\\resizebox{{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}}{{!}}{{%\n\
         \\begin{{tabular}}{{l{}}}\n\\toprule\n{head} \\\\\n\\midrule\n",
        escape(&table.title),
        "r".repeat(table.columns.len())
    );
    for (name, cells) in &table.rows {
        let cells: String =
            cells.iter().map(|cell| format!(" & {}", escape(&cell.text(table.decimals).replace('-', "−")))).collect();
        out.push_str(&format!("{}{cells} \\\\\n", escape(name)));
    }
    out + "\\bottomrule\n\\end{tabular}}\n\\end{table}\n"
}

/// Greek letters as mathematics has them; those that look like Latin ones are these.
const GREEK: [(char, &str); 50] = [
    ('α', "\\alpha"),
    ('β', "\\beta"),
    ('γ', "\\gamma"),
    ('δ', "\\delta"),
    ('ε', "\\varepsilon"),
    ('ζ', "\\zeta"),
    ('η', "\\eta"),
    ('θ', "\\theta"),
    ('ι', "\\iota"),
    ('κ', "\\kappa"),
    ('λ', "\\lambda"),
    ('μ', "\\mu"),
    ('µ', "\\mu"),
    ('ν', "\\nu"),
    ('ξ', "\\xi"),
    ('ο', "o"),
    ('π', "\\pi"),
    ('ρ', "\\rho"),
    ('σ', "\\sigma"),
    ('ς', "\\varsigma"),
    ('τ', "\\tau"),
    ('υ', "\\upsilon"),
    ('φ', "\\varphi"),
    ('χ', "\\chi"),
    ('ψ', "\\psi"),
    ('ω', "\\omega"),
    ('Α', "\\mathrm{A}"),
    ('Β', "\\mathrm{B}"),
    ('Γ', "\\Gamma"),
    ('Δ', "\\Delta"),
    ('Ε', "\\mathrm{E}"),
    ('Ζ', "\\mathrm{Z}"),
    ('Η', "\\mathrm{H}"),
    ('Θ', "\\Theta"),
    ('Ι', "\\mathrm{I}"),
    ('Κ', "\\mathrm{K}"),
    ('Λ', "\\Lambda"),
    ('Μ', "\\mathrm{M}"),
    ('Ν', "\\mathrm{N}"),
    ('Ξ', "\\Xi"),
    ('Ο', "\\mathrm{O}"),
    ('Π', "\\Pi"),
    ('Ρ', "\\mathrm{P}"),
    ('Σ', "\\Sigma"),
    ('Τ', "\\mathrm{T}"),
    ('Υ', "\\Upsilon"),
    ('Φ', "\\Phi"),
    ('Χ', "\\mathrm{X}"),
    ('Ψ', "\\Psi"),
    ('Ω', "\\Omega"),
];

/// Greek letters with an accent: the letter and mathematics' accent.
const ACCENTED: [(char, char, &str); 16] = [
    ('ά', 'α', "\\acute"),
    ('έ', 'ε', "\\acute"),
    ('ή', 'η', "\\acute"),
    ('ί', 'ι', "\\acute"),
    ('ό', 'ο', "\\acute"),
    ('ύ', 'υ', "\\acute"),
    ('ώ', 'ω', "\\acute"),
    ('ϊ', 'ι', "\\ddot"),
    ('ϋ', 'υ', "\\ddot"),
    ('Ά', 'Α', "\\acute"),
    ('Έ', 'Ε', "\\acute"),
    ('Ή', 'Η', "\\acute"),
    ('Ί', 'Ι', "\\acute"),
    ('Ό', 'Ο', "\\acute"),
    ('Ύ', 'Υ', "\\acute"),
    ('Ώ', 'Ω', "\\acute"),
];

/// Accents that stand after their letter, as file names of some systems have them, and LaTeX's command.
const COMBINING: [(char, &str); 13] = [
    ('\u{300}', "`"),
    ('\u{301}', "'"),
    ('\u{302}', "^"),
    ('\u{303}', "~"),
    ('\u{304}', "="),
    ('\u{306}', "u"),
    ('\u{307}', "."),
    ('\u{308}', "\""),
    ('\u{30a}', "r"),
    ('\u{30b}', "H"),
    ('\u{30c}', "v"),
    ('\u{327}', "c"),
    ('\u{328}', "k"),
];

fn greek(c: char) -> Option<&'static str> {
    GREEK.iter().find(|(letter, _)| *letter == c).map(|(_, name)| *name)
}

/// `text` as it may stand in a paragraph. Control characters become a space.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(c) = letters.next() {
        let accent = letters.peek().and_then(|next| COMBINING.iter().find(|(mark, _)| mark == next));
        if let Some((_, command)) = accent.filter(|_| c.is_ascii_alphabetic()) {
            out.push_str(&format!("\\{command}{{{c}}}"));
            letters.next();
            continue;
        }
        if let Some(name) = greek(c) {
            out.push_str(&format!("${name}$"));
            continue;
        }
        if let Some((name, accent)) =
            ACCENTED.iter().find(|(letter, ..)| *letter == c).and_then(|(_, l, a)| Some((greek(*l)?, a)))
        {
            out.push_str(&format!("${accent}{{{name}}}$"));
            continue;
        }
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
        assert_eq!(escape("αέΝ"), "$\\alpha$$\\acute{\\varepsilon}$$\\mathrm{N}$");
        assert_eq!(escape("Zu\u{308}rich é"), "Z\\\"{u}rich é");
    }
}
