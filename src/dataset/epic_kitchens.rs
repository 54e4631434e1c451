//! EPIC-Kitchens with the splits of MM-SADA (Munro and Damen, CVPR 2020), as tables: eight verbs, three kitchens.
//!
//! `annotations` is the folder of `D{1,2,3}_{train,test}.csv`; `root` holds the videos as the data set's downloader writes
//! them (`P08/videos/P08_01.MP4`), or with `train` or `test` before the participant. Segments are taken by the seconds of their time
//! stamps. There is no validation split: the sources' test rows serve.

use std::path::{Path, PathBuf};

use super::{Settings, of_split_tables, root};
use crate::manifest::{Manifest, Segment, Split};
use crate::span::Span;
use crate::{Error, Result, fs};

/// P08, P01 and P22.
const DOMAINS: [&str; 3] = ["D1", "D2", "D3"];
const CLASSES: [&str; 8] = ["take", "put", "open", "close", "wash", "cut", "mix", "pour"];
const COLUMNS: [&str; 6] = ["uid", "participant_id", "video_id", "start_timestamp", "stop_timestamp", "verb_class"];

pub(super) fn read(settings: &Settings) -> Result<Manifest> {
    let root = root(settings)?;
    let expected = "annotations is not set; expected the folder of D1_train.csv and its like";
    let folder = settings.annotations.clone().ok_or_else(|| Error::input("[data]", expected))?;
    of_split_tables(settings, &folder, [&DOMAINS, &CLASSES], |name, domain, split, segments| {
        rows(&folder.join(format!("{name}_{}.csv", split.name())), &root, name, domain, split, segments)
    })
}

fn rows(csv: &Path, root: &Path, name: &str, domain: usize, split: Split, segments: &mut Vec<Segment>) -> Result<()> {
    let text = fs::read_text(csv)?;
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| Error::input(csv.display(), error.to_string()))?.clone();
    let mut places = [0; COLUMNS.len()];
    for (place, wanted) in places.iter_mut().zip(COLUMNS) {
        *place = header.iter().position(|column| column == wanted).ok_or_else(|| {
            Error::input(csv.display(), format!("line 1: no column {wanted:?}; expected {}", COLUMNS.join(",")))
        })?;
    }
    for (line, record) in reader.records().enumerate() {
        let bad = |problem: String| Error::input(csv.display(), format!("line {}: {problem}", line + 2));
        let record = record.map_err(|error| bad(error.to_string()))?;
        let [uid, participant, video, start, stop, label] = places.map(|place| record[place].trim());
        for id in [participant, video] {
            if id.is_empty() || !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                return Err(bad(format!("{id:?}; expected an id such as P08 or P08_01")));
            }
        }
        let seconds = |stamp: &str| seconds(stamp).ok_or_else(|| bad(format!("{stamp:?}; expected HH:MM:SS.cc")));
        let label = label
            .parse()
            .ok()
            .filter(|&label: &usize| label < CLASSES.len())
            .ok_or_else(|| bad(format!("verb_class {label:?}; expected 0 to {}", CLASSES.len() - 1)))?;
        let span = Span::new(seconds(start)?, Some(seconds(stop)?)).map_err(bad)?;
        let id = format!("{name}/{}/{uid}", split.name());
        segments.push(Segment { label, domain, split, ..Segment::new(id, video_path(root, participant, video), span) });
    }
    Ok(())
}

/// `HH:MM:SS.cc` as seconds.
fn seconds(stamp: &str) -> Option<f64> {
    let mut parts = stamp.splitn(3, ':');
    let mut part = |limit: f64| parts.next()?.parse::<f64>().ok().filter(|value| (0.0..limit).contains(value));
    Some(part(1000.0)? * 3600.0 + part(60.0)? * 60.0 + part(60.0)?)
}

/// Where the video is; where it is nowhere, where the downloader would have put it.
fn video_path(root: &Path, participant: &str, video: &str) -> PathBuf {
    let file = format!("{video}.MP4");
    let downloaded = root.join(participant).join("videos").join(&file);
    let parted = |part: &str| root.join("videos").join(part).join(participant).join(&file);
    [downloaded.clone(), parted("train"), parted("test")].into_iter().find(|path| path.is_file()).unwrap_or(downloaded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stamps_become_seconds() {
        assert_eq!(seconds("00:00:04.09"), Some(4.09));
        assert_eq!(seconds("01:02:03.50"), Some(3723.5));
        for text in ["", "4.09", "00:61:00.00", "00:00:-1", "00:00:nan", "a:b:c"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
