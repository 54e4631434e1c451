//! `methods`: what may stand in a column of a comparison.

use std::fmt::Write;

use crate::balance::{BALANCERS, Range, Setting};
use crate::method::METHODS;

/// Every method and balancer, with all that may be set of it.
pub fn methods() -> String {
    let mut text = String::from("method = what is trained\n");
    for method in METHODS {
        let _ = writeln!(text, "  {:<18} {}", method.name, method.about);
    }
    text += "\nbalance = how objectives' gradients meet, with its settings: default, what it may be, source\n";
    for entry in BALANCERS {
        let _ = writeln!(text, "  {:<18} {}", entry.name, entry.about);
        for Setting { name, about, range, only } in entry.takes {
            let (default, range) = match range {
                Range::Number { default, least, most, .. } if most.is_infinite() => {
                    (default.to_string(), format!("{least} or more"))
                }
                Range::Number { default, least, most, .. } => (default.to_string(), format!("{least} to {most}")),
                Range::Word(words) => (words.first().copied().unwrap_or_default().to_owned(), words.join(" | ")),
            };
            let only = only.map(|(key, word)| format!(" (with {key} = {word})")).unwrap_or_default();
            let _ = writeln!(text, "    {:<16} {default} [{range}] {about}{only}", name);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_balancer_and_every_setting_is_there() {
        let text = methods();
        for entry in BALANCERS {
            assert!(text.contains(&format!("\n  {:<18} {}\n", entry.name, entry.about)), "{}", entry.name);
            assert!(entry.takes.iter().all(|setting| text.contains(setting.about)), "{}", entry.name);
        }
    }
}
