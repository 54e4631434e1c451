//! `Store.batches`.

use std::sync::{Mutex, MutexGuard, PoisonError};

use mmdg::manifest::Split;
use mmdg::store::batch::Batch;
use mmdg::store::loader;
use mmdg::store::{Loader, Order};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::error::raise;
use crate::store::Store;

/// One epoch of batches; each `iter()` begins it anew.
#[pyclass(module = "mmdg", frozen)]
pub struct Batches {
    pub store: Py<Store>,
    pub loader: Loader,
    pub epoch: u64,
    pub batch_size: usize,
    /// Places of the modalities, where whoever asks for a batch reads it, straight into numpy's memory.
    pub direct: Option<Vec<usize>>,
}

#[pymethods]
impl Batches {
    fn __len__(&self) -> usize {
        self.loader.len()
    }

    fn __iter__(slf: &Bound<'_, Self>) -> BatchIterator {
        let this = slf.get();
        let order = this.direct.as_ref().map(|_| slf.py().detach(|| this.loader.order(this.epoch)));
        let place = Place { given: 0, process: 0, batches: None };
        BatchIterator { epoch: slf.clone().unbind(), order: order.unwrap_or_default(), place: place.into() }
    }
}

/// A walk through an epoch.
#[pyclass(module = "mmdg._native", frozen)]
pub struct BatchIterator {
    epoch: Py<Batches>,
    order: Vec<usize>,
    place: Mutex<Place>,
}

/// How far it is.
struct Place {
    given: usize,
    /// Whose threads read ahead.
    process: u32,
    batches: Option<loader::Batches>,
}

impl BatchIterator {
    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next of the batches that threads read. Not to be called with the interpreter's lock, which the place's holder may wait for.
    fn batch(&self, from: &Batches) -> mmdg::Result<Option<Batch>> {
        let mut place = self.place();
        if place.process != std::process::id() {
            // in a forked process there are no threads behind these batches, and to end them would mean to wait for them
            std::mem::forget(place.batches.take());
            let mut batches = from.loader.epoch(from.epoch)?;
            for _ in 0..place.given {
                batches.next().transpose()?;
            }
            *place = Place { process: std::process::id(), batches: Some(batches), ..*place };
        }
        place.given += 1;
        place.batches.as_mut().and_then(Iterator::next).transpose()
    }
}

#[pymethods]
impl BatchIterator {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let from = self.epoch.get();
        let store = from.store.get();
        let open = store.open(py)?;
        let Some(modalities) = &from.direct else {
            let batch = py.detach(|| self.batch(from)).map_err(raise)?;
            return batch.map(|batch| open.batch(py, batch)).transpose();
        };
        let number = {
            let given = &mut self.place().given;
            *given += 1;
            *given - 1
        };
        if number >= from.loader.len() {
            return Ok(None);
        }
        let end = self.order.len().min((number + 1) * from.batch_size);
        open.rows(py, &self.order[number * from.batch_size..end], modalities, store.raw()).map(Some)
    }
}

/// One name or several.
#[derive(FromPyObject)]
pub enum Names {
    /// In place of a list of one.
    One(String),
    /// Any sequence.
    Many(Vec<String>),
}

/// The names; none for all.
pub fn names(argument: &str, names: Option<Names>) -> PyResult<Vec<String>> {
    match names {
        None => Ok(Vec::new()),
        Some(Names::One(name)) => Ok(vec![name]),
        Some(Names::Many(names)) if names.is_empty() => {
            Err(PyValueError::new_err(format!("{argument}: an empty list; expected names, or None for all")))
        }
        Some(Names::Many(names)) => Ok(names),
    }
}

/// Splits by name.
pub fn splits(split: Option<Names>) -> PyResult<Vec<Split>> {
    let parse = |name: String| {
        Split::from_name(&name).ok_or_else(|| PyValueError::new_err(format!("split {name:?}; expected train, val or test")))
    };
    names("split", split)?.into_iter().map(parse).collect()
}

/// An order by name.
pub fn parse_order(name: &str) -> PyResult<Order> {
    match name {
        "rows" => Ok(Order::Rows),
        "shuffled" => Ok(Order::Shuffled),
        "domains" => Ok(Order::Domains),
        "classes" => Ok(Order::Classes),
        _ => Err(PyValueError::new_err(format!("order {name:?}; expected shuffled, domains, classes or rows"))),
    }
}
