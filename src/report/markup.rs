//! Text on its way into HTML and SVG.

/// `text` as it may stand in an element or a quoted attribute. Control characters, which no page may hold, become �.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(visible(c)),
        }
    }
    out
}

/// `text` as it may stand on a terminal: no control characters, so no escape sequences.
pub fn plain(text: &str) -> String {
    text.chars().map(visible).collect()
}

fn visible(c: char) -> char {
    if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
        '\u{fffd}'
    } else {
        c
    }
}

/// The first `length` characters, with … where there are more.
pub fn shorten(text: &str, length: usize) -> String {
    match text.char_indices().nth(length) {
        None => text.to_owned(),
        Some(_) => text.chars().take(length.saturating_sub(1)).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_open_a_tag_or_close_a_quote_is_escaped() {
        assert_eq!(escape("<b a=\"'\">&\u{1b}"), "&lt;b a=&quot;&#39;&quot;&gt;&amp;\u{fffd}");
        assert_eq!(plain("a\u{1b}[2J\n"), "a\u{fffd}[2J\u{fffd}");
        assert_eq!((shorten("opening", 7), shorten("opening", 4)), ("opening".into(), "ope…".into()));
    }
}
