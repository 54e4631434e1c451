//! `mmdg.write`, behind `mmdg/writing.py`, which checks and orders what the caller gave.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use half::f16;
use mmdg::error::{Code, Failure};
use mmdg::manifest::{Labels, Manifest, Segment, Split};
use mmdg::modality::{Kind, kind_of};
use mmdg::sample::{Data, Dtype, Row};
use mmdg::span::Span;
use mmdg::stop::Stop;
use mmdg::store::{self, ModalityHeader, Plan};
use numpy::{PyArrayDyn, PyArrayMethods, PyReadonlyArrayDyn, PyUntypedArrayMethods};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::error::{input, raise};

/// What interrupted work is told.
const SIGINT: i32 = 2;

/// Rows of a modality in the caller's memory.
enum Source<'py> {
    U8(PyReadonlyArrayDyn<'py, u8>),
    F16(PyReadonlyArrayDyn<'py, f16>),
    F32(PyReadonlyArrayDyn<'py, f32>),
    F64(PyReadonlyArrayDyn<'py, f64>),
}

/// The same, seen by threads that do not hold the interpreter.
enum Values<'a> {
    U8(&'a [u8]),
    F16(&'a [f16]),
    F32(&'a [f32]),
    F64(&'a [f64]),
}

impl<'py> Source<'py> {
    fn new(array: &Bound<'py, PyAny>) -> PyResult<Self> {
        if let Ok(array) = array.cast::<PyArrayDyn<u8>>() {
            Ok(Self::U8(array.readonly()))
        } else if let Ok(array) = array.cast::<PyArrayDyn<f16>>() {
            Ok(Self::F16(array.readonly()))
        } else if let Ok(array) = array.cast::<PyArrayDyn<f32>>() {
            Ok(Self::F32(array.readonly()))
        } else if let Ok(array) = array.cast::<PyArrayDyn<f64>>() {
            Ok(Self::F64(array.readonly()))
        } else {
            Err(PyTypeError::new_err("expected an array of uint8, float16, float32 or float64"))
        }
    }

    fn shape(&self) -> &[usize] {
        match self {
            Self::U8(array) => array.shape(),
            Self::F16(array) => array.shape(),
            Self::F32(array) => array.shape(),
            Self::F64(array) => array.shape(),
        }
    }

    fn values(&self) -> PyResult<Values<'_>> {
        Ok(match self {
            Self::U8(array) => Values::U8(array.as_slice()?),
            Self::F16(array) => Values::F16(array.as_slice()?),
            Self::F32(array) => Values::F32(array.as_slice()?),
            Self::F64(array) => Values::F64(array.as_slice()?),
        })
    }
}

impl Values<'_> {
    fn row(&self, row: usize, width: usize) -> Data {
        let range = row * width..(row + 1) * width;
        match self {
            Self::U8(values) => Data::U8(values[range].to_vec()),
            Self::F16(values) => Data::F32(values[range].iter().map(|value| value.to_f32()).collect()),
            Self::F32(values) => Data::F32(values[range].to_vec()),
            Self::F64(values) => Data::F32(values[range].iter().map(|&value| value as f32).collect()),
        }
    }
}

/// A modality: name, kind, element type in the store, rows, which of them there are, and the quality of its JPEGs.
type Given<'py> = (String, Option<String>, String, Bound<'py, PyAny>, Option<Vec<bool>>, Option<u8>);
/// A row of the manifest: id, domain, split.
type Line = (String, usize, String);

/// The rows' labels.
#[derive(FromPyObject)]
pub enum GivenLabels {
    /// Places among the names of classes.
    Classes(Vec<usize>, Vec<String>),
    /// Values and their unit.
    Values(Vec<f32>, String),
}

/// Writes a whole store. Arrays are `[rows, …]`, in C order.
#[pyfunction]
pub fn write(
    py: Python<'_>,
    path: PathBuf,
    modalities: Vec<Given<'_>>,
    lines: Vec<Line>,
    labels: GivenLabels,
    domains: Vec<String>,
    recipe: &str,
) -> PyResult<()> {
    let manifest = manifest(lines, labels, domains)?;
    let recipe = serde_json::from_str(recipe).map_err(|error| input("recipe", error.to_string()))?;
    let sources = modalities.iter().map(|given| Source::new(&given.3)).collect::<PyResult<Vec<_>>>()?;
    let (mut headers, mut rows) = (Vec::new(), Vec::new());
    for ((name, kind, dtype, _, valid, jpeg), source) in modalities.iter().zip(&sources) {
        let dtype = parse(dtype)?;
        let kind = match kind {
            Some(kind) => parse(kind)?,
            None => kind_of(name).unwrap_or(if dtype == Dtype::U8 { Kind::VIDEO } else { Kind::FEATURES }),
        };
        let header = ModalityHeader {
            name: name.clone(),
            kind,
            dtype,
            shape: source.shape()[1..].iter().map(|&n| n as u64).collect(),
            times: 0,
            views: None,
            jpeg: *jpeg,
        };
        rows.push((source.values()?, header.row_elements() as usize, valid.as_deref()));
        headers.push(header);
    }
    let plan = Plan { holds: "features", manifest, modalities: headers, recipe, shard_bytes: None };
    let row = |modality: usize, row: u64| {
        let (values, width, valid) = &rows[modality];
        match valid {
            Some(valid) if !valid[row as usize] => {
                Err(Failure { code: Code::Absent, message: "the caller of mmdg.write has none".into() })
            }
            _ => Ok(Row::new(values.row(row as usize, *width), "mmdg.write")),
        }
    };
    attended(py, |stop| fill(&path, &plan, stop, row))
}

/// Threads of its own: those of a parent process do not come along when it forks.
fn fill(
    path: &Path,
    plan: &Plan,
    stop: &Stop,
    row: impl Fn(usize, u64) -> Result<Row, Failure> + Send + Sync,
) -> mmdg::Result<()> {
    let pool = rayon::ThreadPoolBuilder::new().build();
    let pool = pool.map_err(|error| mmdg::Error::environment(format!("cannot start threads: {error}"), "end other programs"))?;
    pool.install(|| store::write(path, plan, stop, row)).map(drop)
}

/// Does the work without the interpreter's lock, and stops it on Ctrl-C.
fn attended(py: Python<'_>, work: impl FnOnce(&Stop) -> mmdg::Result<()> + Send) -> PyResult<()> {
    let stop = Stop::default();
    py.detach(|| {
        std::thread::scope(|scope| {
            let (done, wait) = channel();
            let asked = stop.clone();
            scope.spawn(move || done.send(work(&asked)));
            let mut signal = Ok(());
            loop {
                match wait.recv_timeout(Duration::from_millis(100)) {
                    Ok(outcome) => return signal.and(outcome.map_err(raise)),
                    Err(RecvTimeoutError::Disconnected) => return Err(input("mmdg.write", "the thread that writes has ended")),
                    Err(RecvTimeoutError::Timeout) if signal.is_ok() => {
                        signal = Python::attach(|py| py.check_signals());
                        if signal.is_err() {
                            stop.ask(SIGINT);
                        }
                    }
                    Err(RecvTimeoutError::Timeout) => {}
                }
            }
        })
    })
}

fn manifest(lines: Vec<Line>, labels: GivenLabels, domains: Vec<String>) -> PyResult<Manifest> {
    let segment = |(id, domain, split): Line| {
        let split = Split::from_name(&split).ok_or_else(|| input("split", format!("{split:?}; expected train, val or test")))?;
        Ok(Segment { domain, split, ..Segment::new(id, "", Span::WHOLE) })
    };
    let segments = lines.into_iter().map(segment).collect::<PyResult<Vec<_>>>()?;
    let labels = match labels {
        GivenLabels::Classes(places, names) => Labels::classes(names, places),
        GivenLabels::Values(of, unit) => Labels::Values { unit, of },
    };
    if let Some(problem) = labels.problem(segments.len()) {
        return Err(input("labels", problem));
    }
    let manifest = Manifest { labels, domains, segments, test_set: None };
    manifest.doubles().into_iter().next().map_or(Ok(manifest), |problem| Err(input("ids", problem)))
}

/// A word as files have it.
fn parse<T: serde::de::DeserializeOwned>(word: &str) -> PyResult<T> {
    serde_json::from_value(word.into()).map_err(|error| input(word, error.to_string()))
}
