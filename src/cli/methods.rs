//! `methods`: what may stand in a column of a comparison.

use std::fmt::Write;

use crate::balance::{BALANCERS, BalancerEntry};
use crate::hyperparameters::{Range, Setting};
use crate::method::{METHODS, MethodEntry};
use crate::train::Compare;
use crate::{Error, Result};

/// Every method and balancer, with all that may be set of it, and which go together.
pub fn all() -> String {
    let mut text = String::from("method = what is trained: its losses by role, heads and branch; then its settings\n");
    METHODS.iter().for_each(|method| text += &of_method(method));
    text += "\nbalance = how gradients of losses meet, with its settings: default, what it may be, source\n";
    BALANCERS.iter().for_each(|balancer| text += &of_balancer(balancer));
    text + "\n" + &pairs()
}

/// The same of one method or balancer.
///
/// # Errors
/// [`Error::Input`] for a name that neither has: those that there are.
pub fn one(name: &str) -> Result<String> {
    let method = METHODS.iter().find(|method| method.name == name).map(of_method);
    let balancer = || BALANCERS.iter().find(|balancer| balancer.name == name).map(of_balancer);
    method.or_else(balancer).ok_or_else(|| {
        let names = METHODS.iter().map(|method| method.name).chain(BALANCERS.iter().map(|balancer| balancer.name));
        Error::not_known(format_args!("methods {name:?}"), names)
    })
}

fn of_method(method: &MethodEntry) -> String {
    let mut text = format!("  {:<18} {}\n", method.name, method.about);
    for (role, heads, branches) in method.terms {
        let of = if heads.is_empty() { "embeddings".to_owned() } else { format!("heads {heads}.*") };
        let _ = writeln!(text, "    {:<18} {} loss of the {of}, branch {branches}", "", role.name());
    }
    if method.compares_domains() {
        let _ = writeln!(text, "    {:<18} compares source domains, of which it takes two or more; batches = by-domain", "");
    }
    text + &not_of_values(method.classes_only) + &settings(method.takes)
}

fn of_balancer(balancer: &BalancerEntry) -> String {
    format!("  {:<18} {}\n", balancer.name, balancer.about) + &not_of_values(balancer.classes_only) + &settings(balancer.takes)
}

fn not_of_values(classes_only: Option<&str>) -> String {
    classes_only.map(|reason| format!("    {:<18} not of values: {reason}\n", "")).unwrap_or_default()
}

fn settings(takes: &[Setting]) -> String {
    let mut text = String::new();
    for Setting { name, about, range, only } in takes {
        let (default, range) = match range {
            Range::Number { default, least, most, .. } if most.is_infinite() => (default.to_string(), format!("{least} or more")),
            Range::Number { default, least, most, .. } => (default.to_string(), format!("{least} to {most}")),
            Range::Word(words) => (words.first().copied().unwrap_or_default().to_owned(), words.join(" | ")),
        };
        let only = only.map(|(key, word)| format!(" (with {key} = {word})")).unwrap_or_default();
        let _ = writeln!(text, "    {name:<18} {default} [{range}] {about}{only}");
    }
    text
}

/// Which methods and balancers go together, and why the others do not.
fn pairs() -> String {
    let width = |name: &str| name.len().max(2);
    let mut text = format!("pairs, with settings by default: + trains, else the number of the reason\n  {:<18}", "");
    METHODS.iter().for_each(|method| text += &format!(" {}", method.name));
    let mut reasons: Vec<String> = Vec::new();
    for balancer in BALANCERS {
        let _ = write!(text, "\n  {:<18}", balancer.name);
        for method in METHODS {
            let pair = Compare { method: Some(method.name.into()), balance: Some(balancer.name.into()), ..Compare::default() };
            let mark = pair.conflict().map_or_else(
                || "+".to_owned(),
                |reason| {
                    let place = reasons.iter().position(|other| *other == reason).unwrap_or(reasons.len());
                    if place == reasons.len() {
                        reasons.push(reason);
                    }
                    (place + 1).to_string()
                },
            );
            let _ = write!(text, " {mark:<0$}", width(method.name));
        }
    }
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let reasons = reasons.iter().enumerate().map(|(i, reason)| format!("  {}  {reason}\n", i + 1));
    lines.join("\n") + "\n" + &reasons.collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_and_every_setting_is_there_and_so_is_why_a_pair_is_none() {
        let text = all();
        for (name, about, takes) in METHODS
            .iter()
            .map(|method| (method.name, method.about, method.takes))
            .chain(BALANCERS.iter().map(|balancer| (balancer.name, balancer.about, balancer.takes)))
        {
            assert!(text.contains(&format!("\n  {name:<18} {about}\n")), "{name}");
            assert!(takes.iter().all(|setting| text.contains(setting.about)), "{name}");
            assert!(one(name).unwrap().contains(about), "{name}");
        }
        assert!(text.contains("\n  1  both have heads named unimodal: their losses are the same\n"), "{text}");
        assert!(text.contains("\n  gradient-blending  +   1        +       +        1 "), "{text}");
        assert!(text.contains("do not go together: the size of a loss that encoders work against"), "{text}");
        assert!(one("gmpp").unwrap_err().to_string().contains("erm, unimodal"));
    }
}
