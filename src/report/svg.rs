//! As much of SVG as the figures need. Colours are left to classes, so that the page's style can follow light and dark.

use super::markup::escape;

/// A drawing that grows element by element; x runs right, y down, in pixels.
#[derive(Debug)]
pub struct Svg {
    head: String,
    body: String,
}

/// Which end of a text its place names.
#[derive(Debug, Clone, Copy)]
pub enum Anchor {
    /// The first letter.
    Start,
    /// The middle.
    Middle,
    /// The last letter.
    End,
}

impl Svg {
    /// An empty drawing. `id` is unique in the page; `title` and `description` are what a screen reader tells.
    pub fn new(id: &str, size: (f64, f64), title: &str, description: &str) -> Self {
        let (width, height) = (number(size.0), number(size.1));
        let head = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
             role=\"img\" aria-labelledby=\"{id}-t {id}-d\">\n<title id=\"{id}-t\">{}</title>\n<desc id=\"{id}-d\">{}</desc>\n",
            escape(title),
            escape(description)
        );
        Self { head, body: String::new() }
    }

    /// A straight line.
    pub fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(number);
        self.body.push_str(&format!("<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>\n"));
    }

    /// A line through `points`.
    pub fn polyline(&mut self, class: &str, points: &[(f64, f64)]) {
        self.body.push_str(&format!("<polyline class=\"{class}\" points=\"{}\"/>\n", list(points)));
    }

    /// A closed area.
    pub fn polygon(&mut self, class: &str, points: &[(f64, f64)]) {
        self.body.push_str(&format!("<polygon class=\"{class}\" points=\"{}\"/>\n", list(points)));
    }

    /// A dot of radius 2.
    pub fn dot(&mut self, class: &str, (x, y): (f64, f64)) {
        self.body.push_str(&format!("<circle class=\"{class}\" cx=\"{}\" cy=\"{}\" r=\"2\"/>\n", number(x), number(y)));
    }

    /// A rectangle filled to `opacity` in [0, 1], with a `tip` that shows under the pointer.
    pub fn rect(&mut self, class: &str, (x, y): (f64, f64), (width, height): (f64, f64), opacity: f64, tip: &str) {
        let [x, y, width, height, opacity] = [x, y, width, height, opacity].map(number);
        let tip = escape(tip);
        self.body.push_str(&format!(
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill-opacity=\"{opacity}\"><title>{tip}</title></rect>\n"
        ));
    }

    /// A text with its base line at `at`, turned by `degrees` around that place.
    pub fn text(&mut self, class: &str, at: (f64, f64), anchor: Anchor, degrees: f64, text: &str) {
        let (x, y) = (number(at.0), number(at.1));
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let turn = if degrees == 0.0 { String::new() } else { format!(" transform=\"rotate({} {x} {y})\"", number(degrees)) };
        let text = escape(text);
        self.body
            .push_str(&format!("<text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\"{turn}>{text}</text>\n"));
    }

    /// The element.
    pub fn finish(self) -> String {
        format!("{}{}</svg>\n", self.head, self.body)
    }
}

/// At most two decimals, no trailing zeros, never `-0`, `NaN` or `inf`.
fn number(value: f64) -> String {
    let text = format!("{:.2}", if value.is_finite() { value } else { 0.0 });
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

fn list(points: &[(f64, f64)]) -> String {
    points.iter().map(|&(x, y)| format!("{},{}", number(x), number(y))).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_finite() {
        let texts = [1.0, 0.126, -0.001, f64::NAN, 100.0, -2.5].map(number);
        assert_eq!(texts, ["1", "0.13", "0", "0", "100", "-2.5"]);
    }
}
