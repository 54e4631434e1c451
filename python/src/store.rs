//! `mmdg.Store`.

use std::path::PathBuf;

use mmdg::manifest::LabelSpace;
use mmdg::store::{self, Loader, Options};
use numpy::PyArrayDescr;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};

use crate::arrays::{self, owned};
use crate::batches::{Batches, Names, names, parse_order, splits};
use crate::error::raise;
use crate::index::{self, Index};
use crate::open::Open;

/// A store as a map-style data set: `len(store)`, `store[i]`, `store[[…]]`, `store.batches(…)`. Made by `mmdg.open`.
///
/// It can be pickled (the path goes along, not the data; the copy opens it when it is first used) and used after a fork.
/// Many threads may read at once; the interpreter's lock is released meanwhile.
#[pyclass(module = "mmdg", frozen)]
pub struct Store {
    path: PathBuf,
    dtype: String,
    copy: bool,
    open: PyOnceLock<Open>,
}

/// What the rows of one modality look like.
#[pyclass(module = "mmdg", frozen, get_all)]
pub struct Modality {
    /// "video", "flow" or "audio".
    kind: &'static str,
    /// Shape of a row.
    shape: Py<PyTuple>,
    /// Element type as rows are handed out.
    dtype: Py<PyArrayDescr>,
    /// Element type in the files.
    stored: Py<PyArrayDescr>,
    /// Training views kept with each row; 0 for none.
    views: u64,
    /// Quality of the JPEGs that frames are stored as; None for plain pixels.
    jpeg: Option<u8>,
}

#[pymethods]
impl Modality {
    fn __repr__(&self, py: Python<'_>) -> String {
        format!("<mmdg.Modality {} {} {}>", self.kind, self.dtype.bind(py), self.shape.bind(py))
    }
}

impl Store {
    /// The store, open.
    pub fn open(&self, py: Python<'_>) -> PyResult<&Open> {
        self.open.get_or_try_init(py, || Open::new(py, &self.path))
    }

    /// Whether f16 stays as it is stored.
    pub fn raw(&self) -> bool {
        self.dtype == "stored"
    }

    fn store(&self, py: Python<'_>) -> PyResult<&store::Store> {
        Ok(&self.open(py)?.store)
    }
}

#[pymethods]
impl Store {
    #[new]
    #[pyo3(signature = (path, dtype="float32", copy=false))]
    fn new(path: PathBuf, dtype: &str, copy: bool) -> PyResult<Self> {
        if !["float32", "stored"].contains(&dtype) {
            return Err(PyValueError::new_err(format!("dtype {dtype:?}; expected \"float32\" or \"stored\"")));
        }
        let path = std::path::absolute(&path).map_err(mmdg::Error::io(mmdg::error::Action::Find, &path)).map_err(raise)?;
        Ok(Self { path, dtype: dtype.into(), copy, open: PyOnceLock::new() })
    }

    fn __getnewargs__(&self) -> (&PathBuf, &str, bool) {
        (&self.path, &self.dtype, self.copy)
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.store(py)?.len())
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        match self.open.get(py) {
            None => format!("<mmdg.Store {:?}, not yet opened>", self.path),
            Some(open) => {
                let names: Vec<&str> = open.store.header().modalities.iter().map(|modality| modality.name.as_str()).collect();
                format!("<mmdg.Store {:?}: {} rows of {}>", self.path, open.store.len(), names.join(", "))
            }
        }
    }

    fn __getitem__<'py>(slf: &Bound<'py, Self>, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
        let (py, this) = (slf.py(), slf.get());
        let open = this.open(py)?;
        match index::parse(index, open.store.len())? {
            Index::One(row) => open.sample(py, row, this.raw(), (!this.copy).then_some(slf.as_any())),
            Index::Many(rows) => open.rows(py, &rows, &open.all(), this.raw()),
        }
    }

    /// The folder.
    #[getter]
    fn path(&self) -> &PathBuf {
        &self.path
    }

    /// "features" or "clips".
    #[getter]
    fn holds(&self, py: Python<'_>) -> PyResult<&str> {
        Ok(&self.store(py)?.header().holds)
    }

    /// Names of the classes; a label is a place in this list. Empty where labels are values.
    #[getter]
    fn classes(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        Ok(self.store(py)?.header().labels.classes().to_vec())
    }

    /// The unit of labels that are values, "" for one without; None where labels are classes.
    #[getter]
    fn unit(&self, py: Python<'_>) -> PyResult<Option<&str>> {
        Ok(match &self.store(py)?.header().labels {
            LabelSpace::Classes(_) => None,
            LabelSpace::Values { unit } => Some(unit),
        })
    }

    /// Names of the domains.
    #[getter]
    fn domains(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        Ok(self.store(py)?.header().domains.clone())
    }

    /// What a row of each modality looks like, by name.
    #[getter]
    fn modalities<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let modalities = PyDict::new(py);
        for header in &self.store(py)?.header().modalities {
            let modality = Modality {
                kind: header.kind.name,
                shape: PyTuple::new(py, &header.shape)?.unbind(),
                dtype: arrays::given(py, header, self.raw()).unbind(),
                stored: arrays::stored(py, header).unbind(),
                views: header.views.as_ref().map_or(0, |views| views[0]),
                jpeg: header.jpeg,
            };
            modalities.set_item(&header.name, modality)?;
        }
        Ok(modalities)
    }

    /// The rows' columns by name: "id" and "path" lists of str; "label" and "domain" int64, places in `classes` and `domains` ("label" float32 where labels are values); "split" str
    /// ("train", "val", "test"); "start" and "end" float64, seconds of the recording, nan for up to its end. Arrays are `[rows]`, read-only.
    #[getter]
    fn manifest<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.open(py)?.manifest.bind(py).copy()
    }

    /// Every parameter that shaped the data.
    #[getter]
    fn recipe<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        py.import("json")?.call_method1("loads", (self.store(py)?.header().recipe.to_string(),))
    }

    /// Which rows a modality could be made for: bool `[rows]`. The others are zeros.
    fn valid<'py>(&self, py: Python<'py>, modality: &str) -> PyResult<Bound<'py, PyAny>> {
        let store = self.store(py)?;
        let rows = store.modality(modality).map_err(raise)?;
        owned(py, &[store.len()], (0..store.len()).map(|row| rows.valid(row)).collect())
    }

    /// The seconds of the recording that each row shows: float64 `[rows, 2]`, start and end.
    fn spans<'py>(&self, py: Python<'py>, modality: &str) -> PyResult<Bound<'py, PyAny>> {
        let store = self.store(py)?;
        let rows = store.modality(modality).map_err(raise)?;
        owned(py, &[store.len(), 2], (0..store.len()).flat_map(|row| rows.span(row)).collect())
    }

    /// When the frames of each row are shown, in seconds of the recording: float64 `[rows, frames]`, 0 frames where no times are kept.
    fn times<'py>(&self, py: Python<'py>, modality: &str) -> PyResult<Bound<'py, PyAny>> {
        let store = self.store(py)?;
        let rows = store.modality(modality).map_err(raise)?;
        let times = (0..store.len()).flat_map(|row| rows.times(row)).collect();
        owned(py, &[store.len(), rows.header().times as usize], times)
    }

    /// The rows of some domains and of a split, in the store's order: int64 `[n]`. Without either, all rows.
    #[pyo3(signature = (*, domains=None, split=None))]
    fn select<'py>(&self, py: Python<'py>, domains: Option<Names>, split: Option<Names>) -> PyResult<Bound<'py, PyAny>> {
        let options = Options { domains: names("domains", domains)?, splits: splits(split)?, ..Options::default() };
        let loader = Loader::new(self.open(py)?.store.clone(), options).map_err(raise)?;
        let rows: Vec<i64> = loader.rows().iter().map(|&row| row as i64).collect();
        owned(py, &[rows.len()], rows)
    }

    /// One modality of some rows, or of all: an array `[n, …]` of the caller's own.
    #[pyo3(signature = (modality, rows=None))]
    fn read<'py>(&self, py: Python<'py>, modality: String, rows: Option<&Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        let open = self.open(py)?;
        let places = open.places(std::slice::from_ref(&modality))?;
        let (rows, one) = match rows.map(|rows| index::parse(rows, open.store.len())).transpose()? {
            None => ((0..open.store.len()).collect(), false),
            Some(Index::One(row)) => (vec![row], true),
            Some(Index::Many(rows)) => (rows, false),
        };
        let array = open.rows(py, &rows, &places, self.raw())?.as_any().get_item(modality)?;
        if one { array.get_item(0) } else { Ok(array) }
    }

    /// One epoch of batches, dicts as `store[[…]]` gives them. Equal arguments give equal batches, whatever the number of threads.
    ///
    /// `order`: "shuffled" shows every row once; "domains" (or "classes") has as many rows of one domain (class) as of another in
    /// each batch, give or take one; "rows" goes as the rows lie.
    /// `modalities`, `domains`, `split`: names (one or several), None for all; `complete` leaves out rows that lack one of the modalities.
    /// `views`: in place of a clip one of its training views, drawn by seed, epoch and row.
    /// `threads` read ahead, at least one batch each and `ahead` in all; with 0 threads a batch is read when it is asked for.
    #[pyo3(signature = (
        batch_size, seed=0, epoch=0, *, modalities=None, domains=None, split=None, complete=false, order="shuffled", drop_last=false,
        views=false, threads=0, ahead=0
    ))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords")]
    fn batches(
        slf: &Bound<'_, Self>,
        batch_size: usize,
        seed: u64,
        epoch: u64,
        modalities: Option<Names>,
        domains: Option<Names>,
        split: Option<Names>,
        complete: bool,
        order: &str,
        drop_last: bool,
        views: bool,
        threads: usize,
        ahead: usize,
    ) -> PyResult<Batches> {
        let (py, this) = (slf.py(), slf.get());
        let open = this.open(py)?;
        let modalities = names("modalities", modalities)?;
        let options = Options {
            modalities: modalities.clone(),
            domains: names("domains", domains)?,
            splits: splits(split)?,
            complete,
            batch_size,
            seed,
            order: parse_order(order)?,
            drop_last,
            raw: this.raw(),
            views,
            threads,
            ahead,
        };
        let loader = Loader::new(open.store.clone(), options).map_err(raise)?;
        let modalities = if modalities.is_empty() { open.all() } else { open.places(&modalities)? };
        let direct = (threads == 0 && !views).then_some(modalities);
        Ok(Batches { store: slf.clone().unbind(), loader, epoch, batch_size, direct })
    }
}
