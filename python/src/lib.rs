//! mmdg's stores for Python: `mmdg._native`. What its users see is in `mmdg/_native.pyi` and `mmdg/__init__.py`.

mod arrays;
mod batches;
mod error;
mod index;
mod open;
mod store;
mod write;

#[pyo3::pymodule]
mod _native {
    use numpy::{PyArray1, PyArrayMethods};
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::batches::{BatchIterator, Batches};
    #[pymodule_export]
    use super::store::{Modality, Store};
    #[pymodule_export]
    use super::write::write;
    #[pymodule_export]
    #[allow(non_upper_case_globals, reason = "Python's own name")]
    const __version__: &str = env!("CARGO_PKG_VERSION");

    /// What finds numpy's functions does so at their first use and panics where Ctrl-C comes between, so that use is here.
    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        drop(PyArray1::<u8>::zeros(module.py(), 0, false).readonly());
        Ok(())
    }
}
