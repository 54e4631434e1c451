//! What the library promises, one module a promise.

#[cfg(feature = "torch")]
mod train;
