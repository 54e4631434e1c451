//! The verb `inspect`: what is in a store.

use std::collections::BTreeMap;
use std::path::Path;

use rayon::prelude::*;
use serde::Serialize;

use crate::Result;
use crate::error::Code;
use crate::modality::Kind;
use crate::sample::Dtype;
use crate::store::Store;

/// What is in a store.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    /// `clips` or `features`.
    pub holds: String,
    /// Rows, failed ones included.
    pub rows: u64,
    /// S of the format.
    pub rows_per_shard: u64,
    /// Hash of the recipe.
    pub recipe_blake3: String,
    /// Class names.
    pub classes: Vec<String>,
    /// Rows by domain and split.
    pub domains: BTreeMap<String, BTreeMap<String, u64>>,
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
    /// Number of shards.
    pub shards: u64,
    /// Size of all shards.
    pub bytes: u64,
    /// Rows that are there.
    pub valid: u64,
    /// Rows that failed, by code.
    pub failed: BTreeMap<Code, u64>,
    /// Rows whose recording lacks the modality.
    pub absent: u64,
    /// Rows whose recording ends a little early.
    pub partial: u64,
    /// Rows by what made them.
    pub made_by: BTreeMap<String, u64>,
    /// Mean of all values of the rows that are there; a quick check for readers in other languages.
    pub mean: f64,
}

/// Looks into the store at `folder`.
///
/// # Errors
/// As [`Store::open`]; [`Error::Integrity`](crate::Error::Integrity) for frames that cannot be decoded.
pub fn inspect(folder: &Path) -> Result<Inspection> {
    let store = Store::open(folder)?;
    let (header, manifest) = (store.header(), store.manifest());
    let mut domains: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for segment in &manifest.segments {
        let splits = domains.entry(manifest.domains[segment.domain].clone()).or_default();
        *splits.entry(segment.split.name().to_owned()).or_default() += 1;
    }
    let mut modalities = BTreeMap::new();
    for modality in &header.modalities {
        let rows = store.modality(&modality.name)?;
        let mut found = ModalityInspection {
            kind: modality.kind,
            dtype: modality.dtype,
            shape: modality.shape.clone(),
            jpeg: modality.jpeg,
            shards: 0,
            bytes: 0,
            valid: 0,
            failed: BTreeMap::new(),
            absent: 0,
            partial: 0,
            made_by: BTreeMap::new(),
            mean: 0.0,
        };
        for record in rows.records() {
            found.shards += 1;
            found.bytes += record.bytes;
            found.absent += record.absent.len() as u64;
            found.partial += record.notes.len() as u64;
            for note in &record.failed {
                *found.failed.entry(note.code).or_default() += 1;
            }
            for (name, ranges) in &record.made_by {
                *found.made_by.entry(name.clone()).or_default() += ranges.iter().map(|[first, end]| end - first).sum::<u64>();
            }
        }
        let valid: Vec<usize> = (0..store.len()).filter(|&row| rows.valid(row)).collect();
        found.valid = valid.len() as u64;
        let sum = if modality.jpeg.is_some() {
            let pixels = |&row: &usize| Ok(rows.data(row)?.iter().map(|&pixel| u64::from(pixel)).sum::<u64>());
            valid.par_iter().map(pixels).sum::<Result<u64>>()? as f64
        } else {
            valid.iter().map(|&row| rows.values(row).iter().map(|&value| f64::from(value)).sum::<f64>()).sum()
        };
        let count = found.valid * modality.row_elements();
        found.mean = if count == 0 { 0.0 } else { sum / count as f64 };
        modalities.insert(modality.name.clone(), found);
    }
    Ok(Inspection {
        holds: header.holds.clone(),
        rows: header.rows,
        rows_per_shard: header.rows_per_shard,
        recipe_blake3: header.recipe_blake3.clone(),
        classes: header.classes.clone(),
        domains,
        modalities,
    })
}

impl std::fmt::Display for Inspection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            f,
            "{} rows of {}, {} a shard, recipe {}",
            self.rows,
            self.holds,
            self.rows_per_shard,
            self.recipe_blake3.chars().take(12).collect::<String>()
        )?;
        writeln!(f, "classes: {}", self.classes.join(", "))?;
        for (domain, splits) in &self.domains {
            let splits: Vec<String> = splits.iter().map(|(split, rows)| format!("{split} {rows}")).collect();
            writeln!(f, "domain {domain}: {}", splits.join(", "))?;
        }
        for (name, modality) in &self.modalities {
            let counts = |counts: Vec<String>| if counts.is_empty() { "none".to_owned() } else { counts.join(", ") };
            let failed = counts(modality.failed.iter().map(|(code, n)| format!("{} {n}", code.name())).collect());
            let made_by = counts(modality.made_by.iter().map(|(name, n)| format!("{name} {n}")).collect());
            writeln!(
                f,
                "{name} ({}): {} {:?}{}, {} shards, {:.1} MiB; {} valid, {} absent, {} partial; failed: {failed}; made by: {made_by}; mean {:.6}",
                modality.kind.name(),
                modality.dtype.name(),
                modality.shape,
                modality.jpeg.map_or_else(String::new, |quality| format!(" as JPEG of quality {quality}")),
                modality.shards,
                modality.bytes as f64 / f64::from(1 << 20),
                modality.valid,
                modality.absent,
                modality.partial,
                modality.mean,
            )?;
        }
        Ok(())
    }
}
