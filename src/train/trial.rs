//! One run to be made, and where it belongs.

use std::path::PathBuf;
use std::sync::Arc;

use super::compare::Column;
use super::protocol::ProtocolKind;
use super::search::Configuration;
use super::selection::Pick;
use super::table::FeatureTable;
use super::task::DomainTask;
use crate::report::results::Purpose;

/// One run to be made.
#[derive(Debug, Clone)]
pub struct Trial {
    /// Its column with the numbers that it is tried with.
    pub configuration: Configuration,
    /// Rows.
    pub task: Arc<DomainTask>,
    /// Seed of every random number.
    pub seed: u64,
    /// How its epoch is chosen.
    pub pick: Pick,
    /// What it is for.
    pub purpose: Purpose,
    /// The protocol's kind.
    pub kind: ProtocolKind,
    /// Its folder below that of all runs.
    pub folder: PathBuf,
}

impl Trial {
    /// What it is a run of, with its own hyperparameters.
    pub fn column(&self) -> &Column {
        &self.configuration.column
    }
}

/// What a task's folders are named by: `<target>` or `<source>_to_<target>`, with the modalities where those are not all.
pub(super) fn task_name(table: &FeatureTable, task: &DomainTask, kind: ProtocolKind) -> String {
    let domain = |d: usize| table.domains()[d].as_str();
    let mut name = domain(task.target).to_owned();
    if kind != ProtocolKind::MultiSource {
        let sources: Vec<&str> = task.sources.iter().copied().map(domain).collect();
        name = format!("{}_to_{name}", sources.join("+"));
    }
    if task.modalities.len() < table.modalities().len() {
        let names: Vec<&str> = task.modalities.iter().map(|&m| table.modalities()[m].name.as_str()).collect();
        name = format!("{name}-{}", names.join("+"));
    }
    name
}
