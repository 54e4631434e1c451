//! What there is of a store once it is open, and its rows as Python has them.

use std::path::Path;
use std::sync::Arc;

use half::f16;
use mmdg::manifest::{Labels, Manifest, Segment};
use mmdg::store::batch::{Batch, BatchLabels, Features};
use mmdg::store::reader::Rows;
use mmdg::store::{self, Dtype};
use numpy::Element;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use crate::arrays::{self, Empty, Memory, owned, view};
use crate::error::raise;

/// An open store.
pub struct Open {
    /// The store.
    pub store: Arc<store::Store>,
    /// Its modalities.
    names: Vec<Py<PyString>>,
    ids: Py<PyList>,
    /// Columns by name.
    pub manifest: Py<PyDict>,
}

impl Open {
    /// Opens the store in a folder.
    pub fn new(py: Python<'_>, path: &Path) -> PyResult<Self> {
        let store = py.detach(|| store::Store::open(path)).map_err(raise)?;
        let modalities = &store.header().modalities;
        let names = modalities.iter().map(|modality| PyString::intern(py, &modality.name).unbind()).collect();
        let ids = PyList::new(py, store.manifest().segments.iter().map(|segment| segment.id.as_str()))?;
        let manifest = columns(&ids, store.manifest())?;
        Ok(Self { store: Arc::new(store), names, ids: ids.unbind(), manifest: manifest.unbind() })
    }

    /// Places of modalities by name.
    pub fn places(&self, names: &[String]) -> PyResult<Vec<usize>> {
        let modalities = &self.store.header().modalities;
        let place = |name: &String| {
            // the library says what is wrong with an unknown name
            self.store.modality(name).map_err(raise)?;
            Ok(modalities.iter().position(|modality| modality.name == *name).unwrap_or_default())
        };
        names.iter().map(place).collect()
    }

    /// Places of all modalities.
    pub fn all(&self) -> Vec<usize> {
        (0..self.names.len()).collect()
    }

    /// One row, its arrays shown where they lie if `owner`, which keeps this, is given and they need no conversion.
    pub fn sample<'py>(
        &self,
        py: Python<'py>,
        row: usize,
        raw: bool,
        owner: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let segment = &self.store.manifest().segments[row];
        let (sample, valid) = (PyDict::new(py), PyDict::new(py));
        sample.set_item(intern!(py, "row"), row)?;
        sample.set_item(intern!(py, "id"), self.ids.bind(py).get_item(row)?)?;
        match &self.store.manifest().labels {
            Labels::Classes { of, .. } => sample.set_item(intern!(py, "label"), of[row])?,
            Labels::Values { of, .. } => sample.set_item(intern!(py, "label"), of[row])?,
        }
        sample.set_item(intern!(py, "domain"), segment.domain)?;
        for (name, header) in self.names.iter().zip(&self.store.header().modalities) {
            let rows = self.store.modality(&header.name).map_err(raise)?;
            sample.set_item(name, array(py, rows, row, raw, owner)?)?;
            valid.set_item(name, rows.valid(row))?;
        }
        sample.set_item(intern!(py, "valid"), valid)?;
        Ok(sample)
    }

    /// Rows side by side, of some modalities by place, read into arrays of the caller's own without the interpreter's lock.
    pub fn rows<'py>(&self, py: Python<'py>, rows: &[usize], modalities: &[usize], raw: bool) -> PyResult<Bound<'py, PyDict>> {
        let (headers, segments) = (&self.store.header().modalities, &self.store.manifest().segments);
        let from = modalities.iter().map(|&place| self.store.modality(&headers[place].name));
        let from = from.collect::<mmdg::Result<Vec<_>>>().map_err(raise)?;
        let empty: Vec<Empty<'_>> = from.iter().map(|from| Empty::new(py, rows.len(), from.header(), raw)).collect();
        // SAFETY: the arrays are new
        let memory = empty.iter().map(|empty| unsafe { empty.memory() }).collect::<PyResult<Vec<_>>>()?;
        let valid = py.detach(|| {
            let fill = |(memory, from): (Memory<'_>, &Rows<'_>)| {
                memory.fill(*from, rows)?;
                Ok(rows.iter().map(|&row| from.valid(row)).collect())
            };
            memory.into_iter().zip(&from).map(fill).collect::<mmdg::Result<Vec<Vec<bool>>>>()
        });
        let valid = valid.map_err(raise)?;
        let mut labels = BatchLabels::default();
        labels.read(&self.store.manifest().labels, rows);
        let domains = rows.iter().map(|&row| segments[row].domain as i64).collect();
        let arrays = modalities.iter().zip(empty).zip(valid);
        let arrays = arrays.map(|((&place, array), valid)| Ok((self.names[place].bind(py).clone(), array.into_array(), valid)));
        self.side_by_side(py, rows, labels, domains, arrays)
    }

    /// A batch that the library has read.
    pub fn batch<'py>(&self, py: Python<'py>, batch: Batch) -> PyResult<Bound<'py, PyDict>> {
        let array = |features: Features| {
            let name = PyString::new(py, &features.name);
            Ok((name, arrays::values(py, &features.shape, features.values)?, features.valid))
        };
        self.side_by_side(py, &batch.rows, batch.labels, batch.domains, batch.modalities.into_iter().map(array))
    }

    fn side_by_side<'py>(
        &self,
        py: Python<'py>,
        rows: &[usize],
        labels: BatchLabels,
        domains: Vec<i64>,
        arrays: impl Iterator<Item = PyResult<(Bound<'py, PyString>, Bound<'py, PyAny>, Vec<bool>)>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let (found, valid, ids) = (PyDict::new(py), PyDict::new(py), self.ids.bind(py));
        let column = |values| owned::<i64>(py, &[rows.len()], values);
        found.set_item(intern!(py, "row"), column(rows.iter().map(|&row| row as i64).collect())?)?;
        found.set_item(intern!(py, "id"), rows.iter().map(|&row| ids.get_item(row)).collect::<PyResult<Vec<_>>>()?)?;
        let labels = match labels {
            BatchLabels::Classes(places) => column(places)?,
            BatchLabels::Values(values) => owned::<f32>(py, &[rows.len()], values)?,
        };
        found.set_item(intern!(py, "label"), labels)?;
        found.set_item(intern!(py, "domain"), column(domains)?)?;
        for array in arrays {
            let (name, array, there) = array?;
            found.set_item(&name, array)?;
            valid.set_item(&name, owned(py, &[rows.len()], there)?)?;
        }
        found.set_item(intern!(py, "valid"), valid)?;
        Ok(found)
    }
}

/// The manifest's columns; arrays cannot be written to.
fn columns<'py>(ids: &Bound<'py, PyList>, Manifest { segments, labels, .. }: &Manifest) -> PyResult<Bound<'py, PyDict>> {
    let (py, count) = (ids.py(), segments.len());
    let places = |place: fn(&Segment) -> usize| owned(py, &[count], segments.iter().map(|s| place(s) as i64).collect::<Vec<_>>());
    let seconds = |second: fn(&Segment) -> f64| owned(py, &[count], segments.iter().map(second).collect::<Vec<_>>());
    let splits = PyList::new(py, segments.iter().map(|segment| segment.split.name()))?;
    let label = match labels {
        Labels::Classes { of, .. } => owned(py, &[count], of.iter().map(|&place| i64::from(place)).collect::<Vec<_>>())?,
        Labels::Values { of, .. } => owned(py, &[count], of.clone())?,
    };
    let arrays = [
        ("label", label),
        ("domain", places(|segment| segment.domain)?),
        ("split", py.import("numpy")?.call_method1("array", (splits, "<U5"))?),
        ("start", seconds(|segment| segment.span.start)?),
        ("end", seconds(|segment| segment.span.end.unwrap_or(f64::NAN))?),
    ];
    let columns = PyDict::new(py);
    columns.set_item("id", ids)?;
    for (name, array) in arrays {
        arrays::lock(&array)?;
        columns.set_item(name, array)?;
    }
    columns.set_item("path", PyList::new(py, segments.iter().map(|segment| segment.path.to_string_lossy()))?)?;
    Ok(columns)
}

fn array<'py>(
    py: Python<'py>,
    rows: Rows<'_>,
    row: usize,
    raw: bool,
    owner: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let header = rows.header();
    let shape: Vec<usize> = header.shape.iter().map(|&n| n as usize).collect();
    let bytes = rows.bytes(row);
    match header.dtype {
        Dtype::U8 if header.jpeg.is_some() => owned(py, &shape, py.detach(|| rows.data(row)).map_err(raise)?.into_owned()),
        Dtype::U8 => stored::<u8>(py, &shape, bytes, owner),
        Dtype::F16 if raw => stored::<f16>(py, &shape, bytes, owner),
        Dtype::F32 => stored::<f32>(py, &shape, bytes, owner),
        Dtype::F16 | Dtype::F64 | Dtype::U64 => owned(py, &shape, rows.values(row).into_owned()),
    }
}

fn stored<'py, T: Element + bytemuck::Pod>(
    py: Python<'py>,
    shape: &[usize],
    bytes: &[u8],
    owner: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    match (owner, bytemuck::try_cast_slice(bytes)) {
        // SAFETY: the bytes lie in the open store, which `owner` keeps and never replaces
        (Some(owner), Ok(values)) => unsafe { view::<T>(owner.clone(), shape, values) },
        _ => owned::<T>(py, shape, bytemuck::pod_collect_to_vec(bytes)),
    }
}
