//! The verbs that ask saved models: `predict` and `eval`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::arguments::SplitWord;
use super::world::{WELL, show};
use crate::error::Action;
use crate::manifest::{LabelSpace, Split};
use crate::measure::{Measure, Unit};
use crate::report::results::DomainResult;
use crate::store::Store;
use crate::task::Answer;
use crate::train::FeatureTable;
use crate::train::predict::{Examined, Fill, Lacking, Predictor};
use crate::{Error, Result, fs};

/// What a model has to do without.
#[derive(Debug, Default, Args)]
pub struct LackingArguments {
    /// A modality that no row is given; may be given several times
    #[arg(long = "drop", value_name = "NAME", requires = "fill")]
    pub drop: Vec<String>,
    /// What stands in for dropped modalities and for those that a row lacks [default: such rows are left out]
    #[arg(long)]
    pub fill: Option<Filling>,
    /// Take the shards of the store for what their records say, without hashing them
    #[arg(long)]
    pub trust: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Filling {
    /// Zeros as features, before they are standardised
    Zero,
    /// The mean of the rows that the model was trained on
    Mean,
    /// What the model makes of the modalities that are there, where its method learns that (sim-mmdg, moosa)
    Translate,
}

#[derive(Debug, Args)]
pub struct PredictArguments {
    /// A run's model.safetensors
    pub model: PathBuf,
    /// Folder of the feature store
    pub store: PathBuf,
    /// File to make, .csv or .npz: every row's id, truth, prediction and, of classes, probabilities
    pub out: PathBuf,
    #[command(flatten)]
    pub lacking: LackingArguments,
}

#[derive(Debug, Args)]
pub struct EvalArguments {
    /// A run's model.safetensors
    pub model: PathBuf,
    /// Folder of the feature store
    pub store: PathBuf,
    #[command(flatten)]
    pub lacking: LackingArguments,
    /// Only this domain; may be given several times
    #[arg(long = "domain", value_name = "NAME")]
    pub domains: Vec<String>,
    /// Only this split; may be given several times
    #[arg(long = "split")]
    pub splits: Vec<SplitWord>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

impl LackingArguments {
    fn lacking(&self) -> Lacking {
        let fill = self.fill.map(|fill| match fill {
            Filling::Zero => Fill::Zero,
            Filling::Mean => Fill::Mean,
            Filling::Translate => Fill::Translate,
        });
        Lacking { drop: self.drop.clone(), fill }
    }
}

/// What is to be asked, and about what.
fn open(model: &Path, store: &Path, trust: bool) -> Result<(Predictor, Store, FeatureTable)> {
    let predictor = Predictor::open(model)?;
    let store = Store::open(store)?.trusted(trust);
    let table = FeatureTable::from_store(&store)?;
    Ok((predictor, store, table))
}

pub fn predict(arguments: &PredictArguments) -> Result<i32> {
    let out = &arguments.out;
    let kind = out.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    if !matches!(kind.as_str(), "csv" | "npz") {
        return Err(Error::Usage(format!("{}: the name tells no format; expected .csv or .npz", out.display())));
    }
    if std::fs::symlink_metadata(out).is_ok() {
        return Err(Error::input(out.display(), "this is there already; expected the name of a new file"));
    }
    let (predictor, store, table) = open(&arguments.model, &arguments.store, arguments.lacking.trust)?;
    let said = predictor.predict(&table, &arguments.lacking.lacking())?;
    let (labels, classes) = (&predictor.card()?.labels, predictor.card()?.labels.classes());
    let failed = |error: &dyn std::fmt::Display| Error::io(Action::Write, out)(std::io::Error::other(error.to_string()));
    if kind == "npz" {
        return npz(out, labels, &store, &said).map(|()| WELL);
    }
    let mut csv = csv::Writer::from_writer(Vec::new());
    let truth = if table.classes().is_empty() { "value" } else { "class" };
    let head = ["id", "domain", "split", truth, "predicted"].map(String::from);
    let head = head.into_iter().chain(classes.iter().map(|class| format!("p({class})")));
    csv.write_record(head).map_err(|error| failed(&error))?;
    for (row, (segment, said)) in store.manifest().segments.iter().zip(&said).enumerate() {
        let label = table.labels().text(row);
        let names = [&table.domains()[segment.domain], segment.split.name(), &label];
        let mut line: Vec<String> = std::iter::once(segment.id.as_str()).chain(names).map(String::from).collect();
        match said {
            Some(said) => {
                line.push(match said.predicted {
                    Some(Answer::Class(place)) => classes.get(place).cloned().unwrap_or_default(),
                    Some(Answer::Value(value)) => value.to_string(),
                    None => String::new(),
                });
                line.extend(said.probabilities.iter().map(f64::to_string));
            }
            None => line.resize(line.len() + 1 + classes.len(), String::new()),
        }
        csv.write_record(&line).map_err(|error| failed(&error))?;
    }
    let bytes = csv.into_inner().map_err(|error| failed(&error))?;
    fs::write(out, &bytes)?;
    Ok(WELL)
}

/// `ids`, `class_names`, `predicted` (−1 where there is none) and `probabilities` [rows, classes] (not a number there); of values `ids`,
/// `label_unit` and `predicted` (not a number where there is none).
#[cfg(feature = "exchange")]
fn npz(out: &Path, labels: &LabelSpace, store: &Store, said: &[Option<crate::train::predict::Said>]) -> Result<()> {
    use std::io::Write;

    use crate::npy::{ArchiveWriter, Element, Header};
    let mut archive = ArchiveWriter::new(fs::Stream::create(out)?);
    let mut array = |name: &str, element: Element, shape: Vec<u64>, bytes: &[u8]| {
        archive
            .start(name, &Header::new(element, shape))
            .and_then(|to| to.write_all(bytes))
            .map_err(Error::io(Action::Write, out))
    };
    let (rows, count) = (said.len() as u64, labels.classes().len() as u64);
    let ids: Vec<&str> = store.manifest().segments.iter().map(|segment| segment.id.as_str()).collect();
    let names = match labels {
        LabelSpace::Classes(names) => ("class_names", names.iter().map(String::as_str).collect()),
        LabelSpace::Values { unit } => ("label_unit", vec![unit.as_str()]),
    };
    for (name, texts) in [("ids", ids), names] {
        let width = texts.iter().map(|text| text.chars().count()).max().unwrap_or_default().max(1);
        let points = |text: &&str| text.chars().map(u32::from).chain(std::iter::repeat(0)).take(width).collect::<Vec<_>>();
        let bytes: Vec<u8> = texts.iter().flat_map(points).flat_map(u32::to_le_bytes).collect();
        array(name, Element::Unicode(width as u64), vec![texts.len() as u64], &bytes)?;
    }
    let predicted = said.iter().map(|said| said.as_ref().and_then(|said| said.predicted));
    if let LabelSpace::Values { .. } = labels {
        let values = predicted.map(|answer| answer.and_then(Answer::value).unwrap_or(f64::NAN));
        array("predicted", Element::Float(8), vec![rows], &values.flat_map(f64::to_le_bytes).collect::<Vec<_>>())?;
    } else {
        let places = predicted.map(|answer| answer.and_then(Answer::class).map_or(-1, |class| class as i64));
        array("predicted", Element::Int(8), vec![rows], &places.flat_map(i64::to_le_bytes).collect::<Vec<_>>())?;
        let none = vec![f64::NAN; count as usize];
        let probabilities = said.iter().flat_map(|said| said.as_ref().map_or(&none, |said| &said.probabilities));
        let bytes: Vec<u8> = probabilities.flat_map(|p| p.to_le_bytes()).collect();
        array("probabilities", Element::Float(8), vec![rows, count], &bytes)?;
    }
    archive.finish().map_err(Error::io(Action::Write, out))?.publish()
}

#[cfg(not(feature = "exchange"))]
fn npz(out: &Path, _: &LabelSpace, _: &Store, _: &[Option<crate::train::predict::Said>]) -> Result<()> {
    let problem = format!("{}: this build writes no .npz", out.display());
    Err(Error::environment(problem, "build with the feature exchange, or write a .csv"))
}

pub fn eval(arguments: &EvalArguments) -> Result<i32> {
    let (predictor, _, table) = open(&arguments.model, &arguments.store, arguments.lacking.trust)?;
    if let Some(name) = arguments.domains.iter().find(|name| !table.domains().contains(name)) {
        let problem = format!("no domain {name:?}; expected one of {}", table.domains().join(", "));
        return Err(Error::input(arguments.store.display(), problem));
    }
    let splits: Vec<Split> = arguments.splits.iter().copied().map(Split::from).collect();
    let wanted = |row: usize| {
        (arguments.domains.is_empty() || arguments.domains.contains(&table.domains()[table.domain()[row]]))
            && (splits.is_empty() || splits.contains(&table.split()[row]))
    };
    let lacking = arguments.lacking.lacking();
    let found = predictor.examine(&table, &lacking, wanted)?;
    if arguments.json {
        let json = serde_json::json!({
            "model": arguments.model.to_string_lossy(),
            "store": arguments.store.to_string_lossy(),
            "dropped": lacking.drop,
            "fill": lacking.fill,
            "left_out": found.left_out,
            "metrics": found.metrics,
            "all": found.all,
            "domains": found.domains,
        });
        show(format_args!("{json:#}\n"))?;
    } else {
        show(format_args!("{}", table_of(&found)))?;
    }
    Ok(WELL)
}

/// A line for each domain and split, then one for all rows.
fn table_of(found: &Examined) -> String {
    let heads: Vec<&String> = found.all.heads.keys().collect();
    let mut lines = vec![["domain", "split", "rows"].map(String::from).to_vec()];
    lines[0].extend(found.metrics.iter().map(Measure::axis));
    let share = found.metrics.first().is_some_and(|measure| measure.unit == Unit::Share);
    lines[0].extend(share.then(|| "ECE, %".to_owned()));
    let alone = found.metrics.first().map(|measure| measure.axis().split_off(measure.title.len())).unwrap_or_default();
    lines[0].extend(heads.iter().map(|name| format!("{name} alone{alone}")));
    let percent = |share: f64| format!("{:.2}", 100.0 * share);
    let shown =
        |measure: &Measure, figure: f64| if measure.unit == Unit::Share { percent(figure) } else { format!("{figure:.4}") };
    for row in found.domains.iter().chain([&found.all]) {
        let DomainResult { domain, part, rows, metrics, calibration, heads, .. } = row;
        let mut line = vec![domain.clone(), part.clone(), rows.to_string()];
        line.extend(found.metrics.iter().map(|of| shown(of, metrics.get(&of.name).copied().unwrap_or(f64::NAN))));
        line.extend(share.then(|| calibration.as_ref().map_or("–".into(), |calibration| percent(calibration.ece))));
        line.extend(found.metrics.first().into_iter().flat_map(|of| heads.values().map(|score| shown(of, *score))));
        lines.push(line);
    }
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..lines[0].len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let (domain, part) = (&line[0], &line[1]);
        text += &format!("{domain:<0$}   {part:<1$}", widths[0], widths[1]);
        line.iter().zip(&widths).skip(2).for_each(|(cell, width)| text += &format!("   {cell:>width$}"));
        text.push('\n');
    }
    if found.left_out > 0 {
        text += &format!("{} rows lack a modality and are left out.\n", found.left_out);
    }
    text
}
