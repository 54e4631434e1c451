//! Rust's memory as numpy arrays.

use half::f16;
use mmdg::store::loader::Values;
use mmdg::store::{Dtype, ModalityHeader};
use numpy::ndarray::{Array, ArrayView, IxDyn};
use numpy::{Element, PyArrayDescr, PyArrayDyn};
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;

/// An array that owns `values`.
pub fn owned<'py, T: Element>(py: Python<'py>, shape: &[usize], values: Vec<T>) -> PyResult<Bound<'py, PyAny>> {
    let array = Array::from_shape_vec(IxDyn(shape), values).map_err(|error| PyValueError::new_err(error.to_string()))?;
    Ok(PyArrayDyn::from_owned_array(py, array).into_any())
}

/// As [`owned`], whatever they are.
pub fn values<'py>(py: Python<'py>, shape: &[usize], values: Values) -> PyResult<Bound<'py, PyAny>> {
    match values {
        Values::F32(values) => owned(py, shape, values),
        Values::F16(values) => owned(py, shape, values),
        Values::U8(values) => owned(py, shape, values),
    }
}

/// An array that shows `values` and cannot be written to.
///
/// # Safety
/// `values` must lie there unchanged for as long as `owner` lives.
pub unsafe fn view<'py, T: Element>(owner: Bound<'py, PyAny>, shape: &[usize], values: &[T]) -> PyResult<Bound<'py, PyAny>> {
    let array = ArrayView::from_shape(IxDyn(shape), values).map_err(|error| PyValueError::new_err(error.to_string()))?;
    // SAFETY: the caller's promise
    let array = unsafe { PyArrayDyn::borrow_from_array(&array, owner) }.into_any();
    lock(&array)?;
    Ok(array)
}

/// Makes an array one that cannot be written to.
pub fn lock(array: &Bound<'_, PyAny>) -> PyResult<()> {
    array.call_method1(intern!(array.py(), "setflags"), (false,)).map(drop)
}

/// Element type that rows are stored in.
pub fn stored<'py>(py: Python<'py>, header: &ModalityHeader) -> Bound<'py, PyArrayDescr> {
    match header.dtype {
        Dtype::U8 => PyArrayDescr::of::<u8>(py),
        Dtype::F16 => PyArrayDescr::of::<f16>(py),
        Dtype::F32 => PyArrayDescr::of::<f32>(py),
        Dtype::F64 => PyArrayDescr::of::<f64>(py),
    }
}

/// Element type that rows are handed out in.
pub fn given<'py>(py: Python<'py>, header: &ModalityHeader, raw: bool) -> Bound<'py, PyArrayDescr> {
    match header.dtype {
        Dtype::U8 => PyArrayDescr::of::<u8>(py),
        Dtype::F16 if raw => PyArrayDescr::of::<f16>(py),
        Dtype::F16 | Dtype::F32 | Dtype::F64 => PyArrayDescr::of::<f32>(py),
    }
}
