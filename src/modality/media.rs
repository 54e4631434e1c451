//! What a segment says of its media of one kind.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::column::{Column, Field};
use super::kind::Kind;
use crate::track::Track;

/// Where a segment's media of one kind are, as far as that is not told by its recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Media {
    /// What they show.
    pub kind: Kind,
    /// Files, or folders of extracted frames, whose second 0 is the recording's: as many as the kind has columns of them, or none, where it is the recording itself.
    pub paths: Vec<PathBuf>,
    /// Extracted frames a second, where the paths, or the recording itself, hold such: frame n shows second (n − 1) / rate. Of a waveform its samples a second.
    pub rate: Option<f64>,
    /// The dataset in an HDF5 file.
    pub key: Option<String>,
    /// Which track of several, if the annotations say so.
    pub track: Option<Track>,
}

impl Media {
    /// Nothing of `kind` yet.
    pub fn new(kind: Kind) -> Self {
        Self { kind, paths: Vec::new(), rate: None, key: None, track: None }
    }

    /// In files of their own.
    pub fn at(kind: Kind, paths: impl Into<Vec<PathBuf>>) -> Self {
        Self { paths: paths.into(), ..Self::new(kind) }
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::new(self.kind)
    }

    /// Takes in what stands in a column, paths below `root`. An empty field says nothing.
    ///
    /// # Errors
    /// A sentence that names the column and says what was expected.
    pub fn read(&mut self, column: &Column, text: &str, root: Option<&Path>) -> Result<(), String> {
        if text.is_empty() {
            return Ok(());
        }
        let refused = |expected: &str| format!("{} {text}; expected {expected}", column.name);
        match column.field {
            Field::Path(place) => {
                self.paths.resize(self.kind.files(), PathBuf::new());
                self.paths[place] = root.map_or_else(|| PathBuf::from(text), |root| root.join(text));
            }
            Field::FrameRate => {
                let rate = text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
                self.rate = Some(rate.ok_or_else(|| refused("a number above 0"))?);
            }
            Field::SampleRate => {
                let rate = text.parse().ok().filter(|rate: &u32| *rate > 0);
                self.rate = Some(rate.ok_or_else(|| refused("a whole number of samples a second above 0"))?.into());
            }
            Field::Key => self.key = Some(text.to_owned()),
            Field::Track => self.track = Some(text.parse().map_err(|problem| format!("{}: {problem}", column.name))?),
        }
        Ok(())
    }

    /// Whether it says something in a column.
    pub fn has(&self, field: Field) -> bool {
        match field {
            Field::Path(place) => self.paths.get(place).is_some_and(|path| !path.as_os_str().is_empty()),
            Field::FrameRate | Field::SampleRate => self.rate.is_some(),
            Field::Key => self.key.is_some(),
            Field::Track => self.track.is_some(),
        }
    }

    /// What stands in a column; none for nothing.
    ///
    /// # Errors
    /// A sentence, for a path that is not UTF-8.
    pub fn shown(&self, field: Field) -> Result<Option<String>, String> {
        Ok(match field {
            Field::Path(place) => match self.paths.get(place) {
                Some(path) => {
                    let text =
                        path.to_str().ok_or_else(|| format!("{}: the path is not UTF-8; expected UTF-8", path.display()))?;
                    Some(text.to_owned())
                }
                None => None,
            },
            Field::FrameRate | Field::SampleRate => self.rate.map(|rate| rate.to_string()),
            Field::Key => self.key.clone(),
            Field::Track => self.track.as_ref().map(Track::to_string),
        })
    }

    /// Whether what the columns said goes together.
    ///
    /// # Errors
    /// A sentence that names columns and says what was expected.
    pub fn check(&self) -> Result<(), String> {
        if self.paths.iter().any(|path| path.as_os_str().is_empty()) {
            return Err(format!("{}; expected all of them or none", self.kind.path_columns().join(", ")));
        }
        (self.kind.definition().check)(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modality::{KINDS, columns};

    #[test]
    fn what_every_column_says_is_shown_again() {
        for kind in KINDS {
            let mut media = Media::new(*kind);
            assert!(media.is_empty());
            for (n, column) in kind.columns.iter().enumerate() {
                let text = if column.field == Field::FrameRate { "29.97".to_owned() } else { (24_000 + n).to_string() };
                assert!(!media.has(column.field), "{}", column.name);
                media.read(column, &text, None).unwrap();
                assert!(media.has(column.field), "{}", column.name);
                assert_eq!(media.shown(column.field), Ok(Some(text)), "{}", column.name);
                assert!(!media.is_empty());
            }
            let written = serde_json::to_string(&media).unwrap();
            assert_eq!(serde_json::from_str::<Media>(&written).unwrap(), media);
        }
    }

    #[test]
    fn what_is_no_value_of_its_column_is_refused_by_its_name() {
        let mut checked = 0;
        for (kind, column) in columns() {
            let wrong: &[&str] = match column.field {
                Field::FrameRate => &["0", "-1", "inf", "NaN", "fast"],
                Field::SampleRate => &["0", "-1", "1.5", "4294967296"],
                Field::Track => &["English", "-1"],
                Field::Path(_) | Field::Key => &[],
            };
            for text in wrong {
                let problem = Media::new(kind).read(column, text, None).unwrap_err();
                assert!(problem.contains(column.name) && problem.contains("expected"), "{problem}");
                checked += 1;
            }
        }
        assert!(checked > 10);
    }

    #[test]
    fn one_of_several_files_is_not_enough() {
        let two: Vec<_> = KINDS.iter().filter(|kind| kind.files() > 1).collect();
        assert!(!two.is_empty());
        for kind in two {
            let mut media = Media::new(*kind);
            media.read(&kind.columns[1], "y", Some("root".as_ref())).unwrap();
            let problem = media.check().unwrap_err();
            assert!(problem.starts_with(&kind.path_columns().join(", ")), "{problem}");
            media.read(&kind.columns[0], "x", Some("root".as_ref())).unwrap();
            assert_eq!((media.check(), &media.paths[..]), (Ok(()), &["root/x".into(), "root/y".into()][..]));
        }
    }
}
