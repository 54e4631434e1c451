//! Soon.

#[cfg(feature = "onnx")]
pub mod runtime;
