//! Human-Animal-Cartoon (Dong et al., NeurIPS 2023): whole clips, seven classes, three domains.
//!
//! `HAC_Splits/HAC_{train,test}_only_<domain>.csv` (no header, `file,label`), `<domain>/videos/<file>`,
//! `<domain>/audio/<stem>.wav`, `<domain>/flow/<stem>_flow_{x,y}.mp4`. There is no validation split: the sources' test rows
//! serve. 24 human files stand in both splits; they are two rows with two ids. Which rows of the target are tested is
//! told apart by `test-set`: SimMMDG takes all (`target-all`), CMRF its test rows (`target-test`, the default).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{DatasetSettings, Draft, Findings, records, renamed, root, some_of};
use crate::manifest::{Labels, Segment, Split, TestSet};
use crate::modality::{Kind, Media};
use crate::span::Span;
use crate::{Error, Result};

const DOMAINS: [&str; 3] = ["human", "animal", "cartoon"];
const CLASSES: [&str; 7] = ["sleeping", "watching tv", "eating", "drinking", "swimming", "running", "opening door"];

pub(super) fn read(settings: &DatasetSettings, findings: &mut Findings) -> Result<Draft> {
    let root = root(settings)?;
    let splits = root.join("HAC_Splits");
    let domains = some_of(settings, &DOMAINS)?;
    let classes = renamed(settings, &CLASSES)?;
    let (mut segments, mut labels) = (Vec::new(), Vec::new());
    for (domain, name) in domains.iter().enumerate() {
        let before = segments.len();
        for split in [Split::Train, Split::Test] {
            let csv = splits.join(format!("HAC_{}_only_{name}.csv", split.name()));
            let Some((_, records)) = records(&csv, false, findings).map_or_else(|error| findings.part(Err(error)), Some) else {
                continue;
            };
            for (line, record) in records {
                let segment = row(&record, &root.join(name))
                    .map_err(|problem| Error::input(csv.display(), format!("line {line}: {problem}")));
                if let Some((stem, label, segment)) = findings.part(segment) {
                    labels.push(label);
                    segments.push(Segment { id: format!("{name}/{}/{stem}", split.name()), domain, split, ..segment });
                }
            }
        }
        note_doubles(&segments[before..], name, findings);
    }
    let domains = domains.into_iter().map(str::to_owned).collect();
    let labels = Labels::classes(classes, labels);
    Ok(Draft { place: splits.display().to_string(), labels, domains, segments, test_set: Some(TestSet::TargetTest) })
}

/// The stem of the file, the place of the class, and the segment but for its id and place.
fn row(record: &csv::StringRecord, folder: &Path) -> Result<(String, usize, Segment), String> {
    if record.len() != 2 {
        return Err(format!("{} fields; expected `file,label`", record.len()));
    }
    let label = record[1].trim().parse().ok().filter(|&label: &usize| label < CLASSES.len());
    let label = label.ok_or_else(|| format!("label {:?}; expected 0 to {}", &record[1], CLASSES.len() - 1))?;
    let file = &record[0];
    if file.is_empty() || file.contains(['/', '\\', '\0']) || file.starts_with("..") {
        return Err(format!("file {file:?}; expected a plain file name"));
    }
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let there = |path: PathBuf| path.is_file().then_some(path);
    let flow = |axis: &str| folder.join("flow").join(format!("{stem}_flow_{axis}.mp4"));
    let mut segment = Segment::new("", folder.join("videos").join(file), Span::WHOLE);
    segment.set_media(Media::at(Kind::FLOW, [flow("x"), flow("y")]));
    if let Some(wav) = there(folder.join("audio").join(format!("{stem}.wav"))) {
        segment.set_media(Media::at(Kind::AUDIO, [wav]));
    }
    Ok((stem.to_owned(), label, segment))
}

fn note_doubles(segments: &[Segment], domain: &str, findings: &mut Findings) {
    let of = |split: Split| -> BTreeSet<&PathBuf> {
        segments.iter().filter(|segment| segment.split == split).map(|segment| &segment.path).collect()
    };
    let both = of(Split::Train).intersection(&of(Split::Test)).count();
    if both > 0 {
        findings.notes.push(format!("{both} files of {domain} stand in both train and test; they are two rows each"));
    }
}
