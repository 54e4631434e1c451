//! What the project makes itself, so that it can be tried and tested without a recording of anybody's.

#[cfg(feature = "video")]
pub mod demo;
pub mod features;
