//! Rust's memory as numpy arrays.

use half::f16;
use mmdg::store::batch::Values;
use mmdg::store::reader::Rows;
use mmdg::store::{Dtype, ModalityHeader};
use numpy::ndarray::{Array, ArrayView, IxDyn};
use numpy::{Element, PyArrayDescr, PyArrayDyn, PyArrayMethods};
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

/// A new array that is still to be filled.
pub enum Empty<'py> {
    U8(Bound<'py, PyArrayDyn<u8>>),
    F16(Bound<'py, PyArrayDyn<f16>>),
    F32(Bound<'py, PyArrayDyn<f32>>),
}

/// Its memory, for threads that do not hold the interpreter.
pub enum Memory<'a> {
    U8(&'a mut [u8]),
    F16(&'a mut [f16]),
    F32(&'a mut [f32]),
}

impl<'py> Empty<'py> {
    /// For `count` rows as they are handed out.
    pub fn new(py: Python<'py>, count: usize, header: &ModalityHeader, raw: bool) -> Self {
        let shape: Vec<usize> = [count].into_iter().chain(header.shape.iter().map(|&n| n as usize)).collect();
        // SAFETY: numpy's memory holds some number or other in each element, of types that any bytes are values of
        unsafe {
            match header.dtype {
                Dtype::U8 => Self::U8(PyArrayDyn::new(py, shape, false)),
                Dtype::F16 if raw => Self::F16(PyArrayDyn::new(py, shape, false)),
                _ => Self::F32(PyArrayDyn::new(py, shape, false)),
            }
        }
    }

    /// # Safety
    /// Nobody else may know the array, and this may be called once.
    pub unsafe fn memory(&self) -> PyResult<Memory<'_>> {
        // SAFETY: the caller's promise
        unsafe {
            Ok(match self {
                Self::U8(array) => Memory::U8(array.as_slice_mut()?),
                Self::F16(array) => Memory::F16(array.as_slice_mut()?),
                Self::F32(array) => Memory::F32(array.as_slice_mut()?),
            })
        }
    }

    /// The array, filled.
    pub fn into_array(self) -> Bound<'py, PyAny> {
        match self {
            Self::U8(array) => array.into_any(),
            Self::F16(array) => array.into_any(),
            Self::F32(array) => array.into_any(),
        }
    }
}

impl Memory<'_> {
    /// Copies rows into it, or decodes them.
    pub fn fill(self, from: Rows<'_>, rows: &[usize]) -> mmdg::Result<()> {
        match self {
            Self::U8(out) if from.header().jpeg.is_some() => {
                let row = from.header().row_elements() as usize;
                rows.iter().zip(out.chunks_exact_mut(row)).try_for_each(|(&place, out)| from.read(place, out))?;
            }
            Self::U8(out) => from.gather_bytes(rows, out),
            Self::F16(out) => from.gather_bytes(rows, bytemuck::cast_slice_mut(out)),
            Self::F32(out) => from.gather(rows, out),
        }
        Ok(())
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
        Dtype::U64 => PyArrayDescr::of::<u64>(py),
    }
}

/// Element type that rows are handed out in.
pub fn given<'py>(py: Python<'py>, header: &ModalityHeader, raw: bool) -> Bound<'py, PyArrayDescr> {
    match header.dtype {
        Dtype::U8 => PyArrayDescr::of::<u8>(py),
        Dtype::F16 if raw => PyArrayDescr::of::<f16>(py),
        _ => PyArrayDescr::of::<f32>(py),
    }
}
