//! The figures of the page: which quantities are drawn, over which runs, with which legend.

use super::curves::{Chart, Line, style};
use super::markup::escape;
use super::results::{BalanceResult, EpochResult};
use super::scale::Scale;
use super::{Comparison, confusion};

/// A quantity over epochs.
struct Quantity<E> {
    heading: &'static str,
    axis: &'static str,
    /// None where there is no such figure.
    value: fn(&E) -> Option<f64>,
    /// Values that the axis shows in any case.
    include: &'static [f64],
    reference: Option<f64>,
}

const LEARNING: [Quantity<EpochResult>; 3] = [
    Quantity { heading: "Training loss", axis: "loss, nats", value: |e| Some(e.train_loss), include: &[0.0], reference: None },
    Quantity {
        heading: "Training accuracy",
        axis: "accuracy, %",
        value: |e| Some(100.0 * e.train_accuracy),
        include: &[],
        reference: None,
    },
    Quantity {
        heading: "Source-validation accuracy",
        axis: "accuracy, %",
        value: |e| Some(100.0 * e.validation_accuracy),
        include: &[],
        reference: None,
    },
];

const BALANCE: [Quantity<BalanceResult>; 7] = [
    Quantity {
        heading: "ρ, semantic ratio: above 1, the modality is ahead in classification",
        axis: "ρ",
        value: |b| b.rho,
        include: &[1.0],
        reference: Some(1.0),
    },
    Quantity {
        heading: "σ, domain ratio: above 1, the modality is ahead in domain invariance",
        axis: "σ",
        value: |b| b.sigma,
        include: &[1.0],
        reference: Some(1.0),
    },
    Quantity {
        heading: "k, factor on the classification gradient",
        axis: "k",
        value: |b| b.k,
        include: &[0.0, 1.0],
        reference: None,
    },
    Quantity { heading: "p, factor on the domain gradient", axis: "p", value: |b| b.p, include: &[0.0, 1.0], reference: None },
    Quantity {
        heading: "Steps with a conflict: the two gradients have a negative inner product",
        axis: "steps, %",
        value: |b| Some(100.0 * b.conflict?),
        include: &[0.0],
        reference: None,
    },
    Quantity {
        heading: "Cosine between the two gradients before projection",
        axis: "cosine",
        value: |b| b.cosine,
        include: &[0.0],
        reference: Some(0.0),
    },
    Quantity {
        heading: "Projected share: length of the removed part over length of the gradient",
        axis: "share",
        value: |b| b.projected,
        include: &[0.0],
        reference: None,
    },
];

/// Learning curves: a line for each entry, a chart for each task.
pub fn learning(runs: &Comparison) -> String {
    let labels: Vec<String> = runs.entries().iter().map(|c| c.label.clone()).collect();
    let mut out = legend(&labels);
    for (q, quantity) in LEARNING.iter().enumerate() {
        let line = |t: usize, c: usize| Line::over(&runs.at(c, t), &labels[c], c, quantity.value);
        let lines = |t: usize| (0..labels.len()).map(|c| line(t, c)).filter(|line| line.runs > 0).collect();
        out.push_str(&charts(runs, &format!("learning-{q}"), quantity, &lines));
    }
    out
}

/// What a balancer saw and did, for each entry and figure that it has: a line for each modality, a chart for each task.
pub fn balance(runs: &Comparison) -> String {
    let mut out = String::new();
    for (c, entry) in runs.entries().iter().enumerate() {
        let of_entry = || (0..runs.tasks().len()).flat_map(|t| runs.at(c, t)).flat_map(|run| &run.curve);
        let has = |quantity: &Quantity<BalanceResult>| {
            of_entry().flat_map(|epoch| epoch.balance.values()).any(|balance| (quantity.value)(balance).is_some())
        };
        if BALANCE.iter().any(has) {
            out.push_str(&format!("<h3>{}</h3>\n{}", escape(&entry.label), legend(&entry.modalities)));
        }
        for (q, quantity) in BALANCE.iter().enumerate().filter(|(_, quantity)| has(quantity)) {
            let of = |modality: &String| {
                let modality = modality.clone();
                move |e: &EpochResult| e.balance.get(&modality).and_then(quantity.value)
            };
            let line = |t: usize, m: usize| Line::over(&runs.at(c, t), &entry.modalities[m], m, of(&entry.modalities[m]));
            let lines = |t: usize| (0..entry.modalities.len()).map(|m| line(t, m)).filter(|line| line.figures > 0).collect();
            out.push_str(&charts(runs, &format!("balance-{c}-{q}"), quantity, &lines));
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
fn charts<E>(runs: &Comparison, id: &str, quantity: &Quantity<E>, lines: &dyn Fn(usize) -> Vec<Line>) -> String {
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
