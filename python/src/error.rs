//! The library's errors as exceptions of `mmdg.errors`.

use mmdg::Error;
use pyo3::prelude::*;

/// The exception for an error, for `map_err`.
pub fn raise(error: Error) -> PyErr {
    let name = match error {
        Error::Input { .. } | Error::Usage(_) => "InputError",
        Error::Media { .. } => "MediaError",
        Error::Io { .. } => "IoError",
        Error::Environment { .. } => "MachineError",
        Error::Integrity { .. } => "IntegrityError",
        Error::Busy { .. } => "BusyError",
        _ => "Error",
    };
    Python::attach(|py| {
        let exception = py.import("mmdg.errors").and_then(|errors| errors.getattr(name)?.call1((error.to_string(),)));
        exception.map_or_else(|error| error, PyErr::from_value)
    })
}

/// Something that the caller gave is wrong.
pub fn input(input: impl std::fmt::Display, problem: impl Into<String>) -> PyErr {
    raise(Error::input(input, problem))
}
