//! Human-Animal-Cartoon (Dong et al., NeurIPS 2023): whole clips, seven classes, three domains.
//!
//! `HAC_Splits/HAC_{train,test}_only_<domain>.csv` (no header, `file,label`), `<domain>/videos/<file>`,
//! `<domain>/audio/<stem>.wav`, `<domain>/flow/<stem>_flow_{x,y}.mp4`. There is no validation split: the sources' test rows
//! serve. 24 human files stand in both splits; they are two rows with two ids.

use std::path::Path;

use super::{Settings, of_split_tables, root};
use crate::manifest::{Manifest, Segment, Split};
use crate::span::Span;
use crate::{Error, Result, fs};

const DOMAINS: [&str; 3] = ["human", "animal", "cartoon"];
const CLASSES: [&str; 7] = ["sleeping", "watching tv", "eating", "drinking", "swimming", "running", "opening door"];

pub(super) fn read(settings: &Settings) -> Result<Manifest> {
    let root = root(settings)?;
    let splits = root.join("HAC_Splits");
    of_split_tables(settings, &splits, [&DOMAINS, &CLASSES], |name, domain, split, segments| {
        let csv = splits.join(format!("HAC_{}_only_{name}.csv", split.name()));
        rows(&csv, &root.join(name), name, domain, split, segments)
    })
}

fn rows(csv: &Path, folder: &Path, name: &str, domain: usize, split: Split, segments: &mut Vec<Segment>) -> Result<()> {
    let text = fs::read_text(csv)?;
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    for (line, record) in reader.records().enumerate() {
        let bad = |problem: String| Error::input(csv.display(), format!("line {}: {problem}", line + 1));
        let record = record.map_err(|error| bad(error.to_string()))?;
        if record.len() != 2 {
            return Err(bad(format!("{} fields; expected `file,label`", record.len())));
        }
        let label = record[1]
            .trim()
            .parse()
            .ok()
            .filter(|&label: &usize| label < CLASSES.len())
            .ok_or_else(|| bad(format!("label {:?}; expected 0 to {}", &record[1], CLASSES.len() - 1)))?;
        let file = &record[0];
        if file.is_empty() || file.contains(['/', '\\', '\0']) || file.starts_with("..") {
            return Err(bad(format!("file {file:?}; expected a plain file name")));
        }
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        let there = |path: std::path::PathBuf| path.is_file().then_some(path);
        let flow = |axis: &str| there(folder.join("flow").join(format!("{stem}_flow_{axis}.mp4")));
        segments.push(Segment {
            label,
            domain,
            split,
            audio_path: there(folder.join("audio").join(format!("{stem}.wav"))),
            flow_paths: flow("x").zip(flow("y")),
            ..Segment::new(format!("{name}/{}/{stem}", split.name()), folder.join("videos").join(file), Span::WHOLE)
        });
    }
    Ok(())
}
