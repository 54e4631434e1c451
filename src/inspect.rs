//! The verb `inspect`: what is in a store.

use std::collections::BTreeMap;
use std::path::Path;

use rayon::prelude::*;
use serde::Serialize;

use crate::error::Code;
use crate::manifest::{LabelSpace, Manifest, Split};
use crate::modality::Kind;
use crate::provenance::{self, Provenance};
use crate::sample::Dtype;
use crate::store::Store;
use crate::store::header::{manifest, read_header};
use crate::store::layout::{Header, ModalityHeader, ShardRecord, read_json, shard_path};
use crate::{Error, Result};

/// What is in a store.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    /// `clips` or `features`.
    pub holds: String,
    /// Whether every shard is there; if not, all below is of those that are.
    pub whole: bool,
    /// Rows, failed ones included.
    pub rows: u64,
    /// S of the format.
    pub rows_per_shard: u64,
    /// Hash of the recipe.
    pub recipe_blake3: String,
    /// What its shards were made with: no part of the recipe.
    pub provenance: Provenance,
    /// Class names, or the unit of values.
    pub labels: LabelSpace,
    /// Rows by domain and split.
    pub domains: BTreeMap<String, BTreeMap<String, u64>>,
    /// Rows of which the manifest says where their media are, beside the recording's path, by kind.
    pub media: BTreeMap<&'static str, u64>,
    /// By name.
    pub modalities: BTreeMap<String, ModalityInspection>,
}

/// One modality.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModalityInspection {
    /// What it shows.
    pub kind: Kind,
    /// Element type.
    pub dtype: Dtype,
    /// Shape of a row.
    pub shape: Vec<u64>,
    /// Quality of the JPEGs that frames are stored as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jpeg: Option<u8>,
    /// Number of shards that are there.
    pub shards: u64,
    /// Number of shards of the whole store.
    pub shards_planned: u64,
    /// Size of all shards.
    pub bytes: u64,
    /// Rows that are there, by the commit records.
    pub valid: u64,
    /// Rows that failed, by code.
    pub failed: BTreeMap<Code, u64>,
    /// Of these, rows that the command which makes the store tries again: the cause lay outside their recording.
    pub retry: u64,
    /// Rows whose recording lacks the modality.
    pub absent: u64,
    /// Rows whose recording ends a little early.
    pub partial: u64,
    /// Rows by what made them.
    pub made_by: BTreeMap<String, u64>,
    /// Mean of all values of the rows that are there, where it was asked for: a quick check for readers in other languages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
}

/// Looks into the store at `folder`; one that is not whole yet is told apart. With `mean`, which only a whole store has, every value is
/// read.
///
/// # Errors
/// As [`Store::open`]; with `mean`, [`Error::Integrity`] for frames that cannot be decoded.
pub fn inspect(folder: &Path, mean: bool) -> Result<Inspection> {
    let (header, whole) = read_header(folder)?;
    if !whole && !mean {
        let manifest = manifest(folder, &header)?;
        let (mut modalities, mut made_with) = (BTreeMap::new(), Provenance::new());
        for modality in &header.modalities {
            let mut records = Vec::new();
            for shard in 0..header.shard_count() {
                let path = shard_path(folder, &modality.name, shard, "json");
                if path.is_file() {
                    let record: ShardRecord = read_json(&path)?;
                    if record.rows != header.shard_rows(shard) || !record.rows_fit() {
                        return Err(Error::integrity(
                            &path,
                            format!("it speaks of other rows than {:?}", header.shard_rows(shard)),
                        ));
                    }
                    records.push(record);
                }
            }
            records.iter().for_each(|record| provenance::add(&mut made_with, &record.provenance));
            modalities.insert(modality.name.clone(), look(&header, modality, records.iter()));
        }
        return Ok(told(&header, &manifest, whole, made_with, modalities));
    }
    let store = Store::open(folder)?;
    let mut modalities = BTreeMap::new();
    for modality in &store.header().modalities {
        let rows = store.modality(&modality.name)?;
        let mut found = look(&header, modality, rows.records());
        if mean {
            let valid: Vec<usize> = (0..store.len()).filter(|&row| rows.valid(row)).collect();
            let sum = if modality.jpeg.is_some() {
                let pixels = |&row: &usize| Ok(rows.data(row)?.iter().map(|&pixel| u64::from(pixel)).sum::<u64>());
                valid.par_iter().map(pixels).sum::<Result<u64>>()? as f64
            } else {
                valid.iter().map(|&row| rows.values(row).iter().map(|&value| f64::from(value)).sum::<f64>()).sum()
            };
            let count = valid.len() as u64 * modality.row_elements();
            found.mean = Some(if count == 0 { 0.0 } else { sum / count as f64 });
        }
        modalities.insert(modality.name.clone(), found);
    }
    Ok(told(store.header(), store.manifest(), whole, store.provenance(), modalities))
}

fn told(
    header: &Header,
    manifest: &Manifest,
    whole: bool,
    provenance: Provenance,
    modalities: BTreeMap<String, ModalityInspection>,
) -> Inspection {
    let mut domains: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for segment in &manifest.segments {
        let splits = domains.entry(manifest.domains[segment.domain].clone()).or_default();
        *splits.entry(segment.split.name().to_owned()).or_default() += 1;
    }
    let mut media: BTreeMap<&str, u64> = BTreeMap::new();
    for of in manifest.segments.iter().flat_map(|segment| segment.all_media()) {
        *media.entry(of.kind.name).or_default() += 1;
    }
    Inspection {
        holds: header.holds.clone(),
        whole,
        rows: header.rows,
        rows_per_shard: header.rows_per_shard,
        recipe_blake3: header.recipe_blake3.clone(),
        provenance,
        labels: header.labels.clone(),
        domains,
        media,
        modalities,
    }
}

/// What the records of a modality say.
fn look<'a>(header: &Header, modality: &ModalityHeader, records: impl Iterator<Item = &'a ShardRecord>) -> ModalityInspection {
    let mut found = ModalityInspection {
        kind: modality.kind,
        dtype: modality.dtype,
        shape: modality.shape.clone(),
        jpeg: modality.jpeg,
        shards: 0,
        shards_planned: header.shard_count(),
        bytes: 0,
        valid: 0,
        failed: BTreeMap::new(),
        retry: 0,
        absent: 0,
        partial: 0,
        made_by: BTreeMap::new(),
        mean: None,
    };
    for record in records {
        let [first, end] = record.rows;
        let missing = (record.failed.len() + record.absent.len()) as u64;
        found.shards += 1;
        found.bytes = found.bytes.saturating_add(record.bytes);
        found.valid += end.saturating_sub(first).saturating_sub(missing);
        found.absent += record.absent.len() as u64;
        found.partial += record.notes.len() as u64;
        for note in &record.failed {
            *found.failed.entry(note.code).or_default() += 1;
            found.retry += u64::from(note.retry);
        }
        for (name, ranges) in &record.made_by {
            let rows: u64 = ranges.iter().map(|[first, end]| end.saturating_sub(*first)).fold(0, u64::saturating_add);
            *found.made_by.entry(name.clone()).or_default() += rows;
        }
    }
    found
}

impl std::fmt::Display for Inspection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let recipe: String = self.recipe_blake3.chars().take(12).collect();
        writeln!(f, "{} rows of {}, {} a shard, recipe {recipe}", self.rows, self.holds, self.rows_per_shard)?;
        if !self.whole {
            let (there, planned) =
                self.modalities.values().fold((0, 0), |(there, planned), m| (there + m.shards, planned + m.shards_planned));
            writeln!(
                f,
                "not whole yet: {there} of {planned} shards are there; the command that makes the store goes on with it"
            )?;
        }
        let counts = |counts: Vec<String>| if counts.is_empty() { "-".to_owned() } else { counts.join(", ") };
        let mut table: Vec<Vec<String>> = vec![
            ["modality", "kind", "dtype", "shape", "shards", "MiB", "valid", "absent", "partial", "failed", "made by"]
                .map(String::from)
                .into(),
        ];
        let means = self.modalities.values().any(|modality| modality.mean.is_some());
        if means {
            table[0].push("mean".into());
        }
        for (name, modality) in &self.modalities {
            let again = if modality.retry > 0 { format!(" ({} tried again)", modality.retry) } else { String::new() };
            let mut line = vec![
                name.clone(),
                modality.kind.name.to_owned(),
                modality.dtype.name().to_owned(),
                format!("{:?}{}", modality.shape, modality.jpeg.map_or_else(String::new, |quality| format!(" JPEG {quality}"))),
                match modality.shards == modality.shards_planned {
                    true => modality.shards.to_string(),
                    false => format!("{} of {}", modality.shards, modality.shards_planned),
                },
                format!("{:.1}", modality.bytes as f64 / f64::from(1 << 20)),
                modality.valid.to_string(),
                modality.absent.to_string(),
                modality.partial.to_string(),
                counts(modality.failed.iter().map(|(code, n)| format!("{n} {}", code.name())).collect()) + &again,
                counts(modality.made_by.iter().map(|(name, n)| format!("{n} {name}")).collect()),
            ];
            line.extend(means.then(|| modality.mean.map_or_else(|| "-".into(), |mean| format!("{mean:.6}"))));
            table.push(line);
        }
        write!(f, "\n{}\n", aligned(&table, 5..9))?;
        let splits = [Split::Train, Split::Val, Split::Test].map(Split::name);
        let mut table: Vec<Vec<String>> = vec![["domain", splits[0], splits[1], splits[2], "rows"].map(String::from).into()];
        for (domain, rows) in &self.domains {
            let rows = splits.map(|split| rows.get(split).copied().unwrap_or_default());
            let numbers = rows.into_iter().chain([rows.iter().sum()]);
            table.push([domain.clone()].into_iter().chain(numbers.map(|n| n.to_string())).collect());
        }
        writeln!(f, "{}", aligned(&table, 1..5))?;
        match &self.labels {
            LabelSpace::Classes(names) => {
                let classes = if names.len() == 1 { "class" } else { "classes" };
                writeln!(f, "{} {classes}: {}", names.len(), names.join(", "))?;
            }
            LabelSpace::Values { unit } if unit.is_empty() => writeln!(f, "values without a unit")?,
            LabelSpace::Values { unit } => writeln!(f, "values in {unit}")?,
        }
        if !self.media.is_empty() {
            let media = self.media.iter().map(|(kind, rows)| format!("{kind} of {rows} rows")).collect::<Vec<_>>();
            writeln!(f, "media of their own: {}", media.join(", "))?;
        }
        match provenance::told(&self.provenance) {
            none if none.is_empty() => Ok(()),
            told => writeln!(f, "\nmade with {told}"),
        }
    }
}

/// Cells under each other; those of the columns `numbers` end together, the others begin together.
fn aligned(table: &[Vec<String>], numbers: std::ops::Range<usize>) -> String {
    let width = |column: usize| table.iter().map(|line| line[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..table.first().map_or(0, Vec::len)).map(width).collect();
    let mut text = String::new();
    for line in table {
        let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match numbers.contains(&column) {
            true => format!("{cell:>width$}"),
            false => format!("{cell:<width$}"),
        });
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_begin_and_numbers_end_together() {
        let table = [["a", "n", "b"], ["word", "10", "c"]].map(|line| line.map(String::from).to_vec());
        assert_eq!(aligned(&table, 1..2), "a      n  b\nword  10  c\n");
    }
}
