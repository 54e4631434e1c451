//! Results of runs, and the tables and pages made of them.
//!
//! [`read`] finds what runs wrote, [`Comparison`] sets them side by side (its [`to_terminal`](Comparison::to_terminal) is
//! the table of a terminal), and [`write`](write()) makes one self-contained `report.html`.

pub mod comparison;
mod confusion;
mod curves;
mod figures;
mod html;
mod markup;
mod read;
pub mod results;
mod scale;
pub mod statistics;
mod svg;
pub mod table;

use std::path::Path;

pub use comparison::Comparison;
pub use read::read;
pub use results::RunResult;

use crate::{Result, fs};

/// Writes `report.html` into the folder `out`, which is created where it is missing. Equal results give equal bytes.
///
/// # Errors
/// What [`Comparison::new`] refuses; [`Error::Io`](crate::Error::Io) where the folder or the file cannot be written.
pub fn write(results: &[RunResult], out: &Path) -> Result<()> {
    let page = html::page(&Comparison::new(results)?);
    fs::create_dir_all(out)?;
    fs::write(&out.join("report.html"), page.as_bytes())
}
