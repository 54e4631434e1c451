//! Whether a task has the domains that a method compares.

use super::compare::Column;
use super::settings::TrainSettings;
use super::table::FeatureTable;
use super::task::DomainTask;
use crate::method::Batches;
use crate::{Error, Result};

/// Checks that a method that compares source domains has some to compare, and that batches by domain have rows of each.
///
/// # Errors
/// [`Error::Input`] that names the column, the sources and what was expected.
pub fn check(task: &DomainTask, table: &FeatureTable, settings: &TrainSettings, column: &Column) -> Result<()> {
    let names: Vec<&str> = task.sources.iter().map(|&d| &table.domains()[d][..]).collect();
    let wrong = |problem: String| Err(Error::input(format!("[[train.compare]] {:?}", column.name), problem));
    let method = column.method.name;
    if column.method.compares_domains() && names.len() < 2 {
        let problem = format!("method {method:?} compares source domains, here {} alone", names.join(", "));
        return wrong(format!("{problem}; expected two or more, or another method"));
    }
    if settings.batches.unwrap_or(column.method.batches) == Batches::Pooled {
        return Ok(());
    }
    if settings.batch_size < 2 * names.len() {
        let problem = format!("batch-size = {} with batches by domain", settings.batch_size);
        return wrong(format!("{problem}; expected at least 2 rows of each of {} sources", names.len()));
    }
    for (&source, name) in task.sources.iter().zip(names) {
        let rows = task.train.iter().filter(|&&row| table.domain()[row] == source).count();
        if rows < 2 {
            return wrong(format!("source domain {name:?} has {rows} training rows; expected at least 2 for batches by domain"));
        }
    }
    Ok(())
}
