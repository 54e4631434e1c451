//! `Store.batches`.

use std::sync::{Mutex, PoisonError};

use mmdg::manifest::Split;
use mmdg::store::loader::{self, Batch};
use mmdg::store::{Loader, Order};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::error::raise;
use crate::store::Store;

/// One epoch of batches; each `iter()` begins it anew.
#[pyclass(module = "mmdg", frozen)]
pub struct Batches {
    store: Py<Store>,
    loader: Loader,
    epoch: u64,
}

impl Batches {
    /// Of the rows that the loader chose.
    pub fn new(store: Py<Store>, loader: Loader, epoch: u64) -> Self {
        Self { store, loader, epoch }
    }
}

#[pymethods]
impl Batches {
    fn __len__(&self) -> usize {
        self.loader.len()
    }

    fn __iter__(&self, py: Python<'_>) -> PyResult<BatchIterator> {
        let place = Place { process: 0, given: 0, batches: None };
        Ok(BatchIterator { store: self.store.clone_ref(py), loader: self.loader.clone(), epoch: self.epoch, place: place.into() })
    }
}

/// A walk through an epoch.
#[pyclass(module = "mmdg._native", frozen)]
pub struct BatchIterator {
    store: Py<Store>,
    loader: Loader,
    epoch: u64,
    place: Mutex<Place>,
}

/// How far it is.
struct Place {
    /// Whose threads read ahead.
    process: u32,
    given: usize,
    batches: Option<loader::Batches>,
}

impl BatchIterator {
    fn batch(&self) -> mmdg::Result<Option<Batch>> {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        if place.process != std::process::id() {
            // in a forked process there are no threads behind these batches, and to end them would mean to wait for them
            std::mem::forget(place.batches.take());
            let mut batches = self.loader.epoch(self.epoch)?;
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
        let batch = py.detach(|| self.batch()).map_err(raise)?;
        batch.map(|batch| self.store.get().open(py)?.batch(py, batch)).transpose()
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
