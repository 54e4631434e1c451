//! Labelled features: what a run is trained on.

use std::borrow::Cow;
use std::sync::Arc;

use super::features::{InMemory, Streamed};
use crate::manifest::{Labels, Split, TestSet, twice};
use crate::store::Store;
use crate::{Error, Result};

/// One modality of a [`FeatureTable`].
#[derive(Debug, Clone, PartialEq)]
pub struct TableModality {
    /// Such as `video`.
    pub name: String,
    /// Width D of a row.
    pub width: usize,
    /// [N · D], row-major; zeros where a row is not valid. Empty where they are streamed.
    pub values: Vec<f32>,
    /// \[N\]: whether the row holds a feature.
    pub valid: Vec<bool>,
    /// Where they are instead, if they are not held in memory.
    pub streamed: Option<Streamed>,
}

impl TableModality {
    /// Features held in memory: [N · D], row-major, and which rows are there.
    pub fn new(name: impl Into<String>, width: usize, values: Vec<f32>, valid: Vec<bool>) -> Self {
        Self { name: name.into(), width, values, valid, streamed: None }
    }

    /// One row, \[D\]; zeros where it is not valid.
    pub fn row(&self, row: usize) -> Cow<'_, [f32]> {
        match &self.streamed {
            None => Cow::Borrowed(&self.values[row * self.width..][..self.width]),
            Some(streamed) if self.valid[row] => streamed.row(row),
            Some(_) => Cow::Owned(vec![0.0; self.width]),
        }
    }
}

/// N labelled rows of every modality's features.
///
/// ```
/// use mmdg::manifest::{Labels, Split};
/// use mmdg::train::{FeatureTable, TableModality};
/// let audio = TableModality::new("audio", 1, vec![0.5, -0.5], vec![true, true]);
/// let names = |names: [&str; 2]| names.map(String::from).to_vec();
/// let labels = Labels::classes(names(["run", "eat"]), [0, 1]);
/// let table = FeatureTable::new(labels, names(["human", "cartoon"]), vec![audio], vec![0, 1], vec![Split::Train, Split::Test])?;
/// assert_eq!(table.len(), 2);
/// # Ok::<(), mmdg::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureTable {
    labels: Labels,
    domains: Vec<String>,
    modalities: Vec<TableModality>,
    domain: Vec<usize>,
    split: Vec<Split>,
    test_set: Option<TestSet>,
    store: Option<String>,
}

impl FeatureTable {
    /// Checks that everything fits together.
    ///
    /// # Errors
    /// [`Error::Input`] that names the modality or column and the row: lengths that differ, a label or domain out of range,
    /// a valid row that is not finite, a name that stands twice.
    pub fn new(
        labels: Labels,
        domains: Vec<String>,
        modalities: Vec<TableModality>,
        domain: Vec<usize>,
        split: Vec<Split>,
    ) -> Result<Self> {
        let rows = labels.len();
        let wrong = |what: &str, problem: String| Err(Error::input(format!("features: {what}"), problem));
        if rows == 0 || modalities.is_empty() {
            return wrong("table", format!("{rows} rows of {} modalities; expected at least one of each", modalities.len()));
        }
        for (what, names) in [
            ("classes", labels.names().iter().collect::<Vec<_>>()),
            ("domains", domains.iter().collect()),
            ("modalities", modalities.iter().map(|m| &m.name).collect()),
        ] {
            if let Some(&i) = twice(&names).first() {
                return wrong(what, format!("{:?} stands twice (again at {i}); expected unique names", names[i]));
            }
        }
        if let Some(problem) = labels.problem(rows) {
            return wrong("label", problem);
        }
        if domain.len() != rows {
            return wrong("domain", format!("{} entries; expected {rows}", domain.len()));
        }
        if let Some((row, value)) = domain.iter().enumerate().find(|(_, value)| **value >= domains.len()) {
            return wrong("domain", format!("row {row}: {value}; expected below {}", domains.len()));
        }
        if split.len() != rows {
            return wrong("split", format!("{} entries; expected {rows}", split.len()));
        }
        let mut modalities = modalities;
        for m in &mut modalities {
            let held = m.streamed.is_none();
            if m.width == 0 || held && m.values.len() != rows * m.width || m.valid.len() != rows {
                let found = format!("{} values of width {} and {} marks", m.values.len(), m.width, m.valid.len());
                return wrong(&m.name, format!("{found}; expected a width of at least 1 and {rows} rows"));
            }
            for (row, values) in m.values.chunks_mut(m.width).enumerate() {
                if !m.valid[row] {
                    // padding may be any row: what stands in its place must not be NaN
                    values.fill(0.0);
                } else if !values.iter().all(|x| x.is_finite()) {
                    return wrong(&m.name, format!("row {row}: not finite"));
                }
            }
            let finite = |row: &usize| m.row(*row).iter().all(|x| x.is_finite());
            if let Some(row) = (0..rows).filter(|_| !held).find(|row| !finite(row)) {
                return wrong(&m.name, format!("row {row}: not finite"));
            }
        }
        Ok(Self { labels, domains, modalities, domain, split, test_set: None, store: None })
    }

    /// As [`from_store`](Self::from_store), in memory or not. What is not held is looked through once and then read as it is asked
    /// for, with the same outcome.
    ///
    /// # Errors
    /// As there.
    pub fn open(store: Store, held: InMemory) -> Result<Self> {
        let elements: u64 = store.header().modalities.iter().map(|modality| modality.row_elements()).sum();
        match held.holds(elements * 4 * store.len() as u64) {
            true => Self::from_store(&store),
            false => {
                let store = Arc::new(store);
                Self::read(&store, Some(&store))
            }
        }
    }

    /// The rows of a feature store, in memory, whose shards are hashed on the way unless it is [trusted](Store::trusted).
    ///
    /// # Errors
    /// [`Error::Integrity`] naming a shard that is not what its record says;
    /// [`Error::Input`] for a store of clips; else as [`new`](Self::new).
    pub fn from_store(store: &Store) -> Result<Self> {
        Self::read(store, None)
    }

    fn read(store: &Store, streamed: Option<&Arc<Store>>) -> Result<Self> {
        let header = store.header();
        if header.holds != "features" {
            return Err(Error::input(store.folder().display(), format!("a store of {}; expected one of features", header.holds)));
        }
        let mut modalities = Vec::new();
        for modality in &header.modalities {
            let rows = store.modality(&modality.name)?;
            rows.check_all()?;
            let mut values = Vec::new();
            if streamed.is_none() {
                values.reserve_exact(store.len() * modality.row_elements() as usize);
                (0..store.len()).for_each(|row| values.extend_from_slice(&rows.values(row)));
            }
            let of = |store: &Arc<Store>| Streamed { store: store.clone(), modality: modality.name.clone() };
            modalities.push(TableModality {
                name: modality.name.clone(),
                width: modality.row_elements() as usize,
                values,
                valid: (0..store.len()).map(|row| rows.valid(row)).collect(),
                streamed: streamed.map(of),
            });
        }
        let segments = &store.manifest().segments;
        let test_set = serde_json::from_value(header.recipe["clips"]["test-set"].clone())
            .map_err(|error| Error::integrity(&store.folder().join("store.json"), format!("test-set: {error}")))?;
        let table = Self::new(
            store.manifest().labels.clone(),
            header.domains.clone(),
            modalities,
            segments.iter().map(|segment| segment.domain).collect(),
            segments.iter().map(|segment| segment.split).collect(),
        )?;
        Ok(Self { test_set, store: Some(header.digest()), ..table })
    }

    /// What the recipe says of the test set.
    pub fn test_set(&self) -> Option<TestSet> {
        self.test_set
    }

    /// The [digest](crate::store::Header::digest) of the store that it was read from.
    pub fn store(&self) -> Option<&str> {
        self.store.as_deref()
    }

    /// Number of rows N.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Never: a table has rows.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// What is to be predicted of each row.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Class names; none where labels are values.
    pub fn classes(&self) -> &[String] {
        self.labels.names()
    }

    /// Domain names.
    pub fn domains(&self) -> &[String] {
        &self.domains
    }

    /// Features by modality.
    pub fn modalities(&self) -> &[TableModality] {
        &self.modalities
    }

    /// Domain of each row.
    pub fn domain(&self) -> &[usize] {
        &self.domain
    }

    /// Part of its domain each row belongs to.
    pub fn split(&self) -> &[Split] {
        &self.split
    }

    /// N / (classes · N_c) of N rows, by class; 0 for a class that is not there.
    pub(super) fn rarity(&self, rows: &[usize]) -> Vec<f64> {
        let (places, mut counts) = (self.labels.places(), vec![0usize; self.classes().len()]);
        rows.iter().for_each(|&row| counts[places[row] as usize] += 1);
        let weight = |&count: &usize| if count > 0 { rows.len() as f64 / (counts.len() * count) as f64 } else { 0.0 };
        counts.iter().map(weight).collect()
    }

    /// Blake3 over everything in it, in hex: equal tables have equal digests.
    pub fn digest(&self) -> String {
        fn word(hash: &mut blake3::Hasher, bytes: &[u8]) {
            hash.update(&(bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
        let mut hash = blake3::Hasher::new();
        if let Labels::Values { unit, .. } = &self.labels {
            word(&mut hash, unit.as_bytes());
        }
        for names in [self.classes(), &self.domains] {
            word(&mut hash, &(names.len() as u64).to_le_bytes());
            names.iter().for_each(|name| word(&mut hash, name.as_bytes()));
        }
        match &self.labels {
            Labels::Classes { of, .. } => {
                word(&mut hash, &of.iter().flat_map(|&i| u64::from(i).to_le_bytes()).collect::<Vec<_>>())
            }
            Labels::Values { of, .. } => word(&mut hash, &of.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>()),
        }
        word(&mut hash, &self.domain.iter().flat_map(|&i| (i as u64).to_le_bytes()).collect::<Vec<_>>());
        word(&mut hash, &self.split.iter().map(|&split| split as u8).collect::<Vec<_>>());
        for m in &self.modalities {
            word(&mut hash, m.name.as_bytes());
            hash.update(&((4 * m.width * self.len()) as u64).to_le_bytes());
            for row in 0..self.len() {
                hash.update(bytemuck::cast_slice(&m.row(row)));
            }
            word(&mut hash, &m.valid.iter().map(|&valid| u8::from(valid)).collect::<Vec<_>>());
        }
        hash.finalize().to_hex().to_string()
    }
}
