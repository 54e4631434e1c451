//! Annotation files: which there are, and their cells as text.

use std::path::{Path, PathBuf};

use super::super::{Annotations, DatasetSettings, Files, Findings, records, some_of, split_of_name};
use crate::manifest::Split;
use crate::pickle::{self, Cell};
use crate::{Error, Result, fs};

/// P08, P01 and P22.
const MM_SADA: [&str; 3] = ["D1", "D2", "D3"];
/// What MultiOOD's tuples hold.
const TUPLE: [&str; 6] = ["video_id", "start_frame", "stop_frame", "start_timestamp", "stop_timestamp", "verb_class"];

/// An annotation file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct List {
    pub(super) path: PathBuf,
    pub(super) split: Split,
    /// D1, D2 or D3, for a file of MM-SADA.
    pub(super) part: Option<&'static str>,
}

/// What names the annotations in messages, whether they are MM-SADA's, and the files.
pub(super) fn find(settings: &DatasetSettings) -> Result<(String, bool, Vec<List>)> {
    let expected = "annotations is not set; expected the folder of D1_train.pkl and its like, or tables of EPIC-Kitchens";
    let annotations = settings.annotations.as_ref().ok_or_else(|| Error::input("[data]", expected))?;
    let by_name = |path: &PathBuf| {
        let split = split_of_name(path).ok_or_else(|| {
            let expected = "its name tells no split; expected train, val or test in it, or annotations = { train = [...] }";
            Error::input(path.display(), expected)
        })?;
        Ok(List { path: path.clone(), split, part: None })
    };
    let lists = match annotations {
        Annotations::One(folder) if !folder.is_file() => {
            return Ok((folder.display().to_string(), true, mm_sada(settings, folder)?));
        }
        Annotations::One(path) => vec![by_name(path)?],
        Annotations::Many(paths) => paths.iter().map(by_name).collect::<Result<_>>()?,
        Annotations::BySplit(files) => {
            let of = |(&split, files): (&Split, &Files)| -> Vec<List> {
                files.paths().iter().map(|path| List { path: path.clone(), split, part: None }).collect()
            };
            files.iter().flat_map(of).collect()
        }
    };
    if lists.is_empty() {
        return Err(Error::input("[data]", "annotations is empty; expected a file"));
    }
    let place = lists.iter().map(|list| list.path.display().to_string()).collect::<Vec<_>>().join(", ");
    Ok((place, false, lists))
}

/// Both splits of the domains asked for, as pickles where they are there.
fn mm_sada(settings: &DatasetSettings, folder: &Path) -> Result<Vec<List>> {
    // under another meaning of domain, all files may hold some
    let own = settings.domain.is_none() && settings.domain_map.is_none();
    let parts = if own { some_of(settings, &MM_SADA)? } else { MM_SADA.to_vec() };
    let list = |(part, split): (&'static str, Split)| {
        let file = |end: &str| folder.join(format!("{part}_{}.{end}", split.name()));
        let path = Some(file("pkl")).filter(|path| path.is_file()).unwrap_or_else(|| file("csv"));
        List { path, split, part: Some(part) }
    };
    Ok(parts.into_iter().flat_map(|part| [(part, Split::Train), (part, Split::Test)]).map(list).collect())
}

/// An annotation file as text, whatever form it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListTable {
    pub(super) columns: Vec<String>,
    /// Each with its place in the file, such as `line 2`.
    pub(super) rows: Vec<(String, Vec<String>)>,
}

impl ListTable {
    /// # Errors
    /// [`Error::Input`] for a file that is no table; what is wrong with single rows is put into `findings`.
    pub(super) fn read(path: &Path, findings: &mut Findings) -> Result<Self> {
        if path.extension().is_some_and(|end| end == "pkl" || end == "pickle") {
            return Self::of_pickle(path, findings);
        }
        let (header, records) = records(path, true, findings)?;
        let cells = |(line, record): (usize, csv::StringRecord)| {
            (format!("line {line}"), record.iter().map(|cell| cell.trim().to_owned()).collect())
        };
        Ok(Self { columns: header.iter().map(str::to_owned).collect(), rows: records.into_iter().map(cells).collect() })
    }

    fn of_pickle(path: &Path, findings: &mut Findings) -> Result<Self> {
        let bytes = fs::read(path)?;
        let table = match pickle::read_table(&bytes, path.display()) {
            Ok(table) => table,
            Err(error) => {
                let Ok(tuples) = pickle::read_tuples(&bytes, path.display()) else { return Err(error) };
                return Ok(Self::of_tuples(path, tuples, findings));
            }
        };
        let row = |row: usize| {
            (format!("row {row}"), table.cells.iter().map(|column| column[row].to_string().trim().to_owned()).collect())
        };
        Ok(Self { rows: (0..table.len()).map(row).collect(), columns: table.columns })
    }

    fn of_tuples(path: &Path, tuples: Vec<Vec<Cell>>, findings: &mut Findings) -> Self {
        let mut rows = Vec::new();
        for (row, tuple) in tuples.into_iter().enumerate() {
            if tuple.len() == TUPLE.len() {
                rows.push((format!("row {row}"), tuple.iter().map(Cell::to_string).collect()));
            } else {
                let problem = format!("row {row}: {} values; expected ({})", tuple.len(), TUPLE.join(", "));
                findings.faults.push(Error::input(path.display(), problem));
            }
        }
        Self { columns: TUPLE.map(str::to_owned).to_vec(), rows }
    }

    pub(super) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }
}
