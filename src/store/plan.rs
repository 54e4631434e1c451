//! What a store is going to be.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::layout::{Header, ModalityHeader, SHARD_BYTES, VERSION, recipe_hash, rows_per_shard};
use super::manifest_csv;
use crate::manifest::Manifest;
use crate::{Error, Result};

/// What a store is going to be.
#[derive(Debug, Clone)]
pub struct Plan {
    /// `clips` or `features`.
    pub holds: &'static str,
    /// Its rows.
    pub manifest: Manifest,
    /// Its modalities.
    pub modalities: Vec<ModalityHeader>,
    /// Every parameter that shapes the data; a store with another recipe is refused.
    pub recipe: Value,
    /// Limit for a shard's size in bytes; `None` is 256 MiB.
    pub shard_bytes: Option<u64>,
}

/// What a store is going to be, as its files say it.
pub(super) struct Planned {
    pub(super) header: Header,
    /// The bytes of its `manifest.csv`.
    pub(super) table: Vec<u8>,
    pub(super) ids: Vec<String>,
}

impl Planned {
    pub(super) fn new(folder: &Path, plan: &Plan) -> Result<Self> {
        // libhdf5 opens files by names in UTF-8
        if folder.to_str().is_none() {
            return Err(Error::input(folder.display(), "a store whose name is not UTF-8; expected another name"));
        }
        for modality in &plan.modalities {
            let named = |problem| Error::input(folder.display(), format!("modality {:?}: {problem}", modality.name));
            modality.check().map_err(named)?;
        }
        let table = manifest_csv::to_csv(&plan.manifest)?;
        let row_bytes = plan.modalities.iter().map(ModalityHeader::row_bytes).max().unwrap_or(1);
        let rows_per_shard = rows_per_shard(row_bytes, plan.shard_bytes.unwrap_or(SHARD_BYTES));
        let mut recipe = plan.recipe.clone();
        recipe["manifest_blake3"] = json!(blake3::hash(&table).to_hex().as_str());
        recipe["rows_per_shard"] = json!(rows_per_shard);
        let header = Header {
            format: "mmdg-store".into(),
            version: VERSION,
            holds: plan.holds.into(),
            rows: plan.manifest.len() as u64,
            rows_per_shard,
            labels: plan.manifest.labels.space(),
            domains: plan.manifest.domains.clone(),
            modalities: plan.modalities.clone(),
            recipe_blake3: recipe_hash(&recipe),
            recipe,
            shards: BTreeMap::new(),
        };
        let ids = plan.manifest.segments.iter().map(|segment| segment.id.clone()).collect();
        Ok(Self { header, table, ids })
    }
}
