//! What the project promises, a module a promise.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(feature = "video")]
mod demo_data;
mod environment;
mod layering;
mod report;
