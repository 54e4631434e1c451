//! Where a modality's features are while runs train: in memory, or in the store.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use crate::store::Store;

/// Whether features are held in memory. Never changes results.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InMemory {
    /// Where they take at most half of what the system has left.
    #[default]
    Auto,
    /// Always.
    Yes,
    /// Never: each batch is read from the store's mapped shards.
    No,
}

impl InMemory {
    /// Whether so many bytes are to be held.
    pub(super) fn holds(self, bytes: u64) -> bool {
        match self {
            Self::Yes => true,
            Self::No => false,
            Self::Auto => left().is_none_or(|left| bytes <= left / 2),
        }
    }
}

/// Bytes of memory that the system has left, where it says so.
fn left() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

/// A modality of a store, read as it is asked for.
#[derive(Debug, Clone)]
pub struct Streamed {
    pub(super) store: Arc<Store>,
    pub(super) modality: String,
}

impl PartialEq for Streamed {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.store, &other.store) && self.modality == other.modality
    }
}

impl Streamed {
    /// One row as the store has it; nothing of a modality that it does not have.
    pub(super) fn row(&self, row: usize) -> Cow<'_, [f32]> {
        self.store.modality(&self.modality).map_or(Cow::Borrowed(&[]), |rows| rows.values(row))
    }
}

/// A modality's features as a cohort asks for them.
#[derive(Debug)]
pub enum Features {
    /// On the device, [N, D].
    Resident(Tensor),
    /// In the store: width, which rows are there, and where.
    Streamed(usize, Vec<bool>, Streamed),
}

/// Which rows of the features a step or an evaluation takes.
#[derive(Debug)]
pub struct BatchRows<'a> {
    /// [R, B], on the device.
    pub index: Tensor,
    /// The same on the host, run by run.
    pub host: &'a [i64],
}

impl Features {
    /// These rows of them, [R · B, D].
    pub fn gather(&self, rows: &BatchRows<'_>, kind: Kind, device: Device) -> Tensor {
        match self {
            Self::Resident(all) => all.index_select(0, &rows.index.view([-1])),
            Self::Streamed(width, valid, streamed) => {
                let mut values = vec![0f32; rows.host.len() * width];
                if let Ok(of) = streamed.store.modality(&streamed.modality) {
                    let there = values.chunks_exact_mut(*width).zip(rows.host).filter(|(_, place)| valid[**place as usize]);
                    for (into, place) in there {
                        into.copy_from_slice(&of.values(*place as usize));
                    }
                }
                Tensor::from_slice(&values).view([-1, *width as i64]).to_device(device).to_kind(kind)
            }
        }
    }
}
