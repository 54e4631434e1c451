//! What this crate promises, a module a promise.

#[cfg(feature = "video")]
mod demo_data;
