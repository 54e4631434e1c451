//! The figures of the page: which quantities are drawn, over which runs, with which legend.

use std::collections::BTreeSet;

use super::curves::{Chart, Line, style};
use super::markup::escape;
use super::results::{BalanceResult, EpochResult};
use super::scale::Scale;
use super::{Comparison, confusion};

/// How a quantity over epochs is drawn.
#[derive(Clone, Copy)]
struct Quantity<'a> {
    heading: &'a str,
    axis: &'a str,
    /// Values that the axis shows in any case.
    include: &'static [f64],
    reference: Option<f64>,
}

/// Figures of balancers that are drawn in words, by name, with the factor on them; others go by their names.
const KNOWN: [(&str, f64, Quantity<'static>); 7] = [
    (
        "rho",
        1.0,
        Quantity {
            heading: "ρ, semantic ratio: above 1, the modality is ahead in classification",
            axis: "ρ",
            include: &[1.0],
            reference: Some(1.0),
        },
    ),
    (
        "sigma",
        1.0,
        Quantity {
            heading: "σ, domain ratio: above 1, the modality is ahead in domain invariance",
            axis: "σ",
            include: &[1.0],
            reference: Some(1.0),
        },
    ),
    (
        "k",
        1.0,
        Quantity { heading: "k, factor on the classification gradient", axis: "k", include: &[0.0, 1.0], reference: None },
    ),
    ("p", 1.0, Quantity { heading: "p, factor on the domain gradient", axis: "p", include: &[0.0, 1.0], reference: None }),
    (
        "conflict",
        100.0,
        Quantity {
            heading: "Steps with a conflict: the two gradients have a negative inner product",
            axis: "steps, %",
            include: &[0.0],
            reference: None,
        },
    ),
    (
        "cosine",
        1.0,
        Quantity {
            heading: "Cosine between the two gradients before projection",
            axis: "cosine",
            include: &[0.0],
            reference: Some(0.0),
        },
    ),
    (
        "projected",
        1.0,
        Quantity {
            heading: "Projected share: length of the removed part over length of the gradient",
            axis: "share",
            include: &[0.0],
            reference: None,
        },
    ),
];

/// What follows from two others that are drawn.
const NOT_DRAWN: [&str; 1] = ["gamma"];

/// Learning curves: a line for each entry, a chart for each task.
pub fn learning(runs: &Comparison) -> String {
    let labels: Vec<String> = runs.entries().iter().map(|c| c.label.clone()).collect();
    let mut out = legend(&labels);
    let Some(measure) = runs.metrics().first() else { return out };
    let nats = if runs.runs().any(|run| !run.classes.is_empty()) { "loss, nats" } else { "loss" };
    let [train, validation] = ["Training", "Source-validation"].map(|rows| format!("{rows} {}", measure.title));
    let axis = measure.axis();
    let of_score = |heading| Quantity { heading, axis: &axis, include: &[], reference: None };
    type OfEpoch<'m> = &'m dyn Fn(&EpochResult) -> Option<f64>;
    let learning: [(Quantity<'_>, OfEpoch<'_>); 3] = [
        (Quantity { heading: "Training loss", axis: nats, include: &[0.0], reference: None }, &|e| Some(e.train_loss)),
        (of_score(&train), &|e| Some(measure.shown(e.train_score))),
        (of_score(&validation), &|e| Some(measure.shown(e.on_validation(&measure.name)))),
    ];
    for (q, (quantity, value)) in learning.iter().enumerate() {
        let line = |t: usize, c: usize| Line::over(&runs.at(c, t), &labels[c], c, value);
        let lines = |t: usize| (0..labels.len()).map(|c| line(t, c)).filter(|line| line.runs > 0).collect();
        out.push_str(&charts(runs, &format!("learning-{q}"), quantity, &lines));
    }
    out
}

/// What a balancer saw and did, for each entry and figure that it has: a line for each modality, a chart for each task.
pub fn balance(runs: &Comparison) -> String {
    let mut out = String::new();
    for (c, entry) in runs.entries().iter().enumerate() {
        let of_entry = (0..runs.tasks().len()).flat_map(|t| runs.at(c, t)).flat_map(|run| &run.curve);
        let figures = of_entry.flat_map(|epoch| epoch.balance.values()).flat_map(BalanceResult::named);
        let names: BTreeSet<&str> = figures.map(|(name, _)| name).filter(|name| !NOT_DRAWN.contains(name)).collect();
        if !names.is_empty() {
            out.push_str(&format!("<h3>{}</h3>\n{}", escape(&entry.label), legend(&entry.modalities)));
        }
        let known = KNOWN.into_iter().filter(|(name, ..)| names.contains(name));
        let plain = |name| (name, 1.0, Quantity { heading: name, axis: name, include: &[], reference: None });
        let others = names.iter().copied().filter(|name| KNOWN.iter().all(|(known, ..)| known != name)).map(plain);
        for (q, (name, factor, quantity)) in known.chain(others).enumerate() {
            let line = |t: usize, m: usize| {
                let modality = &entry.modalities[m];
                let value = |e: &EpochResult| Some(factor * e.balance.get(modality)?.get(name)?);
                Line::over(&runs.at(c, t), modality, m, value)
            };
            let lines = |t: usize| (0..entry.modalities.len()).map(|m| line(t, m)).filter(|line| line.figures > 0).collect();
            out.push_str(&charts(runs, &format!("balance-{c}-{q}"), &quantity, &lines));
        }
    }
    out
}

/// A confusion matrix for each task and entry.
pub fn confusions(runs: &Comparison) -> String {
    let mut out = String::new();
    let most = confusion::most(runs.entries().len() * runs.tasks().len());
    for (t, task) in runs.tasks().iter().enumerate() {
        out.push_str(&format!("<h3>{}</h3>\n<div class=\"row\">\n", escape(&task.label)));
        for (c, entry) in runs.entries().iter().enumerate() {
            let mut here = runs.at(c, t);
            here.retain(|run| run.diverged.is_none());
            let Some(first) = here.first() else { continue };
            let matrix = confusion::sum(&here, first.classes.len());
            let title = if here.len() == runs.seeds().len() {
                entry.label.clone()
            } else {
                format!("{} ({} of {} seeds)", entry.label, here.len(), runs.seeds().len())
            };
            out.push_str(&confusion::draw(&format!("confusion-{c}-{t}"), &title, &first.classes, &matrix, most));
        }
        out.push_str("</div>\n");
    }
    out
}

/// One quantity, a chart for each task, all on one vertical scale.
fn charts(runs: &Comparison, id: &str, quantity: &Quantity<'_>, lines: &dyn Fn(usize) -> Vec<Line>) -> String {
    let lines: Vec<Vec<Line>> = (0..runs.tasks().len()).map(lines).collect();
    let scale = Scale::around(lines.iter().flatten().flat_map(Line::ends).chain(quantity.include.iter().copied()));
    let mut out = format!("<div class=\"figure\">\n<h4>{}</h4>\n<div class=\"charts\">\n", escape(quantity.heading));
    for (t, (task, lines)) in runs.tasks().iter().zip(&lines).enumerate() {
        let reference = quantity.reference;
        out.push_str(
            &Chart { id: format!("{id}-{t}"), title: &task.label, axis: quantity.axis, reference, scale: &scale, lines }.draw(),
        );
    }
    out.push_str("</div>\n");
    for (why, count) in [("Not finite", (|line| line.not_finite) as fn(&Line) -> usize), ("Too large", |line| line.too_large)] {
        let all = runs.tasks().iter().zip(&lines).flat_map(|(t, lines)| lines.iter().map(move |line| (&t.label, line)));
        let lost: Vec<String> = all
            .filter(|(_, line)| count(line) > 0)
            .map(|(t, line)| format!("{} on {t}, {} of {} figures", line.label, count(line), line.figures))
            .collect();
        if !lost.is_empty() {
            out.push_str(&format!("<p class=\"warning\">{why}, so not drawn: {}.</p>\n", escape(&lost.join("; "))));
        }
    }
    out + "</div>\n"
}

fn legend(labels: &[String]) -> String {
    let key = |(n, label): (usize, &String)| {
        let line = format!("<line class=\"line {}\" x1=\"0\" y1=\"5\" x2=\"34\" y2=\"5\"/>", style(n));
        format!("<span><svg width=\"34\" height=\"10\" aria-hidden=\"true\">{line}</svg> {}</span>", escape(label))
    };
    let keys: Vec<String> = labels.iter().enumerate().map(key).collect();
    format!("<p class=\"legend\">{}</p>\n", keys.join("\n"))
}
