//! Results of runs, and the tables and pages made of them.
//!
//! [`read`] finds what runs wrote, [`Comparison`] sets them side by side (its [`to_terminal`](Comparison::to_terminal) is
//! the tables of a terminal), and [`write`](write()) makes one self-contained `report.html`, and the same figures for other
//! programs: `report.csv` and `report.tex`.

pub mod comparison;
mod confusion;
mod csv;
mod curves;
mod entry;
mod figures;
mod html;
pub mod identity;
mod latex;
mod markup;
mod plane;
mod published;
mod read;
pub mod record;
pub mod results;
mod scale;
pub mod sound;
pub mod statistics;
mod svg;
pub mod table;
mod tables;

use std::path::Path;

pub use comparison::Comparison;
pub use read::{label, read};
pub use results::RunResult;

use crate::{Result, fs};

/// Writes `report.html`, `report.csv` and `report.tex` into the folder `out`, which is created where it is missing. Equal
/// results give equal bytes.
///
/// # Errors
/// What [`Comparison::new`] refuses; [`Error::Io`](crate::Error::Io) where the folder or the file cannot be written.
pub fn write(results: &[RunResult], out: &Path) -> Result<()> {
    let runs = Comparison::new(results)?;
    let (page, tables) = (html::page(&runs), csv::text(&runs)?);
    fs::create_dir_all(out)?;
    fs::write(&out.join("report.csv"), &tables)?;
    fs::write(&out.join("report.tex"), latex::text(&runs).as_bytes())?;
    fs::write(&out.join("report.html"), page.as_bytes())
}
