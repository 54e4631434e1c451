//! A bar with rate and time left, where somebody looks at the terminal.

use std::time::Instant;

use super::world::tell;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The bar of one verb, and its closing line.
pub struct Bar {
    bar: ProgressBar,
    verb: &'static str,
    start: Instant,
    quiet: bool,
}

impl Bar {
    /// A bar that counts `unit`s. Nothing is drawn where the terminal is none or `quiet` is set.
    pub fn new(verb: &'static str, unit: &'static str, quiet: bool) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(None, target);
        let template = format!("{{msg}} {{wide_bar}} {{pos}}/{{len}} {unit}, {{per_sec}}, {{eta}} left");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        bar.set_message(verb);
        Self { bar, verb, start: Instant::now(), quiet }
    }

    /// Shows how far it is. What an earlier run left does not count into the rate.
    pub fn show(&self, done: usize, total: usize) {
        if self.bar.length().is_none() {
            self.bar.set_position(done as u64);
            self.bar.reset_eta();
        }
        self.bar.set_length(total as u64);
        self.bar.set_position(done as u64);
    }

    /// Replaces the bar by one line that stays.
    pub fn finish(self, what: &str) {
        self.bar.finish_and_clear();
        if !self.quiet {
            tell(format_args!("{}: {what} in {:.1} s", self.verb, self.start.elapsed().as_secs_f64()));
        }
    }
}
