//! The page: one file that needs nothing else.

use std::collections::BTreeSet;

use super::markup::escape;
use super::{Comparison, RunResult, figures, plane};
use crate::measure::{Measure, Unit};

const NOTES: &str = "<ul>
<li>Every figure comes from the runs of this page, but for those in the tables that say <em>Published</em>: these are what papers print, beside
runs on the papers' own data. Papers differ from each other, and from this program, by more than methods do: compare with the base of the same origin.</li>
<li>A run is trained on its source domains only. The epoch is chosen by the selection rule above, on rows of the sources; the target's
rows are used once, for the final figures of that epoch.</li>
<li>± is the sample standard deviation over seeds (divisor n − 1); one seed has none (–). It tells how far seeds differ, not how sure a
difference is.</li>
<li>The column <em>mean</em> averages over targets for each seed first; mean and deviation are then over seeds. Seeds that lack a target are
not in it.</li>
<li>A difference is taken between runs of the same target, seed, modalities and selection. The brackets hold Student's 95 % interval of its mean
over seeds, p is the two-sided p of the paired t test after Holm's correction over the names of one column. Seeds of one data set are all they speak of:
they do not tell what would happen on other data.</li>
<li>The base is the run of the same method with balance <em>none</em>. A balancer may add losses; where a name has exactly those losses and
leaves gradients as they are, the difference to it is given too.</li>
<li>The first of a run's metrics chooses its epoch, the highest accuracy or the lowest mean absolute error (MAE); of values the loss is that of labels
standardised by the run's training rows, all else is in the labels' unit.</li>
<li>Macro-F1 is the mean of the classes' F1 over the classes that stand among truths or predictions. The expected calibration error has 15 bins of equal
width of the largest probability. Heads are the run's own uni-modal heads, or linear probes trained beside it; other runs have none.</li>
<li>Where runs are missing, the count says how many seeds a figure stands on. A run whose loss was no longer a finite number has
<em>diverged</em>: it was stopped, and is in no mean and no test.</li>
<li>Runs that differ in anything but method, balancer, its settings, modalities, selection, task and seed are rows of their own, named by
what differs; no difference is taken between them.</li>
<li>Curves are means over seeds, bands go from the lowest to the highest seed, epochs count from 0. Figures that are not finite (null in
results.json) are left out of curves and said to be; figures that a balancer does not have are not drawn. Signals of a balancer are means over the steps of an epoch.</li>
<li>Confusion matrices are sums over seeds; a cell is shaded by its share of the row, so by recall on the diagonal. Where there are many
classes, neighbours in the list share a row and a column, and the most frequent confusions are named below.</li>
</ul>
";

/// The whole page.
pub fn page(runs: &Comparison) -> String {
    let style = include_str!("style.css");
    let count = runs.runs().count();
    let title = format!("Domain generalization: {count} {} compared", if count == 1 { "run" } else { "runs" });
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
    );
    out.push_str(&format!("<p class=\"lead\">{}</p>\n", escape(&runs.caption())));
    let class = if runs.missing().is_empty() { "lead" } else { "warning" };
    out.push_str(&format!("<p class=\"{class}\">{}</p>\n", escape(&runs.completeness())));
    for warning in runs.warnings() {
        out.push_str(&format!("<p class=\"warning\">{}</p>\n", escape(&warning)));
    }
    for table in runs.tables().into_iter().chain(runs.more_tables()) {
        let html = table.to_html().replacen("<table>", "<table class=\"figures\">", 1);
        out.push_str(&format!("<div class=\"wide\">\n{html}</div>\n"));
    }
    out.push_str("<h2>What was compared</h2>\n");
    out.push_str(&compared(runs));
    out.push_str(
        "<h2>Learning curves</h2>\n<p class=\"lead\">One chart for each target; the target itself is not in them.</p>\n",
    );
    out.push_str(&figures::learning(runs));
    let balance = figures::balance(runs);
    if !balance.is_empty() {
        out.push_str(&format!("<h2>Signals of the balancers</h2>\n{balance}"));
    }
    if runs.runs().any(|run| !run.classes.is_empty()) {
        out.push_str("<h2>Confusion matrices on the target</h2>\n");
        out.push_str(&figures::confusions(runs));
    }
    let plane = plane::figures(runs);
    if !plane.is_empty() {
        out.push_str("<h2>Embeddings</h2>\n<p class=\"lead\">t-SNE of the fused embeddings of validation and target rows, the first seed's. Neighbours mean something, distances do not.</p>\n");
        out.push_str(&plane);
    }
    out.push_str("<h2>All runs</h2>\n");
    out.push_str(&all(runs));
    out.push_str(&format!("<h2>How the figures are computed</h2>\n{NOTES}</body>\n</html>\n"));
    out
}

/// Names, tasks and settings.
fn compared(runs: &Comparison) -> String {
    let names = runs.entries().iter().enumerate().map(|(e, entry)| {
        let bases = [Some(runs.base(e)).filter(|base| *base != e), runs.base_of_losses(e)].into_iter().flatten();
        let bases: Vec<&str> = bases.map(|base| runs.entries()[base].label.as_str()).collect();
        let words = [&entry.label, &entry.method, &entry.balance].map(String::clone);
        words.into_iter().chain([entry.losses.join(", "), entry.modalities.join(" + "), bases.join(", ")]).collect()
    });
    let tasks = runs.tasks().iter().enumerate().map(|(t, task)| {
        let here: Vec<&RunResult> = (0..runs.entries().len()).flat_map(|e| runs.at(e, t)).collect();
        let sources = here.first().map(|run| run.sources.join(", ")).unwrap_or_default();
        let rows = |of: fn(&RunResult) -> usize| range(here.iter().map(|run| of(run)));
        let counts = [rows(|r| r.rows.train), rows(|r| r.rows.validation), rows(|r| r.rows.target)];
        let counts = counts.into_iter().chain([rows(|r| r.rows.left_out), rows(|r| r.rows.masked)]);
        [task.label.clone(), sources].into_iter().chain(counts).collect()
    });
    let seeds: Vec<String> = runs.seeds().iter().map(u64::to_string).collect();
    let selection: BTreeSet<&str> = runs.runs().map(|run| run.selection.as_str()).collect();
    let selection = selection.into_iter().collect::<Vec<_>>().join(", ");
    let settings = [
        vec!["seeds".into(), seeds.join(", ")],
        vec!["selection of the epoch".into(), selection],
        vec!["epochs".into(), range(runs.runs().map(|run| run.epochs))],
    ];
    let mut out = table("words", &["name", "method", "gradients", "losses", "modalities", "compared with"], names);
    let head =
        ["target", "sources", "training rows", "validation rows", "target rows", "rows left out", "rows without a modality"];
    out.push_str(&table("words", &head, tasks));
    out.push_str(&table("words", &["setting", "value"], settings));
    out
}

/// Each run's own figures.
fn all(runs: &Comparison) -> String {
    let percent = |share: f64| format!("{:.2}", 100.0 * share);
    let has_ece = runs.runs().any(|run| !run.classes.is_empty());
    let rows = runs.rows().map(|(entry, task, run)| {
        let on_target = run.on_target();
        let shown = |measure: &Measure, figure: f64| {
            let text = if measure.unit == Unit::Share { percent(figure) } else { format!("{figure:.4}") };
            if figure.is_finite() { text } else { "–".into() }
        };
        let more = runs.metrics().iter().skip(1).map(|measure| {
            let figure = on_target.and_then(|domain| domain.metrics.get(&measure.name));
            figure.map_or("–".into(), |figure| shown(measure, *figure))
        });
        let ece = on_target.and_then(|domain| Some(percent(domain.calibration.as_ref()?.ece)));
        let ece = has_ece.then(|| ece.unwrap_or("–".into()));
        let scores = [run.target_score, run.source_validation_score].map(|figure| shown(run.measure(), figure));
        let figures = scores.into_iter().chain(more).chain(ece);
        let epoch = match (run.diverged, run.selected_epoch) {
            (Some(epoch), _) => format!("diverged in {epoch}"),
            (None, epoch) => epoch.map_or("–".into(), |epoch| epoch.to_string()),
        };
        let figures = figures.chain([epoch]);
        [entry.label.clone(), task.label.clone(), run.seed.to_string()].into_iter().chain(figures).collect()
    });
    let mut head = ["name", "target", "seed"].map(String::from).to_vec();
    for (i, measure) in runs.metrics().iter().enumerate() {
        head.push(format!("target {}", measure.axis()));
        head.extend((i == 0).then(|| format!("source-validation {}", measure.axis())));
    }
    head.extend(has_ece.then(|| "target ECE, %".to_owned()));
    head.push("selected epoch".into());
    table("small", &head.iter().map(String::as_str).collect::<Vec<_>>(), rows)
}

/// `12`, or `12 to 15` where runs differ.
fn range(values: impl Iterator<Item = usize>) -> String {
    let values: BTreeSet<usize> = values.collect();
    match (values.first(), values.last()) {
        (Some(low), Some(high)) if low != high => format!("{low} to {high}"),
        (Some(one), _) => one.to_string(),
        _ => "–".into(),
    }
}

fn table(class: &str, head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let head: String = head.iter().map(|h| format!("<th scope=\"col\">{}</th>", escape(h))).collect();
    let mut out = format!("<div class=\"wide\">\n<table class=\"{class}\">\n<thead><tr>{head}</tr></thead>\n<tbody>\n");
    for row in rows {
        let cells: String = row.iter().map(|cell| format!("<td>{}</td>", escape(cell))).collect();
        out.push_str(&format!("<tr>{cells}</tr>\n"));
    }
    out + "</tbody>\n</table>\n</div>\n"
}
