//! What the project promises, a module a promise.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod report;
